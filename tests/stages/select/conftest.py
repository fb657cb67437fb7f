"""A pool in regions, gap tables of these regions, and `select` on them."""

import json

import pytest
from region_tables import CLUSTERS, cut_pool, save_gap_table

from saladkit.formats.regions import Regions
from saladkit.settings.select import MEASURED
from saladkit.sources.samples import read_samples


@pytest.fixture(scope="session")
def cut(workshop, world, text_lm):
    return cut_pool(world / "pool.parquet", text_lm, workshop / "cut")


@pytest.fixture(scope="session")
def covered(workshop, world, text_lm):
    """Regions with the distance of their texts to speech."""
    speech = (str(world / "natural.parquet"),)
    return cut_pool(world / "pool.parquet", text_lm, workshop / "covered", speech)


@pytest.fixture(scope="session")
def gap(workshop):
    """Teacher KL is 0, 1, 2 and 3 by region; every other figure is positive in one region alone."""
    rows = [
        {"region": r, "teacher_kl_shrunk": r, "misalignment_shrunk": r == 1, "jsd_shrunk": r == 2}
        | {"nll_gap_shrunk": r == 3, "accuracy_gap_shrunk": r - 2.5}
        for r in range(CLUSTERS)
    ]
    figures = [{name: value if name == "region" else float(value) for name, value in row.items()} for row in rows]
    return save_gap_table(workshop / "gap", [], [row | {"kind": "region", "probes": 1} for row in figures])


@pytest.fixture(scope="session")
def measured(workshop, covered):
    """A gap table whose items are probes: their teacher KL is their region's number."""
    ids = Regions.open(covered).region_of
    items = [{"id": id_, "region": r, "tokens": 10, "teacher_kl": float(r)} for id_, r in list(ids.items())[:20]]
    groups = [
        {"kind": "region", "region": r, "probes": 5, "teacher_kl_shrunk": float(r), "teacher_kl_low": r - 0.5}
        | {"teacher_kl_high": r + 0.5}
        for r in range(CLUSTERS)
    ]
    return save_gap_table(workshop / "measured", items, groups)


@pytest.fixture
def select(shell, world, cut, tmp_path):
    def run(*arguments, pool=world / "pool.parquet", name="chosen"):
        result = shell("select", pool, "--regions", cut, *arguments, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        return read_samples(tmp_path / name, needed=["id", "text"]).to_pylist(), json.loads(result.stdout)

    return run


@pytest.fixture
def by_strategy(shell, world, covered, measured, tmp_path):
    def run(strategy, *arguments, pool=world / "pool.parquet", name=None):
        needs = ["--gap", measured] if strategy in MEASURED else []
        if strategy == "dsir":
            needs = ["--target", world / "questions.parquet"]
        output = tmp_path / (name or strategy)
        line = ["select", pool, "--regions", covered, "--strategy", strategy, "--gamma", 1, *needs, *arguments]
        result = shell(*line, "-o", output)
        assert result.exit_code == 0, result.stderr
        return read_samples(output, needed=["id", "text"]).to_pylist(), json.loads(result.stdout), result.stderr

    return run


@pytest.fixture(scope="session")
def left_out():
    """The rows of left-out.jsonl by id."""

    def read(folder):
        return {row["id"]: row for row in map(json.loads, (folder / "left-out.jsonl").read_text().splitlines())}

    return read
