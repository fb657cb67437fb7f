"""Accuracy by subject: a bar for each model from speech input, and a line for the text LLM from text input."""

from saladkit.reporting.charts.bars import LABEL_MARGIN, PERCENT, Bar, Row, draw_rows, label_width
from saladkit.reporting.charts.canvas import WIDE, Box, Canvas, LegendEntry
from saladkit.reporting.charts.palette import series_colours
from saladkit.reporting.findings import Findings
from saladkit.reporting.number_format import percent
from saladkit.scoring.statistics import Estimate

HEADINGS = {False: ("Unheard subjects", "not in the natural speech"), True: ("Heard subjects", "in the natural speech")}
HEADING, MAX_LABEL = 38, 190  # px


def draw_subjects(findings: Findings, width: int) -> Canvas:
    """Draw unheard and heard subjects, beside each other on a wide page and below each other on a narrow one."""
    groups = {heard: _rows(findings, heard) for heard in (False, True)}
    groups = {heard: rows for heard, rows in groups.items() if rows}
    labels = min(MAX_LABEL, LABEL_MARGIN + max(label_width(row) for rows in groups.values() for row in rows))
    canvas = Canvas("Accuracy on spoken questions by subject, with 95 % intervals", width)
    page = Box(0, 0, width)
    top = canvas.legend(page, _legend(findings)) + 6
    bottoms = [top]
    columns = page.columns(len(groups)) if width >= WIDE else [page] * len(groups)
    for (heard, rows), column in zip(groups.items(), columns, strict=True):
        start = top if width >= WIDE else bottoms[-1]
        canvas.heading(column.left, start + HEADING / 2, *HEADINGS[heard])
        box = column.below(start + HEADING)
        bottoms.append(draw_rows(canvas, box, rows, PERCENT, label_width=labels, dotted=100 * findings.chance))
    return canvas.finish(max(bottoms))


def _rows(findings: Findings, heard: bool) -> list[Row]:
    """Return a row for each subject of one kind, below a row for all subjects of the kind."""
    teacher = findings.teacher
    rows = [
        _row(
            findings,
            subject.name,
            subject.items,
            {model.name: model.by_subject[subject.name] for model in findings.models},
            teacher.by_subject[subject.name],
        )
        for subject in findings.subjects
        if subject.heard == heard
    ]
    ceiling = teacher.heard if heard else teacher.unheard
    if len(rows) < 2 or ceiling is None:
        return rows
    groups = {model.name: model.heard if heard else model.unheard for model in findings.models}
    together = {name: group for name, group in groups.items() if group}
    return [_row(findings, "all subjects", ceiling.items, together, ceiling, bold=True), *rows]


def _row(
    findings: Findings,
    label: str,
    items: int,
    accuracies: dict[str, Estimate],
    ceiling: Estimate,
    bold: bool = False,
) -> Row:
    colours = series_colours(accuracies)
    tracks = []
    for model in findings.models:
        accuracy = accuracies[model.name]
        tooltip = f"{model.label}: {percent(accuracy.value)} ({percent(accuracy.low)} to {percent(accuracy.high)})"
        ends = (100 * accuracy.low, 100 * accuracy.high)
        tracks.append([Bar(100 * accuracy.value, colours[model.name], tooltip, *ends)])
    return Row(label, f"n = {items}", tracks, ceiling=100 * ceiling.value, bold=bold)


def _legend(findings: Findings) -> list[LegendEntry]:
    colours = series_colours(model.name for model in findings.models)
    entries = [LegendEntry(f"{model.label}, speech", colours[model.name]) for model in findings.models]
    entries.append(LegendEntry("text LLM, text", "ink", "upright"))
    return [*entries, LegendEntry(f"guessing, {percent(findings.chance, 0)}", "soft", "dotted")]
