from saladkit.reporting.number_format import duration, memory, percent, points, signed
from saladkit.scoring.statistics import Estimate


def test_numbers():
    assert percent(0.5237) == "52.4\u00a0%" and percent(0.25, 0) == "25\u00a0%"
    assert [signed(3.14), signed(-0.5), signed(-0.04)] == ["+3.1", "\u22120.5", "+0.0"]
    assert points(Estimate(3.14, -0.5, 6.8, 9)) == "+3.1 points (95 % interval \u22120.5 to +6.8)"
    assert [duration(s) for s in (4.21, 42.4, 210, 2520, 9000)] == ["4.2 s", "42 s", "3.5 min", "42 min", "2.5 h"]
    assert memory(2_457_559_040) == "2.46 GB"
