"""`select --metric progress`: texts of regions where M has fallen from an early to a late checkpoint."""

import json

import pytest
from gap_tables import item_of, write_table

from saladkit.formats.regions import Regions
from saladkit.sources.samples import read_samples


@pytest.fixture(scope="module")
def before_and_after(workshop, covered):
    """Gap tables of an early and of a late checkpoint; M falls by 0.2, 0.1 and 0, and rises by 0.1 in region 3."""
    falls = [0.2, 0.1, 0.0, -0.1]
    probes = [(id_, region) for id_, region in Regions.open(covered).region_of.items()][:40]
    folders = []
    for name, share in (("early", 1), ("late", 0)):
        items = [item_of(id_, region, region + share * falls[region]) for id_, region in probes]
        folders.append(write_table(workshop / f"progress-{name}", items, regions=covered))
    return folders


@pytest.mark.parametrize("strategy", ["active", "hybrid"])
def test_progress_prefers_regions_where_m_has_fallen(strategy, before_and_after, shell, world, covered, tmp_path):
    early, late = before_and_after
    line = ["select", world / "pool.parquet", "--regions", covered, "--strategy", strategy, "--metric", "progress"]
    line += ["--gap", late, "--gap-before", early, "--gamma", 1, "--count", 12, "--explain"]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    rows = read_samples(tmp_path / "out", needed=["id"]).to_pylist()
    assert {row["region"] for row in rows} == {0, 1}
    assert {round(row["region_gap"], 6) for row in rows} == {0.2, 0.1}
    assert json.loads(done.stdout)["regions_without_weight"] == [2, 3]
    assert "2 of 4 regions have no positive progress, and no weight (2, 3)" in done.stderr
    assert f"gap: progress since {early}, text spans of 10-30 words" in done.stderr
    assert "-0.100 (-0.100 to -0.100)" in done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["settings"]["metric"] == "progress" and manifest["inputs"]["gap before"]["path"] == str(early)


def test_neighbours_of_probes_with_progress_are_preferred(before_and_after, shell, world, covered, tmp_path):
    early, late = before_and_after
    line = ["select", world / "pool.parquet", "--regions", covered, "--strategy", "knn", "--metric", "progress"]
    line += ["--gap", late, "--gap-before", early, "--gamma", 1, "--bonus", 0, "--count", 20]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    scores = [row["text_score"] for row in read_samples(tmp_path / "out", needed=["id"]).to_pylist()]
    assert all(0 < score <= 0.2 for score in scores)


def test_no_progress_anywhere_is_refused(before_and_after, shell, world, covered, tmp_path):
    late = before_and_after[1]
    line = ["select", world / "pool.parquet", "--regions", covered, "--metric", "progress", "--count", 3]
    refused = shell(*line, "--gap", late, "--gap-before", late, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and "no text of" in refused.stderr
