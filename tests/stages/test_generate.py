"""`eval --generate`: written answers are scored by the option that they name; open questions have no score."""

import json

import pyarrow.parquet as pq
import pytest
import torch

from saladkit.formats.results import read_predictions
from saladkit.model.loading import load_text_model


def answers(folder, modality="text"):
    return {row["id"]: row for row in read_predictions(folder) if row["modality"] == modality}


def test_a_greedy_answer_is_the_likeliest_token_each_time(shell, text_lm, world, tokenizer, tmp_path):
    line = ["eval", text_lm, world / "questions.parquet", "--modality", "text", "--generate", "--max-new-tokens", 6]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    model = load_text_model(text_lm, dtype="float32", device="cpu").eval()
    found = answers(tmp_path / "out")
    samples = (tmp_path / "out" / "text-lm" / "samples_questions_text.jsonl").read_text().splitlines()
    prompts = {sample["doc"]["id"]: sample["arguments"]["gen_args_0"]["arg_0"] for sample in map(json.loads, samples)}
    for row in found.values():
        prompt = prompts[row["id"]]
        assert prompt.startswith(row["text"]) and all(choice in prompt for choice in row["choices"])
        ids = tokenizer(prompt)["input_ids"]
        length = len(ids)
        with torch.no_grad():
            while len(ids) < length + 6:
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        written = tokenizer.decode(ids[length:], skip_special_tokens=True)
        assert row["response"] == written  # as it was written, with blank lines
        assert row["acc"] == (row["parsed"] == row["answer"])
        assert row["log_likelihoods"] is None
    summary = json.loads(done.stdout)["results"]["text-lm"]["questions_text"]
    assert summary["items"] == len(found) == 12
    assert summary["unparsed"] == sum(row["parsed"] is None for row in found.values())
    assert f"{summary['unparsed']} unparsed" in done.stderr
    results = json.loads((tmp_path / "out" / "text-lm" / "results_text-lm.json").read_text())["results"][
        "questions_text"
    ]
    assert results["exact_match,none"] == summary["acc"]
    assert results["unparsed,none"] == pytest.approx(summary["unparsed"] / 12)
    listed = (tmp_path / "out" / "text-lm" / "samples_questions_text.jsonl").read_text().splitlines()
    assert [json.loads(line)["resps"] for line in listed] == [[[row["response"]]] for row in found.values()]


def test_draws_are_those_of_the_seed(shell, checkpoint, spoken_questions, tmp_path):
    line = ["eval", checkpoint, spoken_questions, "--generate", "--max-new-tokens", 5, "--sampling-temperature", 1.5]
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        done = shell(*line, "--seed", seed, "--batch-size", 5, "--device", "cpu", "-o", tmp_path / name)
        assert done.exit_code == 0, done.stderr
    written = {
        n: [row["response"] for row in answers(tmp_path / n, "speech").values()] for n in ("one", "again", "two")
    }
    assert written["one"] == written["again"] != written["two"]
    assert any(written["one"])


def test_open_questions_have_no_score(shell, checkpoint, speech, text_lm, tmp_path):
    line = ["eval", checkpoint, speech, "--teacher", text_lm, "--generate", "--max-new-tokens", 4, "--limit", 3]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["results"]["checkpoint"]["speech_speech"] == {"items": 3, "unparsed": 0, "open": 3}
    assert found["compared"] == []
    assert "no score  (3 items, 0 unparsed, 3 open)" in done.stderr
    assert all(row["acc"] is None for row in answers(tmp_path / "out", "speech").values())
    assert pq.read_table(tmp_path / "out" / "figures.parquet").num_rows == 0


def test_voicebench_s_rule_says_so(shell, text_lm, world, tmp_path):
    folder = tmp_path / "VoiceBench" / "src" / "evaluator"
    folder.mkdir(parents=True)
    (folder / "mcq.py").write_text(
        "class MCQEvaluator:\n    def extract_answer(self, response):\n        return None\n"
    )
    line = [
        "eval",
        text_lm,
        world / "questions.parquet",
        "--modality",
        "text",
        "--max-new-tokens",
        2,
        "--device",
        "cpu",
    ]
    done = shell(*line, "--voicebench-compatible", tmp_path / "VoiceBench", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "VoiceBench's rule" in done.stderr
    assert json.loads(done.stdout)["results"]["text-lm"]["questions_text"]["drawn"] == 12
