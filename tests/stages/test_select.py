"""`select`: what is drawn, what is never drawn, and what a chosen row says of itself."""

import json
from collections import Counter

import pytest

from saladkit.formats.artefact import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.formats.regions import Regions
from saladkit.formats.samples import read_samples
from saladkit.stages.regions import regions

CLUSTERS = 4


@pytest.fixture(scope="module")
def cut(workshop, world, text_lm):
    regions(str(world / "pool.parquet"), workshop / "cut", embedder=f"lm:{text_lm}", clusters=CLUSTERS, device="cpu")
    return workshop / "cut"


@pytest.fixture(scope="module")
def gap(workshop):
    """Teacher KL is 0, 1, 2 and 3 by region; every other figure is positive in one region alone."""
    writer = create_artefact(workshop / "gap", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    rows = [
        {"region": r, "teacher_kl_shrunk": r, "misalignment_shrunk": r == 1, "jsd_shrunk": r == 2}
        | {"nll_gap_shrunk": r == 3, "accuracy_gap_shrunk": r - 2.5}
        for r in range(CLUSTERS)
    ]
    figures = [{name: value if name == "region" else float(value) for name, value in row.items()} for row in rows]
    write_gap_table(writer, [], [row | {"kind": "region", "probes": 1} for row in figures])
    writer.finish(counts={})
    return workshop / "gap"


@pytest.fixture
def select(shell, world, cut, tmp_path):
    def run(*arguments, pool=world / "pool.parquet", name="chosen"):
        result = shell("select", pool, "--regions", cut, *arguments, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        return read_samples(tmp_path / name, needed=["id", "text"]).to_pylist(), json.loads(result.stdout)

    return run


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
    writer = create_artefact(tmp_path / "bad", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0}
    write_gap_table(writer, [], [figures | {"region": r, "bad_speech": r in (1, 3)} for r in range(CLUSTERS)])
    writer.finish(counts={})
    chosen, summary = select("--gap", tmp_path / "bad", "--gamma", gamma, "--count", 12)
    assert {row["region"] for row in chosen} == {0, 2}
    assert summary["dropped_for_bad_speech"] == [1, 3]


def test_coverage_needs_no_model(shell, world, text_lm, cut, tmp_path):
    heard = tmp_path / "heard"
    settings = {"embedder": f"lm:{text_lm}", "clusters": CLUSTERS, "speech": (str(world / "natural.parquet"),)}
    regions(str(world / "pool.parquet"), heard, **settings, device="cpu")
    line = ["select", world / "pool.parquet", "--count", 20, "--gamma", 1, "--metric", "coverage"]
    done = shell(*line, "--regions", heard, "-o", tmp_path / "far")
    assert done.exit_code == 0, done.stderr
    distance = {row["region"]: row["distance_to_speech_50"] for row in Regions.open(heard).table}
    for row in read_samples(tmp_path / "far", needed=["id"]).to_pylist():
        assert row["region_gap"] == pytest.approx(distance[row["region"]])
    unknown = shell(*line, "--regions", cut, "-o", tmp_path / "no")
    assert unknown.exit_code == 2 and "--speech" in unknown.stderr


def test_what_is_excluded_is_never_chosen(select, tmp_path):
    first, _ = select("--per-region", 5, name="first")
    rest, summary = select("--strategy", "uniform", "--count", 40, "--exclude", tmp_path / "first", name="rest")
    assert len(rest) == 40 == summary["rows"]
    assert not {row["id"] for row in first} & {row["id"] for row in rest}


def test_a_budget_of_hours_is_reached_by_the_last_text(select):
    chosen, summary = select("--strategy", "uniform", "--hours", 0.05, "--words-per-second", 2)
    seconds = [len(row["text"].split()) / 2 for row in chosen]
    assert sum(seconds[:-1]) < 180 <= sum(seconds)
    assert summary["predicted_hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-4)


def test_a_selection_can_be_a_pool(select, tmp_path):
    first, _ = select("--strategy", "uniform", "--count", 20, name="first")
    second, _ = select("--strategy", "uniform", "--count", 5, pool=tmp_path / "first", name="second")
    assert {row["id"] for row in second} < {row["id"] for row in first}
    assert [row["draw"] for row in second] == list(range(5))
