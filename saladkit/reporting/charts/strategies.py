"""What each selection strategy gains over the control, on unheard and on heard subjects."""

from saladkit.reporting.charts.bars import LABEL_MARGIN, Bar, Row, draw_rows, label_width, round_scale
from saladkit.reporting.charts.canvas import Box, Canvas, LegendEntry
from saladkit.reporting.number_format import points
from saladkit.reporting.strategy_comparison import StrategyFindings
from saladkit.scoring.statistics import Estimate

MAX_LABEL = 170  # px
UNHEARD, HEARD = "blue", "grey"
LEGEND = [LegendEntry("unheard subjects", UNHEARD), LegendEntry("heard subjects", HEARD)]


def draw_strategies(strategies: list[StrategyFindings], width: int) -> Canvas:
    """Draw a row for each strategy but the control, which is the first of them; the best strategy comes first."""
    rows, ends = [], [0.0]
    for strategy in sorted(strategies[1:], key=lambda strategy: -strategy.unheard_gain.value):
        bars = [_bar(strategy.unheard_gain, UNHEARD, "unheard"), _bar(strategy.heard_gain, HEARD, "heard")]
        rows.append(Row(strategy.label, "", [[bar] for bar in bars]))
        ends += [end for bar in bars for end in (bar.low, bar.high)]
    title = f"Accuracy of each selection strategy minus that of {strategies[0].label}, in points"
    canvas = Canvas(title, width)
    labels = min(MAX_LABEL, LABEL_MARGIN + max(map(label_width, rows)))
    page = Box(0, 0, width)
    box = page.below(canvas.legend(page, LEGEND) + 8)
    return canvas.finish(draw_rows(canvas, box, rows, round_scale(min(ends), max(ends)), label_width=labels))


def _bar(more: Estimate, colour: str, subjects: str) -> Bar:
    return Bar(more.value, colour, f"{subjects}: {points(more)}", more.low, more.high)
