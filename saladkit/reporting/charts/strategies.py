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
    gains = [(s.label, s.unheard_gain, s.heard_gain) for s in strategies if s.unheard_gain and s.heard_gain]
    rows, ends = [], [0.0]
    for label, unheard, heard in sorted(gains, key=lambda gain: -gain[1].value):
        rows.append(Row(label, "", [[_bar(unheard, UNHEARD, "unheard")], [_bar(heard, HEARD, "heard")]]))
        ends += [unheard.low, unheard.high, heard.low, heard.high]
    title = f"Accuracy of each selection strategy minus that of {strategies[0].label}, in points"
    canvas = Canvas(title, width)
    labels = min(MAX_LABEL, LABEL_MARGIN + max(map(label_width, rows)))
    page = Box(0, 0, width)
    box = page.below(canvas.legend(page, LEGEND) + 8)
    return canvas.finish(draw_rows(canvas, box, rows, round_scale(min(ends), max(ends)), label_width=labels))


def _bar(gain: Estimate, colour: str, subjects: str) -> Bar:
    return Bar(gain.value, colour, f"{subjects}: {points(gain)}", gain.low, gain.high)
