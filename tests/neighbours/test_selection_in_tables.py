"""A pool that pandas, polars or DuckDB alone has made, and the chosen texts read by the same library."""

import csv
import json

import duckdb
import pandas
import polars
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import selection_in_tables
from saladkit.cli import main

SITES = ("a.example", "b.example", None)


@pytest.fixture(scope="module")
def source(world, tmp_path_factory):
    """A CSV file of the pool's texts: ids are numbers; one text stands there twice, and one is too short."""
    texts = pq.read_table(world / "pool.parquet").column("text").to_pylist()
    path = tmp_path_factory.mktemp("csv") / "web.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["page", "site", "body"])
        for page, text in enumerate([*texts, texts[0], "Short."]):
            writer.writerow([page, SITES[page % 3], text])
    return path


@pytest.fixture
def inside(monkeypatch, text_lm):
    """Run the example and its commands in this process."""

    def saladkit(*line):
        result = CliRunner().invoke(main, list(map(str, line)), catch_exceptions=False)
        assert result.exit_code == 0, result.stderr

    monkeypatch.setattr(selection_in_tables, "_saladkit", saladkit)

    def run(*line):
        how = ["--embedder", f"lm:{text_lm}", "--clusters", "3", "--count", "12"]
        result = CliRunner().invoke(selection_in_tables.main, [*map(str, line), *how], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.mark.parametrize("library", list(selection_in_tables.LIBRARIES))
def test_a_table_is_chosen_from_and_read_back(library, inside, source, tmp_path):
    shown = inside(library, source, tmp_path)
    chosen = list((tmp_path / "chosen").glob("*.parquet"))
    rows = [row for path in chosen for row in pq.read_table(path).to_pylist()]
    pool = {row["page"]: row for row in pq.read_table(tmp_path / "pool.parquet").to_pylist()}
    assert len(pool) == 60 and len(rows) == 12
    for row in rows:
        made = pool[int(row["id"])]
        assert row["text"] == made["body"] and row["site"] == made["site"]  # further columns are kept
        assert {"region", "strategy", "region_probability", "draw"} <= row.keys()
    counted = selection_in_tables.LIBRARIES[library][1](tmp_path / "chosen")
    for region, texts, seconds in counted:
        own = [row["predicted_duration"] for row in rows if row["region"] == region]
        assert texts == len(own) and seconds == pytest.approx(sum(own) / len(own))
    assert sum(texts for _, texts, _ in counted) == 12
    assert len(shown.splitlines()) == len(counted)


def test_the_libraries_choose_the_same_texts(inside, source, tmp_path):
    """The choice depends on the seed and the ids, not on who wrote the table, nor in which order."""
    chosen = {}
    for library in selection_in_tables.LIBRARIES:
        inside(library, source, tmp_path / library)
        (path,) = (tmp_path / library / "chosen").glob("*.parquet")
        chosen[library] = sorted(pq.read_table(path).column("text").to_pylist())
    assert chosen["pandas"] == chosen["polars"] == chosen["duckdb"]


def test_a_gap_is_joined_in_sql(shell, inside, source, tmp_path):
    """What regions are about, and which text is of which, are tables beside the chosen texts."""
    inside("duckdb", source, tmp_path)
    joined = duckdb.sql(
        f"SELECT c.id, t.region = c.region AS same, len(r.keywords) AS words FROM '{tmp_path}/chosen/*.parquet' c"
        f" JOIN '{tmp_path}/regions/texts.parquet' t USING (id)"
        f" JOIN '{tmp_path}/regions/regions.parquet' r ON r.region = t.region"
    ).fetchall()
    assert len(joined) == 12 and all(same and words for _, same, words in joined)


@pytest.mark.parametrize("form", ["ipc", "ndjson", "pandas index"])
def test_other_files_of_the_libraries_are_pools_too(form, shell, source, text_lm, tmp_path):
    """polars' Arrow file with its own kinds of strings, JSON lines, and pandas' Parquet with an index."""
    pool = tmp_path / ("pool.arrow" if form == "ipc" else "pool.jsonl" if form == "ndjson" else "pool.parquet")
    if form == "pandas index":
        pandas.read_csv(source, dtype={"page": str}).head(20).set_index("page").to_parquet(pool)
    else:
        table = polars.read_csv(source).head(20).with_columns(polars.col("body").cast(polars.Categorical))
        table.write_ipc(pool) if form == "ipc" else table.write_ndjson(pool)
    line = ["regions", pool, "-o", tmp_path / "regions", "--embedder", f"lm:{text_lm}", "--clusters", 2]
    result = shell(*line, "--id-column", "page", "--text-column", "body", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["texts"] == 20
