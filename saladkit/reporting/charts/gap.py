"""The gap of every model, split into forgetting and misalignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, TITLE, WIDE, finish, groups_of_rows, new_figure, shortened
from saladkit.reporting.findings import Findings, GapSplit
from saladkit.reporting.number_format import points, signed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS, NUMBER = 22, 0.18  # letters of a label; room for a number beside a bar, as a share of the axis


def draw_gap(findings: Findings, width: int) -> Figure:
    """Draw stacked bars in points: over all questions, and over the unheard subjects where there are any."""
    groups = [("All questions", [(model.label, model.gap) for model in findings.models])]
    unheard = [(model.label, model.gap_unheard) for model in findings.models if model.gap_unheard]
    if unheard:
        groups.append(("Unheard subjects", unheard))
    figure = new_figure("The gap in points, split into forgetting and misalignment")
    axes = groups_of_rows(figure, width, [len(splits) for _, splits in groups])
    ends = [0.0]
    for panel, (title, splits) in zip(axes, groups, strict=True):
        panel.set_title(f"{title}, n = {splits[0][1].total.items}")
        stacks = [stacked(label, gap) for label, gap in splits]
        draw_bars(panel, [first for first, _ in stacks], "pink", "forgetting: lost from text input")
        last = draw_bars(panel, [second for _, second in stacks], "sky", "misalignment: lost between text and speech")
        panel.bar_label(last, [signed(gap.total.value) for _, gap in splits], padding=5)
        label_rows(panel, [shortened(label, LETTERS) for label, _ in splits])
        ends += [end for stack in stacks for bar in stack for end in (bar.start, bar.value)]
    span = max(ends) - min(ends) or 1.0
    for panel in axes:
        panel.set_xlim(min(ends) - (NUMBER * span if min(ends) < -NUMBER * span else 0), max(ends) + NUMBER * span)
    rows = len(findings.models) * row_height(1) + TITLE + AXIS
    return finish(figure, width, rows if width >= WIDE else rows * len(groups))


def stacked(label: str, gap: GapSplit) -> tuple[Bar, Bar]:
    """Return forgetting and misalignment end to end: losses to the right of zero, gains to its left."""
    first, second = gap.forgetting, gap.misalignment
    start = first.value if (first.value > 0) == (second.value > 0) else 0.0
    forgetting = Bar(first.value, f"{label}, forgetting: {points(first)}")
    return forgetting, Bar(start + second.value, f"{label}, misalignment: {points(second)}", start=start)
