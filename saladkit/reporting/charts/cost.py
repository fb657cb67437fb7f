"""Seconds and peak memory of every step, in the order in which the steps ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, WIDE, finish, new_figure, shortened
from saladkit.reporting.inventory import Step
from saladkit.reporting.number_format import duration, memory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS, NARROW_LETTERS = 40, 22  # of a label


def draw_cost(steps: list[Step], width: int) -> Figure:
    """Draw a bar for the seconds of each step, with the seconds and the memory as numbers beside the bar."""
    figure = new_figure("Seconds and peak memory of every step")
    axes = figure.subplots()
    bars = [Bar(step.seconds, f"{step.name}: {step.seconds:g} s") for step in steps]
    drawn = draw_bars(axes, bars, "slate", "seconds")
    costs = [f"{duration(step.seconds)}, {memory(step.peak_memory_bytes)}" for step in steps]
    axes.bar_label(drawn, costs, padding=5, fontsize=11)
    labels = [f"{step.name} ({step.command}{', resumed' if step.resumed else ''})" for step in steps]
    if width < WIDE:
        labels = [step.name for step in steps]
    label_rows(axes, [shortened(label, LETTERS if width >= WIDE else NARROW_LETTERS) for label in labels])
    axes.xaxis.set_major_formatter("{x:g} s")
    axes.margins(x=0.2 if width >= WIDE else 0.5)
    axes.set_xlim(left=0)
    return finish(figure, width, len(steps) * row_height(1) + AXIS)
