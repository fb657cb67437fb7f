"""The gap of every model, split into forgetting and misalignment."""

from saladkit.reporting.charts.bars import LABEL_MARGIN, THICK, Bar, Row, draw_rows, label_width, round_scale
from saladkit.reporting.charts.canvas import WIDE, Box, Canvas, LegendEntry
from saladkit.reporting.findings import Findings, GapSplit
from saladkit.reporting.number_format import points, signed

HEADING, MAX_LABEL, NUMBER = 38, 150, 52  # px
LEGEND = [
    LegendEntry("forgetting: lost from text input", "pink"),
    LegendEntry("misalignment: lost between text and speech input", "sky"),
]


def draw_gap(findings: Findings, width: int) -> Canvas:
    """Draw stacked bars in points: over all questions, and over the unheard subjects where there are any."""
    groups = [("All questions", [(model.label, model.gap) for model in findings.models])]
    if all(model.gap_unheard for model in findings.models):
        unheard = [(model.label, model.gap_unheard) for model in findings.models if model.gap_unheard]
        groups.append(("Unheard subjects", unheard))
    parts = [[gap.forgetting.value, gap.misalignment.value] for _, splits in groups for _, gap in splits]
    losses = [sum(value for value in of_model if value > 0) for of_model in parts]
    gains = [sum(value for value in of_model if value < 0) for of_model in parts]
    scale = round_scale(min(0.0, *gains), max(1.0, *losses))
    canvas = Canvas("The gap in points, split into forgetting and misalignment", width)
    page = Box(0, 0, width)
    top = canvas.legend(page, LEGEND) + 6
    bottoms = [top]
    columns = page.columns(len(groups)) if width >= WIDE else [page] * len(groups)
    for (title, splits), column in zip(groups, columns, strict=True):
        start = top if width >= WIDE else bottoms[-1]
        canvas.heading(column.left, start + HEADING / 2, title, f"n = {splits[0][1].total.items}")
        rows = [Row(label, "", [_stack(label, gap)], number=signed(gap.total.value)) for label, gap in splits]
        labels = min(MAX_LABEL, LABEL_MARGIN + max(map(label_width, rows)))
        box = column.below(start + HEADING)
        bottoms.append(draw_rows(canvas, box, rows, scale, label_width=labels, number_width=NUMBER, thickness=THICK))
    return canvas.finish(max(bottoms))


def _stack(label: str, gap: GapSplit) -> list[Bar]:
    """Return forgetting and misalignment end to end: losses to the right of zero, gains to its left."""
    ends = {False: 0.0, True: 0.0}
    bars = []
    for name, part, colour in (("forgetting", gap.forgetting, "pink"), ("misalignment", gap.misalignment, "sky")):
        start = ends[part.value > 0]
        ends[part.value > 0] = start + part.value
        bars.append(Bar(start + part.value, colour, f"{label}, {name}: {points(part)}", start=start))
    return bars
