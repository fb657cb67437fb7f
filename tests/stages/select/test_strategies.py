"""`select --strategy`: what every strategy keeps, and what each prefers."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from region_tables import CLUSTERS, save_gap_table

from saladkit.formats.regions import Regions
from saladkit.settings.select import STRATEGIES
from saladkit.sources.samples import read_samples


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_keeps_the_budget_and_forgets_the_order_of_the_pool(strategy, by_strategy, world, tmp_path):
    chosen, summary, _ = by_strategy(strategy, "--hours", 0.02)
    seconds = [row["predicted_duration"] for row in chosen]
    assert sum(seconds[:-1]) < 72 <= sum(seconds)
    assert summary["predicted_hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-4)
    assert {row["strategy"] for row in chosen} == {strategy}
    assert all(0 < row["text_probability"] <= row["region_probability"] <= 1 + 1e-9 for row in chosen)
    assert 1 <= summary["effective_texts"] <= len(chosen) + 1e-6
    pool = pq.read_table(world / "pool.parquet")
    pq.write_table(pool.take(np.random.default_rng(0).permutation(pool.num_rows)), tmp_path / "shuffled.parquet")
    again, _, _ = by_strategy(strategy, "--hours", 0.02, pool=tmp_path / "shuffled.parquet", name="shuffled")
    assert [row["id"] for row in again] == [row["id"] for row in chosen]
    other, _, _ = by_strategy(strategy, "--hours", 0.02, "--seed", 1, name="other")
    assert [row["id"] for row in other] != [row["id"] for row in chosen]


def test_a_chosen_row_has_its_regions_gap_with_the_interval(by_strategy):
    chosen, _, _ = by_strategy("active", "--count", 10)
    for row in chosen:
        assert row["region_gap"] == row["region"]
        assert (row["region_gap_low"], row["region_gap_high"]) == (row["region"] - 0.5, row["region"] + 0.5)
        assert row["text_score"] is None
    chosen, _, _ = by_strategy("coverage", "--count", 10)
    assert all(row["text_score"] > 0 and row["region_gap"] is None for row in chosen)


def test_neighbours_of_misaligned_probes_are_preferred(by_strategy):
    every, summary, _ = by_strategy("knn", "--count", 60, "--gamma", 60, "--bonus", 0)
    scores = [row["text_score"] for row in every]
    of_region = [np.mean([row["text_score"] for row in every if row["region"] == region]) for region in (0, 3)]
    assert of_region[0] < of_region[1]  # the probes' figure is their region's number
    assert np.mean(scores[:15]) > np.mean(scores[-15:])
    assert summary["probes_r2"] <= 1
    bolder, _, _ = by_strategy("knn", "--count", 60, "--gamma", 60, "--bonus", 5, name="bolder")
    plain = {row["id"]: row["text_score"] for row in every}
    assert all(row["text_score"] > plain[row["id"]] for row in bolder)


def test_probes_of_bad_speech_are_not_used_to_predict(world, covered, shell, tmp_path):
    """The figures of bad probes are a hundred times those of the others."""
    ids = list(Regions.open(covered).region_of.items())[:40]
    items = [{"id": id_, "region": r, "tokens": 10, "teacher_kl": 100.0 if r == 0 else 1.0} for id_, r in ids]
    groups = [
        {"kind": "region", "region": r, "probes": 5, "teacher_kl_shrunk": 1.0, "bad_speech": r == 0}
        for r in range(CLUSTERS)
    ]
    save_gap_table(tmp_path / "bad", items, groups)
    line = ["select", world / "pool.parquet", "--regions", covered, "--strategy", "knn", "--gap", tmp_path / "bad"]
    result = shell(*line, "--count", 20, "-o", tmp_path / "chosen")
    assert result.exit_code == 0, result.stderr
    rows = read_samples(tmp_path / "chosen", needed=["id"]).to_pylist()
    assert all(row["region"] != 0 and row["text_score"] == pytest.approx(1, abs=1e-6) for row in rows)


def test_the_regions_are_explained(by_strategy, covered):
    chosen, summary, stderr = by_strategy("active", "--count", 12, "--explain")
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert lines[-CLUSTERS - 1].split() == [
        *["region", "texts", "pool", "speech", "far", "gap", "P", "chosen", "about"],
    ]
    table = {row["region"]: row for row in Regions.open(covered).table}
    for line in lines[-CLUSTERS:]:
        region = int(line.split()[0])
        assert ", ".join(table[region]["keywords"][:5]) in line
        assert f"{region:.3f} ({region - 0.5:.3f} to {region + 0.5:.3f})" in line
        assert f" {summary['by_region'].get(str(region), 0)}  " in line
