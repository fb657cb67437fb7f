"""Misalignment by the amount of training, on a logarithmic axis, with the law that was fitted to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saladkit.reporting.charts.figures import AXIS, add_tooltip, finish, new_figure, shortened
from saladkit.reporting.charts.palette import LIGHT
from saladkit.reporting.charts.training import PANEL, rule_logarithmic
from saladkit.reporting.misalignment_curve import MisalignmentCurve, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LETTERS = 22  # of a label
DECADE = 10
REACH = 1.25  # how far the axis and the law go beyond the points, as a factor


def draw_misalignment(curve: MisalignmentCurve, width: int) -> Figure:
    """Draw a point with its interval for each checkpoint, and the law as a line."""
    said = "; ".join(map(described, curve.points))
    figure = new_figure(f"Misalignment in nats per text token by positions of training. {said}")
    axes = figure.subplots()
    for point in curve.points:
        of = point.misalignment
        axes.vlines(point.positions, of.low, of.high, color=LIGHT["blue"], linewidth=1.25, alpha=0.6)
        # A line without length and with round ends: the page's SVG has no symbols that several marks share.
        at = ([point.positions] * 2, [of.value] * 2)
        (mark,) = axes.plot(*at, color=LIGHT["blue"], linewidth=7, solid_capstyle="round", zorder=3)
        add_tooltip(mark, described(point))
        axes.annotate(
            shortened(point.name, LETTERS), (point.positions, of.value), (7, 5), textcoords="offset points", fontsize=11
        )
    amounts = [point.positions for point in curve.points]
    if curve.law:
        along = np.geomspace(min(amounts) / REACH, max(amounts) * REACH, 64)
        law = curve.law["floor"] + curve.law["scale"] * along ** -curve.law["exponent"]
        axes.plot(along, law, color=LIGHT["soft"], linewidth=1.5)
    axes.set_xlim(min(amounts) / REACH, max(amounts) * REACH**2)
    rule_logarithmic(axes)
    _rule_amounts(axes, wide=max(amounts) > DECADE * min(amounts))
    axes.set_xlabel("positions", color=LIGHT["soft"], fontsize=11, loc="right")
    return finish(figure, width, PANEL + AXIS)


def _rule_amounts(axes: Axes, *, wide: bool) -> None:
    """Rule the x axis: logarithmic for amounts of over a decade, with plain numbers."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    if wide:
        axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator() if wide else MaxNLocator(4))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:,.0f}")


def described(point: Point) -> str:
    """Say what one checkpoint measured."""
    of = point.misalignment
    return f"{point.name}: {of.value:.3f} ({of.low:.3f} to {of.high:.3f}) after {point.positions:,.0f} positions"
