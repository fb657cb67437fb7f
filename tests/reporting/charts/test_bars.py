import pytest

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows, row_height
from saladkit.reporting.charts.figures import new_figure


@pytest.fixture
def axes():
    return new_figure("title").subplots()


def test_bars_lie_where_their_values_are(axes):
    assert row_height(2) == 14 + 2 * 12
    draw_bars(axes, [Bar(50, "up", 0, 100), Bar(-25, "down")], "grey", "first", 0, 2)
    draw_bars(axes, [Bar(75, "stacked", start=50), Bar(0, "nothing")], "orange", "second", 1, 2)
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert ends == [(0, 50), (0, -25), (50, 75), (0, 0)]
    middles = [bar.get_y() + bar.get_height() / 2 for bar in axes.patches]
    # Bars of a row are 12 of its 38 px apart.
    assert middles == pytest.approx([-6 / 38, 1 - 6 / 38, 6 / 38, 1 + 6 / 38])
    assert [bar.get_gid() for bar in axes.patches] == [
        f"tooltip: {text}" for text in ("up", "down", "stacked", "nothing")
    ]
    assert [container.get_label() for container in axes.containers] == ["first", "second"]


def test_an_interval_is_a_line_across_its_bar(axes):
    draw_bars(axes, [Bar(50, "with", 10, 90), Bar(20, "without")], "grey", "series")
    assert [line.get_segments()[0].tolist() for line in axes.collections] == [[[10, 0], [90, 0]]]


def test_rows_go_down_and_remarks_stand_below_their_labels(axes):
    label_rows(axes, ["a", "b"], ["n = 1", "n = 2"], height=30, room=3)
    assert axes.get_ylim() == (2.5, -0.5)
    labels = {text.get_text(): text.get_position()[1] for text in axes.get_yticklabels()}
    remarks = {text.get_text(): text.get_position()[1] for text in axes.get_yticklabels(minor=True)}
    assert list(labels) == ["a", "b"] and list(remarks) == ["n = 1", "n = 2"]
    # 15 px apart.
    assert (labels["a"], remarks["n = 1"]) == (-0.25, 0.25) and (labels["b"], remarks["n = 2"]) == (0.75, 1.25)
