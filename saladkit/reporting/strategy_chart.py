"""Ways to choose, as a chart of what each gains and costs against the control, and as a table."""

from saladkit.reporting.bars import Bar, axis_row, bar_row, legend, round_axis
from saladkit.reporting.charts import row
from saladkit.reporting.compared_strategies import ChoiceFindings
from saladkit.reporting.markup import Markup, join, table, tag
from saladkit.reporting.number_text import percent, percent_interval, points, signed
from saladkit.scoring.statistics import Estimate

UNHEARD, HEARD = "s2", "s0"


def choice_chart(choices: list[ChoiceFindings]) -> Markup:
    """A row a way to choose, the best on unheard subjects first, then the numbers."""
    others = sorted(choices[1:], key=lambda choice: -choice.unheard_more.value)
    estimates = [estimate for choice in others for estimate in (choice.unheard_more, choice.heard_more)]
    axis = round_axis(min(0.0, *(e.low for e in estimates)), max(0.0, *(e.high for e in estimates)))
    rows = [
        row(
            choice.label,
            bar_row([[_bar(choice.unheard_more, UNHEARD, "unheard")], [_bar(choice.heard_more, HEARD, "heard")]], axis),
        )
        for choice in others
    ]
    entries = [(UNHEARD, "unheard subjects"), (HEARD, "heard subjects")]
    control = choices[0].label.lower()
    heads = ["", "Unheard subjects", f"minus {control}", "by seed", "Heard subjects", f"minus {control}"]
    cells = [
        [
            choice.label,
            _accuracy(choice.unheard),
            _more(choice.unheard_more),
            ", ".join(map(signed, choice.unheard_more_by_run or [])),
            _accuracy(choice.heard),
            _more(choice.heard_more),
        ]
        for choice in [choices[0], *others]
    ]
    return join(
        [legend(entries), tag("div", *rows, row("", axis_row(axis)), class_="chart"), table(heads, cells, "results")]
    )


def _bar(estimate: Estimate, style: str, what: str) -> Bar:
    return Bar(estimate.value, style, f"{what}: {points(estimate)}", estimate.low, estimate.high)


def _accuracy(estimate: Estimate) -> Markup:
    return join([percent(estimate.value), tag("small", percent_interval(estimate))])


def _more(estimate: Estimate | None) -> Markup:
    if estimate is None:
        return Markup("\u2013")
    return join([signed(estimate.value), tag("small", f"{signed(estimate.low)} to {signed(estimate.high)}")])
