"""Regions, gaps and budgets that do not fit each other."""

import pytest

from saladkit.formats.artefact import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.formats.samples import read_samples


def gap_table(folder, regions):
    """A gap table with a figure for each of some regions."""
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={})
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0, "misalignment_shrunk": 0.0}
    write_gap_table(writer, [], [figures | {"region": region} for region in regions])
    writer.finish(counts={})
    return folder


@pytest.mark.parametrize("budgets", [[], ["--count", 3, "--hours", 1], ["--count", 3, "--per-region", 1]])
def test_a_budget_that_is_not_clear(budgets, refused, world, regions, tmp_path):
    problem, fix = refused("select", world / "pool.parquet", "--regions", regions, "--strategy", "uniform", *budgets)
    assert "budget" in problem
    assert all(option in fix for option in ("--per-region", "--count", "--hours"))


def test_a_gap_that_lacks_a_region(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", [0, 1, 3])
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3]
    refused(*line, "--gap", gap, named=[gap, "region 2"])
    refused(*line, named=["no gap table"])
    without = gap_table(tmp_path / "without", [])
    refused(*line, "--gap", without, named=[without, "region 0"])


def test_a_gap_that_is_nothing_everywhere(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", range(4))
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3, "--gap", gap]
    refused(*line, "--metric", "misalignment", named=[gap])


def test_a_budget_larger_than_the_pool(refused, world, regions):
    refused(
        "select",
        *[world / "pool.parquet", "--regions", regions, "--strategy", "uniform", "--count", 61],
        named=["too few texts"],
    )


def test_regions_of_another_pool(refused, world, regions):
    named = [regions, world / "natural.parquet", "'natural-000000'"]
    refused(
        "select", world / "natural.parquet", "--regions", regions, "--count", 1, "--strategy", "uniform", named=named
    )


def test_more_clusters_than_texts(refused, world, text_lm):
    pool = world / "pool.parquet"
    refused("regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 61, named=[pool, "60 different texts", "61"])


def test_probes_of_another_pool_than_the_regions(refused, checkpoint, speech, text_lm, regions):
    first = read_samples(speech, needed=["id"], optional=[]).column("id").to_pylist()[0]
    refused("gap", checkpoint, speech, "--teacher", text_lm, "--regions", regions, named=[regions, first])
