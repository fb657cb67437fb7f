"""`rollout`: what a checkpoint writes behind prompts, its layout, its files, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from saladkit.errors import SaladError
from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.rollouts import id_of, read_rollouts
from saladkit.formats.samples import COLUMNS, words_from_row
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.reporting.inventory import Inventory
from saladkit.rollouts import filling
from saladkit.rows.interleaving import Span
from saladkit.rows.prompt_sequences import close_speech, pad_at_front
from saladkit.rows.sequences import build_sequence
from saladkit.rows.tokens import tokenize
from saladkit.settings.rollout import RolloutSettings

WORDS = ["--prompt-words", 3, 8]


class Killed(Exception):
    """Ends a run before its work is done."""


@pytest.fixture(scope="module")
def line(checkpoint, speech, frames_cache):
    """Two rollouts of each of 24 prompts, heard and read, without the output."""
    inputs = ["rollout", checkpoint, speech, "--frames", frames_cache, *WORDS, "--device", "cpu"]
    return [*inputs, "--prompt-modality", "speech", "--prompt-modality", "text", "--max-new-tokens", 6, "--samples", 2]


def made(shell, *arguments):
    result = shell(*arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_rollouts_are_what_the_summary_says(line, shell, speech, tokenizer, tmp_path):
    summary = made(shell, *line, "-o", tmp_path / "out")
    rows = list(read_rollouts(tmp_path / "out"))
    texts = {
        row["id"]: row["text"] for part in speech.glob("part-*.parquet") for row in pq.read_table(part).to_pylist()
    }
    assert len(rows) == summary["rows"] == 2 * 2 * len(texts)
    assert summary["positions"] == sum(len(row["response_ids"]) for row in rows)
    assert summary["largest_difference"] < 1e-4
    assert summary["stopped"] + summary["truncated"] == pytest.approx(1)
    for row in rows:
        text = tokenize(tokenizer, texts[row["source_id"]])
        assert row["prompt_ids"] == text.token_ids[: text.word_tokens[row["prompt_words"]]].tolist()
        assert 3 <= row["prompt_words"] <= 8
        assert 1 <= len(row["response_ids"]) == len(row["log_probs"]) <= 6
        assert (row["finish"] == "stop") == (row["response_ids"][-1] == tokenizer.eos_token_id)
        assert row["text"] == tokenizer.decode(row["response_ids"], skip_special_tokens=True)
    assert len({row["id"] for row in rows}) == len(rows)
    heard = {(row["source_id"], row["prompt_words"]) for row in rows if row["modality"] == "speech"}
    assert {(row["source_id"], row["prompt_words"]) for row in rows if row["modality"] == "text"} == heard
    assert {words for _, words in heard} > {3, 8}


def test_log_probs_are_those_of_the_model_without_a_cache(line, shell, checkpoint, tmp_path):
    """A twin in float64: each read prompt and its response alone, at its own temperature and top p."""
    made(shell, *line, "--temperature", 0.7, "--top-p", 0.8, "-o", tmp_path / "out", "--limit", 5)
    model = load_salad_model(checkpoint, dtype="float32", device="cpu").eval().double()
    for row in read_rollouts(tmp_path / "out"):
        if row["modality"] != "text":
            continue
        ids = torch.tensor([[*row["prompt_ids"], *row["response_ids"]]])
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, len(row["prompt_ids"]) - 1 : -1] / 0.7
        for scores, token, stored in zip(logits, row["response_ids"], row["log_probs"], strict=True):
            probs = torch.softmax(scores, dim=-1).numpy()
            kept = []
            for id_ in np.argsort(-probs):
                kept.append(id_)
                if probs[kept].sum() >= 0.8:
                    break
            assert token in kept
            assert stored == pytest.approx(np.log(probs[token] / probs[kept].sum()), abs=2e-4)


@pytest.mark.parametrize("modality", ["speech", "text"])
def test_greedy_rollouts_are_those_of_transformers(modality, checkpoint, speech, frames_cache, shell, tmp_path):
    """Prompts that `rollout` hears are laid out here by hand, from the words' times and the cached frames."""
    options = [*WORDS, "--max-new-tokens", 8, "--greedy", "--prompt-modality", modality, "--device", "cpu"]
    made(shell, "rollout", checkpoint, speech, "--frames", frames_cache, *options, "-o", tmp_path / "out")
    recorded = json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]
    assert recorded["temperature"] == 0 and "top_p" not in recorded
    model = load_salad_model(checkpoint, dtype="float32", device="cpu").eval()
    layout = layout_of(model.config, front_end_of(model.config, device="cpu"))
    cache, rows = FramesCache(frames_cache), list(read_rollouts(tmp_path / "out"))
    samples = {row["id"]: row for part in speech.glob("part-*.parquet") for row in pq.read_table(part).to_pylist()}
    tokenizer = load_tokenizer(checkpoint)
    for row in rows[:8]:
        words = words_from_row(samples[row["source_id"]])
        text = tokenize(tokenizer, samples[row["source_id"]]["text"], [word.word for word in words])
        spans = [Span(modality == "speech", 0, row["prompt_words"])]
        frames = cache.row(row["source_id"])
        prompt = close_speech(build_sequence(text, spans, words, frames, layout), layout)
        written = model.generate(**pad_at_front([prompt]), max_new_tokens=8, do_sample=False, pad_token_id=0)
        assert written[0, len(prompt) :].tolist() == row["response_ids"]


