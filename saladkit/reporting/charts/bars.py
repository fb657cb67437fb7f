"""Horizontal bars in groups, with intervals, remarks and tooltips: what most charts of the report consist of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.reporting.charts.figures import add_tooltip
from saladkit.reporting.charts.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

BAR, BETWEEN, LINE = 12, 14, 15  # px: a bar with the space after it; the space between two rows; a line of text
FILLED = 0.78  # of a bar's height, with the space after it


@dataclass(frozen=True)
class Bar:
    """A bar from `start` to `value`, with an interval where `low` and `high` are given."""

    value: float
    tooltip: str
    low: float | None = None
    high: float | None = None
    start: float = 0.0


def row_height(series: int) -> int:
    """Return the height in px of a row with one bar for each series."""
    return BETWEEN + BAR * series


def label_rows(
    axes: Axes, labels: list[str], remarks: list[str] | None = None, *, height: float = BAR + BETWEEN, room: int = 0
) -> None:
    """Write the label of every row at its left, from the top down, with a remark in smaller type below it.

    Args:
        axes: axes whose y axis counts rows from 0.
        labels: label of each row.
        remarks: remark of each row; None for no remarks.
        height: height of a row in px, needed with remarks.
        room: number of rows that the axes have room for, if larger than the number of labels.
    """
    shift = LINE / 2 / height if remarks else 0.0
    axes.set_yticks([row - shift for row in range(len(labels))], labels)
    if remarks:
        axes.set_yticks([row + shift for row in range(len(labels))], remarks, minor=True)
        axes.tick_params(axis="y", which="minor", labelsize=11, labelcolor=LIGHT["soft"])
    axes.grid(visible=False, axis="y")
    axes.set_ylim(max(room, len(labels)) - 0.5, -0.5)
    draw_zero(axes, len(labels))


def draw_zero(axes: Axes, rows: int) -> None:
    """Draw the line at zero, where the bars of all rows start, and write plain numbers below the axes."""
    axes.vlines(0, -0.5, rows - 0.5, color=LIGHT["soft"], linewidth=1, zorder=1)
    axes.xaxis.set_major_formatter("{x:g}")


def draw_bars(axes: Axes, bars: list[Bar], colour: str, label: str, place: int = 0, places: int = 1) -> BarContainer:
    """Draw one bar of a series in every row.

    Args:
        axes: with rows from 0 downward.
        bars: one for each row.
        colour: of the series.
        label: of the series, in the legend.
        place, places: which bar of a row this series is, of how many.
    """
    thickness = BAR / row_height(places)
    heights = [row + (place - (places - 1) / 2) * thickness for row in range(len(bars))]
    widths, starts = [bar.value - bar.start for bar in bars], [bar.start for bar in bars]
    drawn = axes.barh(heights, widths, FILLED * thickness, starts, color=LIGHT[colour], label=label, zorder=2)
    for patch, bar, height in zip(drawn, bars, heights, strict=True):
        add_tooltip(patch, bar.tooltip)
        if bar.low is not None and bar.high is not None:
            axes.hlines(height, bar.low, bar.high, color=LIGHT["ink"], linewidth=1.25, alpha=0.6, zorder=3)
    return drawn
