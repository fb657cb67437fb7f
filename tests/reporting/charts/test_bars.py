import pytest

from saladkit.reporting.charts.bars import Bar, Row, Scale, draw_rows, round_scale
from saladkit.reporting.charts.canvas import Box, Canvas


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0, 2.6, [0, 1, 2]),
        (-3.5, 57.9, [0, 20, 40]),
        (-23, 20, [-20, -10, 0, 10, 20]),
        (0, 0.03, [0, 0.01, 0.02, 0.03]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_a_scale_covers_its_range_and_is_ruled_at_round_values(low, high, ticks):
    scale = round_scale(low, high)
    assert scale.ticks == pytest.approx(ticks)
    assert scale.low == low and scale.high >= high and scale.high > scale.low


@pytest.fixture(scope="module")
def drawn():
    """A chart of two rows on a panel of 400 x 70 px, and where it ends."""
    canvas = Canvas("Up and down", 500)
    rows = [
        Row("first", "n = 1", [[Bar(50, "grey", "up", 0, 100)], [Bar(-25, "orange", "down")]], ceiling=150),
        Row("second", "n = 2", [[Bar(75, "blue", "stacked", start=50)], []]),
    ]
    bottom = draw_rows(canvas, Box(0, 10, 500), rows, Scale(-50, 150, [-50, 0, 150]), label_width=100, dotted=25)
    return canvas.finish(bottom), bottom


def panel(canvas):
    """The axes of the bars, and the function from their data to px from the figure's top left corner."""
    axes = canvas.figure.axes[1]
    height = canvas.figure.get_size_inches()[1] * 72

    def place(x, y):
        right, up = axes.transData.transform((x, y))
        return pytest.approx((right, height - up), abs=1e-6)

    return axes, place


def test_bars_lie_where_their_values_are(drawn):
    axes, place = panel(drawn[0])
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y(), bar.get_height()) for bar in axes.patches]
    # Two tracks of 9 px, 3 px between them, 7 px above and below: 35 px a row.
    assert bars == [(0, 50, 7, 9), (0, -25, 19, 9), (50, 75, 42, 9)]
    assert place(-50, 0) == (100, 10) and place(150, 70) == (500, 80) and place(50, 7) == (300, 17)
    assert drawn[1] == 80 + 22


def test_intervals_and_marks_are_lines_across_their_bars(drawn):
    axes, _ = panel(drawn[0])
    lines = [tuple(map(tuple, collection.get_segments()[0])) for collection in axes.collections]
    assert ((0, 11.5), (100, 11.5)) in lines, "the interval"
    assert ((150, 3), (150, 32)) in lines, "the ceiling"
    assert ((25, 0), (25, 70)) in lines, "the dotted line"


def test_a_remark_that_does_not_fit_beside_its_label_goes_below_all_labels():
    rows = [
        Row("a", "short", [[Bar(1, "grey", "one")]]),
        Row("a label of some length", "n = 7", [[Bar(1, "grey", "two")]]),
    ]
    scale = Scale(0, 1, [0, 1])
    heights = [draw_rows(Canvas("x", 500), Box(0, 0, 500), rows, scale, label_width=width) for width in (300, 150)]
    assert heights == [2 * 23 + 22, 2 * 34 + 22]
