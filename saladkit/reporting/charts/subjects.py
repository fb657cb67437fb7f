"""Accuracy by subject: a bar for each model on speech input, and a line for the text LLM on text input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, TITLE, WIDE, finish, groups_of_rows, new_figure, shortened
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.findings import Findings
from saladkit.reporting.number_format import percent
from saladkit.scoring.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {False: "Unheard subjects", True: "Heard subjects", None: "Subjects"}
ALL, LETTERS = "all subjects", 24  # the first row of a group; how many letters of a subject's name are shown


@dataclass(frozen=True)
class SubjectRow:
    """Accuracies of the models, and of the text LLM, on one subject or on all subjects of a group."""

    label: str
    accuracies: dict[str, Estimate]
    ceiling: Estimate


def draw_subjects(findings: Findings, width: int) -> Figure:
    """Draw the unheard and the heard subjects as two groups."""
    groups = {heard: rows for heard in TITLES if (rows := _rows(findings, heard))}
    sizes = [len(rows) for rows in groups.values()]
    figure = new_figure("Accuracy on spoken questions by subject, with 95 % intervals")
    axes = groups_of_rows(figure, width, sizes)
    for panel, (heard, rows) in zip(axes, groups.items(), strict=True):
        panel.set_title(TITLES[heard])
        label_rows(
            panel,
            [shortened(row.label, LETTERS) for row in rows],
            [f"n = {row.ceiling.items}" for row in rows],
            height=row_height(len(findings.models)),
            room=max(sizes) if width >= WIDE else 0,
        )
        _draw_group(findings, panel, rows)
    shown = max(sizes) if width >= WIDE else sum(sizes)
    heads = (TITLE + AXIS) * (1 if width >= WIDE else len(sizes))
    return finish(figure, width, shown * row_height(len(findings.models)) + heads)


def _draw_group(findings: Findings, axes: Axes, rows: list[SubjectRow]) -> None:
    colours = series_colours(model.name for model in findings.models)
    for place, model in enumerate(findings.models):
        bars = [_bar(model.label, row.accuracies[model.name]) for row in rows]
        draw_bars(axes, bars, colours[model.name], f"{model.label}, speech", place, len(findings.models))
    for index, row in enumerate(rows):
        ceiling, ends = 100 * row.ceiling.value, (index - 0.42, index + 0.42)
        axes.vlines(ceiling, *ends, color=LIGHT["ink"], linewidth=2.5, zorder=4, label="text LLM, text")
    if findings.chance is not None:
        guess, ends = f"random choice, {percent(findings.chance, 0)}", (-0.5, len(rows) - 0.5)
        axes.vlines(
            100 * findings.chance, *ends, color=LIGHT["soft"], linewidth=1.5, linestyle=(0, (1, 2)), label=guess
        )
    if rows[0].label == ALL:
        axes.axhline(0.5, color=LIGHT["line"], linewidth=1)
        axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set_xlim(0, 101)
    axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])


def _rows(findings: Findings, heard: bool | None) -> list[SubjectRow]:
    """Return a row for each heard or each unheard subject; if there are several, a row for all of them comes first.

    Args:
        heard: None for the subjects of which it is not known.
    """
    teacher, models = findings.teacher, findings.models
    rows = [
        SubjectRow(name, {model.name: model.by_subject[name] for model in models}, teacher.by_subject[name])
        for name in [subject.name for subject in findings.subjects if subject.heard == heard]
    ]
    attribute = {True: "heard", False: "unheard", None: "all"}[heard]
    ceiling = getattr(teacher, attribute)
    together = {model.name: model.speech if heard is None else getattr(model, attribute) for model in models}
    if len(rows) < 2 or ceiling is None:
        return rows
    return [SubjectRow(ALL, {name: group for name, group in together.items() if group}, ceiling), *rows]


def _bar(label: str, accuracy: Estimate) -> Bar:
    tooltip = f"{label}: {percent(accuracy.value)} ({percent(accuracy.low)} to {percent(accuracy.high)})"
    return Bar(100 * accuracy.value, tooltip, 100 * accuracy.low, 100 * accuracy.high)
