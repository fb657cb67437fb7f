import pytest

from saladkit.reporting.charts.figures import NARROW, WIDE, finish, groups_of_rows, new_figure, shortened


def drawn(width, labels):
    figure = new_figure("title")
    axes = groups_of_rows(figure, width, [2, 6])
    for place, label in enumerate(labels):
        axes[place % 2].plot([0, 1], [0, 1], label=label)
    axes[1].barh([0], [1], label="a bar")
    return finish(figure, width, 100)


def size(figure):
    return [round(inches * 72) for inches in figure.get_size_inches()]


def test_groups_stand_beside_each_other_where_there_is_room():
    for width, beside in ((WIDE, True), (NARROW, False)):
        figure = drawn(width, ["one", "two"])
        first, second = (axes.get_position() for axes in figure.axes)
        assert bool(first.x1 < second.x0) is beside and bool(first.y0 > second.y1) is not beside


def test_a_legend_has_every_series_once_bars_first_and_as_many_rows_as_it_needs():
    figure = drawn(WIDE, ["a line", "another line", "a line"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a bar", "a line", "another line"]
    assert size(figure) == [WIDE, 100 + 22]
    assert size(drawn(NARROW, ["a label of thirty letters or so", "another label of that length"])) == [
        NARROW,
        100 + 3 * 22,
    ]


def test_one_series_needs_no_legend():
    figure = new_figure("title")
    figure.subplots().barh([0], [1], label="only")
    assert size(finish(figure, WIDE, 50)) == [WIDE, 50] and not figure.legends


@pytest.mark.parametrize(
    ("letters", "text"),
    [(11, "paris, rome"), (10, "paris, ro…"), (8, "paris…"), (7, "paris…"), (6, "paris…"), (5, "pari…")],
)
def test_long_labels_are_cut(letters, text):
    assert shortened("paris, rome", letters) == text
