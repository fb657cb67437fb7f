"""Accuracy on spoken questions by voice: a bar for each model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saladkit.reporting.accuracy_by_voice import VoiceRow
from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, WIDE, finish, new_figure, shortened
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.findings import ModelFindings
from saladkit.reporting.number_format import percent
from saladkit.scoring.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS, NARROW_LETTERS = 36, 20  # of a label


def draw_voices(rows: list[VoiceRow], models: list[ModelFindings], width: int) -> Figure:
    """Draw a row for each voice, with a bar for each model and an upright line for the text LLM."""
    figure = new_figure("Accuracy on spoken questions by voice, with 95 % intervals")
    axes = figure.subplots()
    colours = series_colours(model.name for model in models)
    for place, model in enumerate(models):
        bars = [_bar(model.label, row.accuracies[model.name]) for row in rows]
        draw_bars(axes, bars, colours[model.name], f"{model.label}, speech", place, len(models))
    for index, row in enumerate(rows):
        if row.read:
            ends = (index - 0.42, index + 0.42)
            axes.vlines(
                100 * row.read.value, *ends, color=LIGHT["ink"], linewidth=2.5, zorder=4, label="text LLM, text"
            )
    letters = LETTERS if width >= WIDE else NARROW_LETTERS
    label_rows(
        axes,
        [shortened(row.speaker, letters) for row in rows],
        [f"{'held out, ' if row.held_out else ''}n = {row.items}" for row in rows],
        height=row_height(len(models)),
    )
    axes.set_xlim(0, 101)
    axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    return finish(figure, width, len(rows) * row_height(len(models)) + AXIS)


def _bar(label: str, accuracy: Estimate) -> Bar:
    tooltip = f"{label}: {percent(accuracy.value)} ({percent(accuracy.low)} to {percent(accuracy.high)})"
    return Bar(100 * accuracy.value, tooltip, 100 * accuracy.low, 100 * accuracy.high)
