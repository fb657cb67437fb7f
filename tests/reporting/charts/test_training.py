import numpy as np
import pytest

from saladkit.reporting.charts.canvas import NARROW, WIDE
from saladkit.reporting.charts.training import Curve, draw_training, log_ticks, smoothed


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.3, 6.5, [0.2, 0.5, 1, 2, 5, 10]), (1, 1, [1, 2]), (0.001, 40, [0.001, 0.01, 0.1, 1, 10, 100])],
)
def test_logarithmic_ticks_enclose_the_values(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_smoothing_keeps_short_lines_and_the_mean_of_constant_ones():
    assert smoothed([5.0, 1.0]) == [5.0, 1.0]
    assert smoothed([3.0] * 200) == [3.0] * 200
    assert max(smoothed([9.0 if i == 45 else 0.0 for i in range(90)])) == pytest.approx(9 / 7)


def test_a_curve_is_drawn_raw_and_smoothed_and_a_lexical_one_dashed():
    distillation = Curve("a", "grey", "distillation", [(0, 1.0), (50, 10.0), (100, 100.0)])
    lexical = Curve("a", "grey", "lexical", [(0, 2.0), (10, 1.0)])
    canvas = draw_training({"Stage I": [distillation, lexical]}, NARROW)
    raw, mean, raw_lexical, mean_lexical = canvas.figure.axes[1].lines
    assert raw.get_xydata().tolist() == mean.get_xydata().tolist() == [[0, 1], [50, 10], [100, 100]]
    assert raw.get_alpha() < 1 and mean.get_alpha() is None
    assert [line.get_linestyle() for line in (raw, mean, raw_lexical)] == ["-"] * 3
    assert mean_lexical.get_linestyle() == "--"
    assert "a, distillation loss: 100 at step 100; a, lexical loss: 1 at step 10" in canvas.title
    # Halfway between the ticks 1 and 100 on a logarithmic axis.
    axes = canvas.figure.axes[1]
    assert axes.transAxes.inverted().transform(axes.transData.transform((50, 10))) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("width", "columns"), [(WIDE, 2), (NARROW, 1)])
def test_stages_stand_beside_each_other_where_there_is_room(width, columns):
    curves = [Curve("a", "grey", "distillation", [(0, 1.0), (100, 0.5)])]
    canvas = draw_training({"Stage I": curves, "Stage II": curves}, width)
    assert len(np.unique([axes.get_position().x0 for axes in canvas.figure.axes[1:]])) == columns
