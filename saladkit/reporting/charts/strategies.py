"""What each selection strategy gains over the control, on unheard and on heard subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, finish, new_figure, shortened
from saladkit.reporting.number_format import points
from saladkit.reporting.strategy_comparison import StrategyFindings
from saladkit.scoring.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LETTERS = 26  # of a label


def draw_strategies(strategies: list[StrategyFindings], width: int) -> Figure:
    """Draw a row for each strategy except the control (the first strategy), the best one first."""
    gains = [(s.label, s.unheard_gain, s.heard_gain) for s in strategies if s.unheard_gain and s.heard_gain]
    gains.sort(key=lambda gain: -gain[1].value)
    figure = new_figure(f"Accuracy of each selection strategy minus that of {strategies[0].label}, in points")
    axes = figure.subplots()
    draw_bars(axes, [_bar("unheard", unheard) for _, unheard, _ in gains], "blue", "unheard subjects", 0, 2)
    draw_bars(axes, [_bar("heard", heard) for _, _, heard in gains], "grey", "heard subjects", 1, 2)
    label_rows(axes, [shortened(label, LETTERS) for label, _, _ in gains])
    return finish(figure, width, len(gains) * row_height(2) + AXIS)


def _bar(subjects: str, gain: Estimate) -> Bar:
    return Bar(gain.value, f"{subjects}: {points(gain)}", gain.low, gain.high)
