"""`select`: which texts are drawn, which never, and the columns of a selected row."""

import json
from collections import Counter

import pytest
from region_tables import CLUSTERS, save_gap_table

from saladkit.formats.regions import Regions
from saladkit.sources.samples import read_samples


def test_probes_come_from_every_region(select, cut):
    chosen, summary = select("--per-region", 3)
    region_of = Regions.open(cut).region_of
    assert Counter(row["region"] for row in chosen) == dict.fromkeys(range(CLUSTERS), 3)
    assert all(region_of[row["id"]] == row["region"] for row in chosen)
    assert len({row["id"] for row in chosen}) == len(chosen) == summary["rows"]
    assert [row["draw"] for row in chosen] == list(range(len(chosen)))


def test_a_chosen_row_keeps_its_columns_and_says_why_it_was_chosen(select, world, cut, gap):
    chosen, _ = select("--gap", gap, "--gamma", 2, "--count", 10)
    pool = {row["id"]: row for row in read_samples(world / "pool.parquet", needed=["id"]).to_pylist()}
    sizes = [row["texts"] for row in Regions.open(cut).table]
    weights = [size * region**2 for region, size in enumerate(sizes)]
    for row in chosen:
        assert {key: row[key] for key in pool[row["id"]]} == pool[row["id"]]
        assert row["region_gap"] == row["region"]
        assert row["region_probability"] == pytest.approx(weights[row["region"]] / sum(weights))
        assert row["region"] != 0


@pytest.mark.parametrize("metric, region", [("misalignment", 1), ("jsd", 2), ("nll-gap", 3), ("accuracy", 3)])
def test_the_metric_is_that_of_the_option(metric, region, select, gap):
    chosen, summary = select("--gap", gap, "--metric", metric, "--count", 5)
    assert {row["region"] for row in chosen} == {region}
    assert summary["effective_regions"] == 1


@pytest.mark.parametrize("gamma", [0, 1])
def test_regions_of_bad_speech_are_left_out(gamma, select, tmp_path):
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0}
    bad = [figures | {"region": r, "bad_speech": r in (1, 3), "bad_speech_reason": "slow"} for r in range(CLUSTERS)]
    save_gap_table(tmp_path / "bad", [], bad)
    chosen, summary = select("--gap", tmp_path / "bad", "--gamma", gamma, "--count", 12)
    assert {row["region"] for row in chosen} == {0, 2}
    assert summary["dropped_for_bad_speech"] == {"1": "slow", "3": "slow"}
    chosen, summary = select(
        "--gap", tmp_path / "bad", "--bad-speech", "keep", "--gamma", gamma, "--count", 12, "--overwrite"
    )
    assert {row["region"] for row in chosen} & {1, 3}
    assert summary["dropped_for_bad_speech"] == {} and "bad speech" not in summary["left_out"]


def test_a_region_without_a_recording_is_left_out_also_where_bad_speech_is_kept(select, tmp_path):
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0}
    rows = [figures | {"region": r, "bad_speech": r == 1, "bad_speech_reason": "slow"} for r in range(CLUSTERS - 1)]
    save_gap_table(tmp_path / "bad", [], rows, identity={"silent_regions": [CLUSTERS - 1]})
    chosen, summary = select("--gap", tmp_path / "bad", "--bad-speech", "keep", "--gamma", 1, "--count", 12)
    assert CLUSTERS - 1 not in {row["region"] for row in chosen}
    assert summary["dropped_for_bad_speech"] == {str(CLUSTERS - 1): "no recording could be used"}


def test_coverage_needs_no_model(shell, world, covered, cut, tmp_path):
    line = ["select", world / "pool.parquet", "--count", 20, "--gamma", 1, "--metric", "coverage"]
    done = shell(*line, "--regions", covered, "-o", tmp_path / "far")
    assert done.exit_code == 0, done.stderr
    distance = {row["region"]: row["distance_to_speech_50"] for row in Regions.open(covered).table}
    for row in read_samples(tmp_path / "far", needed=["id"]).to_pylist():
        assert row["region_gap"] == pytest.approx(distance[row["region"]])
    unknown = shell(*line, "--regions", cut, "-o", tmp_path / "no")
    assert unknown.exit_code == 2 and "--speech" in unknown.stderr


def test_excluded_texts_are_never_chosen(select, tmp_path):
    first, _ = select("--per-region", 5, name="first")
    rest, summary = select("--strategy", "uniform", "--count", 40, "--exclude", tmp_path / "first", name="rest")
    assert len(rest) == 40 == summary["rows"]
    assert not {row["id"] for row in first} & {row["id"] for row in rest}


def test_a_selection_can_be_a_pool(select, tmp_path):
    first, _ = select("--strategy", "uniform", "--count", 20, name="first")
    second, _ = select("--strategy", "uniform", "--count", 5, pool=tmp_path / "first", name="second")
    assert {row["id"] for row in second} < {row["id"] for row in first}
    assert [row["draw"] for row in second] == list(range(5))


def test_regions_that_ran_empty_are_listed_and_noted(select, gap, shell, world, cut, tmp_path):
    """Region 3 has nearly all of the weight, and fewer texts than the budget."""
    sizes = [row["texts"] for row in Regions.open(cut).table]
    line = ["select", world / "pool.parquet", "--regions", cut, "--gap", gap, "--gamma", 5]
    done = shell(*line, "--count", sizes[3] + 10, "-o", tmp_path / "many")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["draw"]
    (empty,) = (region for region in found["regions_that_ran_empty"] if region["region"] == 3)
    assert empty["had"] == empty["chosen"] == sizes[3] < empty["asked"]
    chosen = Counter(row["region"] for row in read_samples(tmp_path / "many", needed=["id"]).to_pylist())
    weights = [size * region**5 for region, size in enumerate(sizes)]
    apart = sum(abs(w / sum(weights) - chosen[r] / (sizes[3] + 10)) for r, w in enumerate(weights)) / 2
    assert found["counted_in"] == "texts" and found["total_variation"] == pytest.approx(apart, abs=1e-4)
    assert json.loads((tmp_path / "many" / "manifest.json").read_text())["counts"]["draw"] == found
    assert f"note: regions that ran empty: 3 (asked {empty['asked']:.0f}, had {sizes[3]})" in done.stderr
    _, few = select("--gap", gap, "--gamma", 5, "--count", 5, name="few")
    assert few["draw"]["regions_that_ran_empty"] == []


def test_probes_that_a_region_lacks_are_listed(select, cut):
    sizes = {row["region"]: row["texts"] for row in Regions.open(cut).table}
    most = max(sizes.values())
    _, summary = select("--per-region", most)
    found = summary["draw"]["regions_that_ran_empty"]
    short = [region for region, texts in sizes.items() if texts < most]
    assert found == [
        {"region": region, "asked": most, "had": sizes[region], "chosen": sizes[region]} for region in short
    ]
