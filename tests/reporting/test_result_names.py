import pytest

from saladkit.reporting.result_names import contrast_key, label, without_common_prefix


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
