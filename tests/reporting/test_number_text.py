import pytest

from saladkit.reporting.naming import contrast_key, label, without_common_prefix
from saladkit.reporting.number_text import duration, memory, percent, points, signed
from saladkit.scoring.statistics import Estimate


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("stage2_active", "stage2_uniform", "active_minus_uniform"),
        ("stage2_active", "stage1", "stage2_active_minus_stage1"),
        ("stage2_a1", "stage2_a2", "a1_minus_a2"),
        ("b", "a", "b_minus_a"),
    ],
)
def test_contrast_key(first, second, key):
    assert contrast_key(first, second) == key


def test_a_single_name_keeps_its_prefix():
    assert without_common_prefix(["stage2_active"]) == ["stage2_active"]
    assert without_common_prefix([]) == []


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("stage1", "Stage I"),
        ("stage2_active", "Stage II active"),
        ("stage_2_uniform", "Stage II uniform"),
        ("stage12", "Stage12"),
        ("baseline", "Baseline"),
    ],
)
def test_label(name, read):
    assert label(name) == read


def test_numbers():
    assert percent(0.5237) == "52.4\u00a0%" and percent(0.25, 0) == "25\u00a0%"
    assert [signed(3.14), signed(-0.5), signed(-0.04)] == ["+3.1", "\u22120.5", "+0.0"]
    assert points(Estimate(3.14, -0.5, 6.8, 9)) == "+3.1 points (95 % interval \u22120.5 to +6.8)"
    assert [duration(s) for s in (4.21, 42.4, 210, 2520, 9000)] == ["4.2 s", "42 s", "3.5 min", "42 min", "2.5 h"]
    assert memory(2_457_559_040) == "2.46 GB"