def test_any_sharding_gives_the_same_bytes(line, shell, contents, monkeypatch, tmp_path):
    monkeypatch.setattr(filling, "ROLLOUTS_PER_PART", 16)
    whole = made(shell, *line, "-o", tmp_path / "whole")
    for index in (1, 0, 2):
        shared = made(shell, *line, "-o", tmp_path / "shards", "--num-shards", 3, "--shard-index", index)
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    assert len(list((tmp_path / "whole").glob("part-*.parquet"))) > 3
    assert shared["largest_difference"] == whole["largest_difference"] > 0
    claimed = made(shell, *line, "-o", tmp_path / "claimed", "--claim")
    assert contents(tmp_path / "claimed") == contents(tmp_path / "whole")
    assert claimed["rows"] == whole["rows"]


def test_a_killed_run_goes_on_with_the_same_bytes(line, shell, contents, monkeypatch, tmp_path):
    monkeypatch.setattr(filling, "ROLLOUTS_PER_PART", 16)
    write, calls = filling.write_rollouts, []

    def written(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise Killed
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(filling, "write_rollouts", written)
        with pytest.raises(Killed):
            shell(*line, "-o", tmp_path / "cut")
    assert len(list((tmp_path / "cut").glob("part-*.parquet"))) == 2
    assert made(shell, *line, "-o", tmp_path / "cut")["resumed"] is True
    made(shell, *line, "-o", tmp_path / "whole")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_damaged_part_is_found_and_made_again(line, shell, contents, monkeypatch, tmp_path):
    monkeypatch.setattr(filling, "ROLLOUTS_PER_PART", 48)
    made(shell, *line, "-o", tmp_path / "out")
    whole = contents(tmp_path / "out")
    part = tmp_path / "out" / "part-00001-of-00002.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    damaged = shell("verify", tmp_path / "out", "--reopen")
    assert damaged.exit_code == 1
    assert json.loads(damaged.stdout)["damaged"][0]["part"] == "part-00001-of-00002"
    made(shell, *line, "-o", tmp_path / "out")
    assert contents(tmp_path / "out") == whole
    assert json.loads(shell("status", tmp_path / "out", "--json").stdout)["state"] == "complete"
    (step,) = Inventory(tmp_path).steps()
    assert (step.name, step.command) == ("out", "rollout")


@pytest.mark.parametrize(
    "options", [("--batch-size", 1), ("--batch-size", 50), ("--limit", 9)], ids=["one", "many", "fewer rows"]
)
def test_tokens_depend_on_neither_batch_nor_neighbours(options, line, shell, tmp_path):
    made(shell, *line, "-o", tmp_path / "usual")
    made(shell, *line, *options, "-o", tmp_path / "other")
    usual = {row["id"]: row for row in read_rollouts(tmp_path / "usual")}
    for row in read_rollouts(tmp_path / "other"):
        assert row["response_ids"] == usual[row["id"]]["response_ids"]
        assert row["log_probs"] == pytest.approx(usual[row["id"]]["log_probs"], abs=1e-4)


def test_another_seed_draws_other_prompts_and_tokens(line, shell, tmp_path):
    made(shell, *line, "-o", tmp_path / "one")
    made(shell, *line, "--seed", 1, "-o", tmp_path / "two")
    one, two = (list(read_rollouts(tmp_path / name)) for name in ("one", "two"))
    assert [row["prompt_words"] for row in one] != [row["prompt_words"] for row in two]
    same = {row["id"]: row["response_ids"] for row in one}
    shared = [row for row in two if row["id"] in same]
    assert any(row["response_ids"] != same[row["id"]] for row in shared)


def test_samples_of_a_prompt_differ(line, shell, tmp_path):
    made(shell, *line, "-o", tmp_path / "out")
    rows = {row["id"]: row for row in read_rollouts(tmp_path / "out")}
    firsts = [row for id_, row in rows.items() if "/k0" in id_]
    others = [rows[id_of(row["source_id"], row["prompt_words"], 1, row["modality"])] for row in firsts]
    assert sum(a["response_ids"] != b["response_ids"] for a, b in zip(firsts, others, strict=True)) > len(firsts) / 2


def test_a_dry_run_predicts_the_time_and_writes_nothing(line, shell, tmp_path):
    plan = made(shell, *line, "-o", tmp_path / "out", "--dry-run")
    assert plan["dry_run"] is True
    assert plan["prompts"] == 48
    assert 0 < plan["predicted_seconds"] < 600
    assert 48 * 2 <= plan["predicted_tokens"] <= 48 * 2 * 6
    assert not (tmp_path / "out").exists()


def test_a_text_llm_writes_read_rollouts(text_lm, world, shell, tmp_path):
    """A row shorter than the range is a prompt as a whole."""
    texts = pq.read_table(world / "pool.parquet").column("text").to_pylist()
    rows = [{"id": "short", "text": "Two words"}, {"id": "long", "text": texts[0]}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = [*WORDS, "--prompt-modality", "text", "--max-new-tokens", 4, "--device", "cpu"]
    made(shell, "rollout", text_lm, tmp_path / "rows.jsonl", *options, "-o", tmp_path / "out")
    found = {row["source_id"]: row for row in read_rollouts(tmp_path / "out")}
    assert found["short"]["prompt_words"] == 2
    assert 3 <= found["long"]["prompt_words"] <= 8
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    assert max(max(row["response_ids"]) for row in found.values()) < model.config.vocab_size


@pytest.fixture
def untimed(speech, tmp_path):
    """Four rows of speech, the first of which has no word times."""
    rows = pq.read_table(min(speech.glob("part-*.parquet"))).slice(0, 4).to_pylist()
    for word in rows[0]["words"]:
        word |= {"start": None, "end": None}
    schema = pa.schema([(name, COLUMNS[name]) for name in ("id", "text", "audio", "words")])
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "untimed.parquet")
    return tmp_path / "untimed.parquet"


def test_rows_without_a_place_to_cut_are_listed(checkpoint, untimed, shell, tmp_path):
    options = [*WORDS, "--max-new-tokens", 3, "--device", "cpu"]
    summary = made(shell, "rollout", checkpoint, untimed, *options, "-o", tmp_path / "out")
    assert (summary["rows"], summary["skipped"]) == (3, 1)
    (skipped,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert skipped["id"] == pq.read_table(untimed).column("id")[0].as_py()
    assert "word times" in skipped["reason"]


REFUSED = {
    "a text LLM that is to hear": (["LM", "SPEECH"], "text LLM"),
    "words from none": (["CHECKPOINT", "SPEECH", "--prompt-words", 0, 3], "--prompt-words 0 3"),
    "words that descend": (["CHECKPOINT", "SPEECH", "--prompt-words", 9, 3], "--prompt-words 9 3"),
    "greedy samples": (["CHECKPOINT", "SPEECH", "--greedy", "--samples", 2], "--samples 2"),
    "one modality twice": (
        ["CHECKPOINT", "SPEECH", "--prompt-modality", "text", "--prompt-modality", "text"],
        "--prompt-modality",
    ),
    "no word in time": (["CHECKPOINT", "UNTIMED", "--limit", 1, "--prompt-words", 1, 2], "no row has a prompt"),
    "a cache of layouts": (["CHECKPOINT", "SPEECH", "--frames", "LAYOUTS"], "layouts"),
    "no checkpoint": (["UNTIMED", "SPEECH"], ""),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_wrong_input_is_refused_in_two_lines(name, checkpoint, text_lm, speech, untimed, shell, tmp_path):
    arguments, problem = REFUSED[name]
    (tmp_path / "layouts").mkdir()
    (tmp_path / "layouts" / "manifest.json").write_text(json.dumps({"schema": "layouts-cache", "fingerprint": ""}))
    places = {"CHECKPOINT": checkpoint, "LM": text_lm, "SPEECH": speech, "UNTIMED": untimed}
    places |= {"LAYOUTS": tmp_path / "layouts"}
    result = shell("rollout", *(places.get(word, word) for word in arguments), "-o", tmp_path / "out")
    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith(("error:", "  fix:"))]
    assert len(lines) == 2
    assert problem in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [{"top_p": 0.0}, {"top_p": 1.5}, {"temperature": 0.0}, {"samples": 0}], ids=str)
def test_numbers_out_of_range_are_refused(given):
    with pytest.raises(SaladError, match=next(iter(given)).replace("_", "-")):
        RolloutSettings(**given)
