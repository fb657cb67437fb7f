import re

import pytest

from saladkit.reporting.bars import Axis, Bar, bar_row, round_axis
from saladkit.reporting.lines import Line, line_chart, log_ticks, smoothed


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0, 2.6, [0, 1, 2, 3]),
        (-3.5, 57.9, [-20, 0, 20, 40, 60]),
        (0, 0.03, [0, 0.01, 0.02, 0.03]),
        (0, 0, [0]),
    ],
)
def test_axis_is_ruled_at_round_values(low, high, ticks):
    axis = round_axis(low, high)
    assert axis.ticks[: len(ticks)] == pytest.approx(ticks)
    assert axis.low <= low and axis.high >= high and axis.high > axis.low


def test_bars_lie_where_their_values_are():
    axis = Axis(-50, 150, [-50, 0, 150])
    drawn = bar_row([[Bar(50, "s0", "up", 0, 100)], [Bar(-25, "s1", "down")]], axis, marker=150)
    rects = re.findall(r'<rect class="(\w+)" x="([\d.]+)%" y="(\d+)" width="([\d.]+)%"', drawn)
    assert rects == [("s0", "25.00", "7", "25.00"), ("s1", "12.50", "19", "12.50")]
    assert '<line class="whisker" y1="11.5" y2="11.5" x1="25.00%" x2="75.00%">' in drawn
    assert '<line class="ceiling" x1="100.00%"' in drawn
    assert 'aria-label="up; down"' in drawn


def test_a_bar_beyond_the_axis_is_cut_at_its_end():
    assert 'width="100.00%"' in bar_row([[Bar(200, "s0", "far")]], Axis(0, 100, [0, 100]))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.3, 6.5, [0.2, 0.5, 1, 2, 5, 10]), (1, 1, [1, 2]), (0.001, 40, [0.001, 0.01, 0.1, 1, 10, 100])],
)
def test_logarithmic_ticks_enclose_the_values(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_smoothing_keeps_short_lines_and_the_mean_of_constant_ones():
    short = [(1.0, 5.0), (2.0, 1.0)]
    assert smoothed(short) == short
    steady = [(float(i), 3.0) for i in range(200)]
    assert smoothed(steady) == steady
    spike = [(float(i), 9.0 if i == 45 else 0.0) for i in range(90)]
    assert max(y for _, y in smoothed(spike)) == pytest.approx(9 / 7)


def test_line_chart_places_points_between_its_ticks():
    drawn = line_chart([Line([(0, 1.0), (50, 10.0), (100, 100.0)], "s0", "a")], "losses", "steps")
    assert 'points="0.0,1000.0 500.0,500.0 1000.0,0.0"' in drawn
    assert ">100 steps<" in drawn


def test_a_dashed_line_shares_its_colour_and_leaves_its_raw_points_whole():
    drawn = line_chart([Line([(0, 2.0), (10, 1.0)], "s1", "a", "dashed")], "losses", "steps")
    assert re.findall(r'<polyline class="([^"]*)"', drawn) == ["curve raw s1", "curve s1 dashed"]


def test_long_lines_are_thinned():
    drawn = line_chart([Line([(i, 1.0 + i) for i in range(5000)], "s0", "a")], "losses", "steps")
    assert all(len(points.split()) <= 400 for points in re.findall(r'points="([^"]*)"', drawn))
