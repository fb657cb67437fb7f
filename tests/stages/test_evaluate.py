"""`eval` end to end: every condition on the same items, and the differences between conditions."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from saladkit.formats.harness import harness_task
from saladkit.formats.results import FIGURES_FILE, read_predictions, read_rows
from saladkit.formats.samples import write_samples
from saladkit.scoring.partial_results import PartialResults
from saladkit.sources.samples import read_samples

ITEMS = 12


@pytest.fixture(scope="module")
def two_voices(world, workshop):
    from saladkit.settings.synth import SynthSettings
    from saladkit.stages.synth import synth

    settings = SynthSettings(voices=("espeak:en-us", "espeak:en-us+f5"), workers=1)
    synth(str(world / "questions.parquet"), workshop / "two-voices", settings)
    return workshop / "two-voices"


@pytest.fixture(scope="module")
def evaluated(checkpoint, text_lm, speech, two_voices, tmp_path_factory):
    """Two checkpoints, the text LLM, a cascade, noise; the second checkpoint is the first from before its decay."""
    from click.testing import CliRunner

    from saladkit.cli import main

    output = tmp_path_factory.mktemp("eval") / "out"
    line = ["eval", checkpoint, two_voices, "--teacher", text_lm, "--compare", checkpoint / "stable", "--asr", "sphinx"]
    line += ["--modality", "text", "--modality", "speech", "--modality", "cascade", "--perturb", "snr=10"]
    line += ["--heard", speech, "--device", "cpu", "-o", output]
    done = CliRunner().invoke(main, [str(word) for word in line], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return output, json.loads(done.stdout), done.stderr


def right(predictions, model, modality, metric="acc_norm"):
    rows = {row["id"]: row[metric] for row in predictions if (row["model"], row["modality"]) == (model, modality)}
    return np.array([rows[id_] for id_ in sorted(rows)], dtype=float)


def test_every_condition_answers_every_item(evaluated):
    output, summary, _ = evaluated
    predictions = read_predictions(output)
    conditions = {(row["model"], row["modality"]) for row in predictions}
    assert conditions == {
        ("original", "text"),
        ("original", "cascade"),
        ("original", "cascade_snr10"),
        *((model, asked) for model in ("checkpoint", "stable") for asked in ("text", "speech", "speech_snr10")),
    }
    assert len(predictions) == ITEMS * len(conditions)
    for model, tasks in summary["results"].items():
        for task, found in tasks.items():
            assert found["items"] == ITEMS
            values = right(predictions, model, task.removeprefix("two-voices_"))
            assert found["acc_norm"] == pytest.approx(values.mean(), abs=1e-4)


def test_the_gap_is_the_sum_of_its_parts_and_paired_by_item(evaluated):
    output, _, _ = evaluated
    predictions = read_predictions(output)
    figures = {
        (row["metric"], row["figure"], row["first"], row["second"]): row
        for row in read_rows(output / FIGURES_FILE)
        if row["group_kind"] == "all"
    }
    for metric in ("acc", "acc_norm"):
        original = right(predictions, "original", "text", metric)
        for model in ("checkpoint", "stable"):
            read, heard = (right(predictions, model, asked, metric) for asked in ("text", "speech"))
            gap = figures[metric, "gap", "original text", f"{model} speech"]
            forgetting = figures[metric, "forgetting", "original text", f"{model} text"]
            misalignment = figures[metric, "misalignment", f"{model} text", f"{model} speech"]
            assert gap["value"] == pytest.approx(original.mean() - heard.mean())
            assert gap["value"] == pytest.approx(forgetting["value"] + misalignment["value"])
            assert gap["low"] <= gap["value"] <= gap["high"]
            assert (gap["only_first"], gap["only_second"]) == ((original > heard).sum(), (original < heard).sum())
            recovery = figures[metric, "recovery", "original text", f"{model} speech"]
            assert recovery["value"] == pytest.approx(heard.sum() / original.sum())
            noisy = right(predictions, model, "speech_snr10", metric)
            cost = figures[metric, "perturbation_cost", f"{model} speech", f"{model} speech_snr10"]
            assert cost["value"] == pytest.approx(heard.mean() - noisy.mean())
            assert misalignment["value"] == pytest.approx(read.mean() - heard.mean())
        gain = figures[metric, "gain", "stable speech", "checkpoint speech"]
        change = right(predictions, "stable", "speech", metric) - right(predictions, "checkpoint", "speech", metric)
        assert gain["value"] == pytest.approx(change.mean())
        cascade = figures[metric, "gap", "original text", "original cascade"]
        assert cascade["value"] == pytest.approx(
            original.mean() - right(predictions, "original", "cascade", metric).mean()
        )


def test_results_tell_voices_apart_and_mark_held_out_ones(evaluated):
    output, summary, _ = evaluated
    heard = [row for row in read_predictions(output) if row["modality"] != "text"]
    assert {(row["speaker"], row["held_out"]) for row in heard} == {
        ("espeak:en-us", False),
        ("espeak:en-us+f5", True),
    }
    assert all(row["held_out"] is None for row in read_predictions(output) if row["modality"] == "text")
    groups = {(row["group_kind"], row["group"]) for row in read_rows(output / FIGURES_FILE) if row["figure"] == "gap"}
    assert {("held_out", "True"), ("held_out", "False"), ("speaker", "espeak:en-us+f5")} <= groups
    assert sum(kind == "domain" for kind, _ in groups) == 3
    found = summary["results"]["checkpoint"]["two-voices_speech"]
    assert found["spread"] == pytest.approx(abs(np.subtract(*found["voices"].values())), abs=1e-4)


def test_a_cascade_answers_transcripts(evaluated, two_voices):
    output, _, _ = evaluated
    transcripts = pq.read_table(output / "original" / "transcripts-two-voices_cascade.parquet").to_pylist()
    written = {row["id"]: row["transcript"] for row in transcripts}
    said = {row["id"]: row["text"] for row in read_samples(two_voices, needed=["text"], optional=[]).to_pylist()}
    assert {row["id"]: row["text"] for row in transcripts} == said
    for row in read_predictions(output):
        if row["modality"] == "cascade":
            assert row["context"] == (written[row["id"]] or ".")
            assert row["text"] == said[row["id"]]


def test_printed_lines_have_the_number_of_items(evaluated):
    _, summary, stderr = evaluated
    lines = stderr.splitlines()
    assert sum("(12 items" in line for line in lines) == sum(len(tasks) for tasks in summary["results"].values())
    assert any("original text - checkpoint speech" in line and "12 items of 12 and 12" in line for line in lines)


def test_printed_p_values_are_corrected_for_all_comparisons_of_the_table(evaluated):
    output, summary, stderr = evaluated
    compared = summary["compared"]
    raw = {(row["figure"], row["first"], row["second"]): row["mcnemar_p"] for row in compared}
    stored = [row for row in read_rows(output / FIGURES_FILE) if row["group_kind"] == "all" and row["second"]]
    assert raw == {
        (row["figure"], row["first"], row["second"]): row["mcnemar_p"] for row in stored if row["metric"] == "acc_norm"
    }
    tests = {(first, second): p for (_, first, second), p in raw.items()}  # gap and recovery are one test
    assert len(tests) < len(raw)
    for row in compared:
        smaller = sorted(p for p in tests.values() if p <= row["mcnemar_p"])
        expected = min(1, max(p * (len(tests) - rank) for rank, p in enumerate(smaller)))
        assert row["holm_p"] == pytest.approx(expected)
        assert f"{row['items']} items of 12 and 12, p = {row['holm_p']:.2g} by Holm's correction" in stderr


def test_harness_files_of_each_model_have_the_gap_as_a_task(evaluated):
    output, _, _ = evaluated
    figures = read_rows(output / FIGURES_FILE)
    for model in ("checkpoint", "stable"):
        written = json.loads((output / model / f"results_{model}.json").read_text())
        tasks = {harness_task(row) for row in read_predictions(output) if row["model"] == model}
        assert set(written["results"]) == tasks | {"two-voices_gap"}
        for part in ("gap", "forgetting", "misalignment", "recovery"):
            (row,) = (
                row
                for row in figures
                if (row["figure"], row["metric"], row["group_kind"]) == (part, "acc_norm", "all")
                and row["second"].startswith(f"{model} ")
            )
            assert written["results"]["two-voices_gap"][f"{part}_acc_norm,none"] == row["value"]
            assert written["results"]["two-voices_gap"][f"{part}_acc_norm_stderr,none"] == row["standard_error"]


def test_prompts_that_do_not_fit_are_left_out_counted_and_listed(
    shell, checkpoint, text_lm, spoken_questions, tmp_path
):
    rows = read_samples(spoken_questions, needed=["id"]).to_pylist()
    for row in rows[:2]:
        row["words"] = None  # then nobody knows where its recording may be cut
    path = tmp_path / "questions.parquet"
    write_samples(type(read_samples(spoken_questions, needed=["id"])).from_pylist(rows), path)
    line = ["eval", checkpoint, path, "--max-length", 18, "--device", "cpu", "-o", tmp_path / "out"]
    summary = json.loads(shell(*line).stdout)
    assert summary["left_out"] == 2
    assert summary["results"]["checkpoint"]["questions_speech"]["items"] == len(rows) - 2
    assert summary["results"]["checkpoint"]["questions_speech"]["truncated"] == len(rows) - 2
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [row["id"] for row in manifest["skipped"]] == [row["id"] for row in rows[:2]]
    assert all("longer than the model's context" in row["reason"] for row in manifest["skipped"])
    dropped = {
        row["id"]: row["words_dropped"] for row in read_predictions(tmp_path / "out") if row["modality"] == "speech"
    }
    assert all(words > 0 for words in dropped.values())


def test_a_plain_file_may_say_prompt_and_subject(shell, text_lm, world, tmp_path):
    rows = pq.read_table(world / "questions.parquet").to_pylist()
    asked = [
        {"id": r["id"], "prompt": r["text"], "choices": r["choices"], "answer": r["answer"], "subject": "s"}
        for r in rows
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    shell("eval", text_lm, tmp_path / "q.jsonl", "--modality", "text", "--device", "cpu", "-o", tmp_path / "out")
    assert [row["text"] for row in read_predictions(tmp_path / "out")] == [row["text"] for row in rows]
    assert {row["domain"] for row in read_predictions(tmp_path / "out")} == {"s"}


def test_another_first_model_is_another_evaluation(shell, checkpoint, world, tmp_path):
    asked = [world / "questions.parquet", "--modality", "text", "--device", "cpu", "-o", tmp_path / "out"]
    assert shell("eval", checkpoint, *asked, "--compare", checkpoint / "stable").exit_code == 0
    again = shell("eval", checkpoint, *asked, "--compare", checkpoint / "stable")
    assert json.loads(again.stdout)["results"].keys() == {"checkpoint", "stable"}
    turned = shell("eval", checkpoint / "stable", *asked, "--compare", checkpoint)
    assert turned.exit_code == 2 and "made from something else" in turned.stderr


def test_two_models_of_one_name_are_refused(shell, checkpoint, world, tmp_path):
    asked = [world / "questions.parquet", "--modality", "text", "--device", "cpu", "-o", tmp_path / "out"]
    twice = shell("eval", checkpoint, *asked, "--compare", checkpoint)
    assert twice.exit_code == 2 and "two models are called 'checkpoint'" in twice.stderr


def test_a_tokenizer_of_another_model_is_refused(shell, other_text_lm, text_lm, world, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(other_text_lm, mixed)  # 300 tokens
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(text_lm / file, mixed / file)  # 400
    line = ["eval", mixed, world / "questions.parquet", "--modality", "text", "--device", "cpu", "-o", tmp_path / "out"]
    result = shell(*line)
    assert result.exit_code == 2
    assert "ids up to 399" in result.stderr and "knows 300 tokens" in result.stderr


def test_similar_names_have_different_files(shell, checkpoint, text_lm, world, tmp_path):
    for name in ("x", "x-q"):
        shutil.copytree(text_lm, tmp_path / name)
    rows = pq.read_table(world / "questions.parquet")
    pq.write_table(rows, tmp_path / "t.parquet")
    pq.write_table(rows.slice(0, 5), tmp_path / "q-t.parquet")
    line = ["eval", tmp_path / "x", tmp_path / "t.parquet", tmp_path / "q-t.parquet", "--compare", tmp_path / "x-q"]
    done = shell(*line, "--modality", "text", "--device", "cpu", "-o", tmp_path / "out")
    results = json.loads(done.stdout)["results"]
    assert {model: {task: found["items"] for task, found in tasks.items()} for model, tasks in results.items()} == {
        "x": {"t_text": 12, "q-t_text": 5},
        "x-q": {"t_text": 12, "q-t_text": 5},
    }
    assert results["x"] == results["x-q"]
    pq.write_table(rows, tmp_path / "q t.parquet")
    pq.write_table(rows, tmp_path / "q_t.parquet")
    twins = ["eval", tmp_path / "x", tmp_path / "q t.parquet", tmp_path / "q_t.parquet", "--modality", "text"]
    refused = shell(*twins, "-o", tmp_path / "no")
    assert refused.exit_code == 2 and "would be one file" in refused.stderr


def test_a_condition_without_a_scored_item_has_no_figures(shell, checkpoint, spoken_questions, tmp_path):
    rows = read_samples(spoken_questions, needed=["id"]).to_pylist()
    for row in rows:
        row["words"] = None
    write_samples(type(read_samples(spoken_questions, needed=["id"])).from_pylist(rows), tmp_path / "q.parquet")
    line = ["eval", checkpoint, tmp_path / "q.parquet", "--max-length", 12, "--perturb", "speed=3", "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["results"]["checkpoint"]["q_speech"]["items"] == 0


def test_a_text_llm_of_another_tokenizer_is_no_teacher(shell, checkpoint, other_text_lm, spoken_questions, tmp_path):
    line = ["eval", checkpoint, spoken_questions, "--teacher", other_text_lm, "--device", "cpu", "-o", tmp_path / "out"]
    done = shell(*line)
    assert done.exit_code == 2 and "another tokenizer" in done.stderr


@pytest.mark.parametrize(
    "options, named",
    [
        (["--dev", "x.jsonl"], "--template best"),
        (["--fewshot", "x.jsonl"], "--num-fewshot"),
        (["--options", "spoken"], "--template letter"),
        (["--asr", "sphinx"], "--modality cascade"),
        (["--generate", "--max-new-tokens", 64, "--max-length", 64], "smaller"),
    ],
)
def test_options_without_an_effect_are_refused(options, named, shell, checkpoint, spoken_questions, tmp_path):
    done = shell("eval", checkpoint, spoken_questions, *options, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 2 and named in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("writes", [[], ["--generate"], ["--generate", "--sampling-temperature", 1]])
def test_scores_and_answers_that_are_not_finite_stop_it(writes, shell, text_lm, world, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(text_lm, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][:] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    line = ["eval", broken, world / "questions.parquet", "--modality", "text", *writes, "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 2 and "not finite" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_the_line_that_makes_missing_recordings_can_be_run(shell, checkpoint, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = pq.read_table(world / "questions.parquet").to_pylist()[:2]
    asked = [
        {"id": row["id"], "prompt": row["text"], "choices": row["choices"], "answer": row["answer"]} for row in rows
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    missing = shell("eval", checkpoint, "q.jsonl", "--device", "cpu", "-o", "out")
    (line,) = re.findall(r"`saladkit (.*?)`", missing.stderr)
    words = line.replace("VOICE", "espeak:en-us").split()
    made = shell(*words, "--workers", 1)
    assert made.exit_code == 0, made.stderr
    heard = shell("eval", checkpoint, "q-spoken", "--device", "cpu", "-o", "out")
    assert heard.exit_code == 0, heard.stderr
    assert json.loads(heard.stdout)["results"]["checkpoint"]["q-spoken_speech"]["items"] == 2


@pytest.mark.parametrize(
    "writes, batches",
    [([], 4), (["--generate", "--max-new-tokens", 3], 4), (["--also-generate", "--max-new-tokens", 3], 8)],
    ids=["scores", "writes", "both"],
)
def test_an_interrupted_block_repeats_only_its_last_batch(
    writes, batches, shell, checkpoint, spoken_questions, contents, tmp_path, monkeypatch
):
    line = ["eval", checkpoint, spoken_questions, "--modality", "speech", *writes, "--batch-size", 3, "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "whole").exit_code == 0
    asked, get_or_compute, killed = [], PartialResults.get_or_compute, [3]

    def counted(self, ids, make, what=""):
        def made():
            asked.append(ids)
            if len(asked) in killed:
                raise KeyboardInterrupt
            return make()

        return get_or_compute(self, ids, made, what)

    monkeypatch.setattr(PartialResults, "get_or_compute", counted)
    shell(*line, "-o", tmp_path / "cut")
    assert not (tmp_path / "cut" / "manifest.json").exists() and len(asked) == 3
    killed.clear()
    assert shell(*line, "-o", tmp_path / "cut").exit_code == 0
    assert len(asked) == 3 + batches - 2 and asked[3] == asked[2]
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
