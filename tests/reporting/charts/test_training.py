import pytest

from saladkit.reporting.charts.figures import NARROW
from saladkit.reporting.charts.training import Curve, draw_training, smoothed


def test_smoothing_keeps_short_lines_and_the_mean_of_constant_ones():
    assert smoothed([5.0, 1.0]) == [5.0, 1.0]
    assert smoothed([3.0] * 200) == [3.0] * 200
    assert max(smoothed([9.0 if i == 45 else 0.0 for i in range(90)])) == pytest.approx(9 / 7)


def test_a_curve_is_drawn_raw_and_smoothed_and_a_lexical_one_dashed():
    distillation = Curve("a", "grey", "distillation", [(0, 1.0), (50, 10.0), (100, 100.0)])
    lexical = Curve("a", "grey", "lexical", [(0, 2.0), (10, 1.0)])
    figure = draw_training({"Stage I": [distillation, lexical]}, NARROW)
    axes = figure.axes[0]
    raw, mean, raw_lexical, mean_lexical = axes.lines
    assert raw.get_xydata().tolist() == mean.get_xydata().tolist() == [[0, 1], [50, 10], [100, 100]]
    assert raw.get_alpha() < 1 and mean.get_alpha() is None
    assert [line.get_linestyle() for line in axes.lines] == ["-", "-", "-", "--"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "lexical loss"]
    assert figure.get_gid().endswith("a, distillation loss: 100 at step 100; a, lexical loss: 1 at step 10")


@pytest.mark.parametrize(
    ("low", "high", "ticks"), [(0.3, 6.5, ["0.5", "1", "2", "5"]), (0.001, 40, ["0.001", "0.01", "0.1", "1", "10"])]
)
def test_a_logarithmic_axis_has_plain_numbers_at_round_values(low, high, ticks):
    figure = draw_training({"Stage I": [Curve("a", "grey", "distillation", [(0, low), (9, high)])]}, NARROW)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    bottom, top = axes.get_ylim()
    shown = [label for label in axes.get_yticklabels() if bottom <= label.get_position()[1] <= top]
    assert [label.get_text() for label in shown] == ticks
