"""Means by group: which regions' speech is bad, and which interval a group gets."""

import numpy as np
import pytest

from saladkit.formats.gap_table import METRICS, POSITIVE
from saladkit.scoring.group_means import FEW, estimate, group_tables
from saladkit.scoring.pooled_groups import pool_groups


def items_of(*groups):
    """Items of regions 0, 1, …, each with its values of M as every other figure too."""
    about = {"domain": None, "speaker": "a", "tokens": 10, "synthetic": True, "cer": None, "duration_ratio": None}
    return [
        about | {"id": f"{region}-{i}", "region": region} | dict.fromkeys(METRICS, float(value))
        for region, values in enumerate(groups)
        for i, value in enumerate(values)
    ]


def test_small_groups_share_their_variance_and_large_ones_have_their_own():
    random = np.random.default_rng(0)
    sizes = [4, 4, FEW - 1, FEW, FEW + 10]
    values = [random.gamma(2.0, 0.2, size) for size in sizes]
    items = items_of(*values)
    rows, _ = group_tables(items)
    regions = [row for row in rows if row["kind"] == "region"]
    pooled = pool_groups(values, [np.full(size, 10.0) for size in sizes], log=True)
    for place, (row, size) in enumerate(zip(regions, sizes, strict=True)):
        found = (row["misalignment_low"], row["misalignment_high"])
        own = estimate([item for item in items if item["region"] == place], "misalignment")
        expected = (pooled.low[place], pooled.high[place]) if size < FEW else (own.low, own.high)
        assert found == pytest.approx(expected, rel=1e-12)
        assert row["misalignment_error"] == pytest.approx(pooled.errors[place])
    (every,) = (row for row in rows if row["kind"] == "all")
    assert every["misalignment_low"] == estimate(items, "misalignment").low


def test_shares_stay_shares_and_only_positive_figures_are_pooled_as_logarithms():
    rows, spread = group_tables(items_of([0.98, 1.0], [0.99, 1.0], [1.0, 1.0]))
    regions = [row for row in rows if row["kind"] == "region"]
    assert {row["metric"] for row in spread if row["log"]} == set(POSITIVE)
    assert max(row["agreement_high"] for row in regions) == 1.0 < max(row["nll_gap_high"] for row in regions)
    assert {row["kind"] for row in spread} == {"region", "speaker"}  # no item has a domain


def test_one_probe_a_region_has_no_interval_and_no_reliability():
    rows, spread = group_tables(items_of([0.1], [0.4], [0.2]))
    for row in rows:
        if row["kind"] == "region":
            assert [row[f"misalignment{part}"] for part in ("_low", "_high", "_error", "_reliability")] == [None] * 4
            assert row["misalignment_shrunk"] == pytest.approx(row["misalignment"])
    (found,) = (row for row in spread if (row["kind"], row["metric"]) == ("region", "misalignment"))
    assert [found[name] for name in ("within", "between", "reliability", "icc")] == [None] * 4


def test_a_region_without_a_gap_stays_without_one():
    rows, _ = group_tables(items_of([0.0, -1e-9], [0.1, 0.3], [0.5, 0.4]))
    first, *others = (row for row in rows if row["kind"] == "region")
    assert abs(first["misalignment_shrunk"]) < 1e-8 and first["misalignment_low"] is None
    assert all(row["misalignment_low"] < row["misalignment_shrunk"] < row["misalignment_high"] for row in others)
