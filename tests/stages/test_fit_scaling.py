"""`fit-scaling` on gap tables of checkpoints that were trained longer and longer, and on training logs."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
from recognizers import save_ctc_model

from saladkit.formats.checkpoint import read_metrics, trained_positions
from saladkit.formats.files import read_json
from saladkit.training.collation import Collator

SPANS = ["--text-words", 2, 4, "--speech-words", 2, 4]


@pytest.fixture(scope="module")
def aligned(shell_of_module, checkpoint, speech, teacher_cache, tmp_path_factory):
    """A checkpoint that was trained further from `checkpoint`."""
    folder = tmp_path_factory.mktemp("aligned") / "aligned"
    line = ["align", checkpoint, "--data", speech, "--teacher", teacher_cache, "--max-steps", 3, "--warmup-steps", 1]
    line += ["--per-device-train-batch-size", 4, "--logging-steps", 1, "--device", "cpu", *SPANS, "-o", folder]
    done = shell_of_module(*line)
    assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def shell_of_module():
    from click.testing import CliRunner

    from saladkit.cli import main

    return lambda *words: CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def tables(shell_of_module, checkpoint, aligned, text_lm, speech, tmp_path_factory):
    """Gap tables of three checkpoints on the same items."""
    folder, made = tmp_path_factory.mktemp("tables"), []
    for name, model in (("stable", checkpoint / "stable"), ("final", checkpoint), ("aligned", aligned)):
        line = [
            "gap",
            model,
            speech,
            "--teacher",
            text_lm,
            *SPANS,
            "--device",
            "cpu",
            "--limit",
            8,
            "-o",
            folder / name,
        ]
        done = shell_of_module(*line)
        assert done.exit_code == 0, done.stderr
        made.append(folder / name)
    return made


def test_a_checkpoint_knows_what_it_was_trained_on(checkpoint, aligned):
    def positions(folder, steps):
        rows = [row for row in read_metrics(folder) if row["step"] <= steps]
        logged = {
            count: sum(value for row in rows for name, value in row.items() if name.startswith(begin))
            for count, begin in (("positions_read", "positions of "), ("positions_with_loss", "loss positions of "))
        }
        return Counter(logged)

    assert trained_positions(checkpoint) == positions(checkpoint, 4)
    assert trained_positions(checkpoint / "stable") == positions(checkpoint, 2)
    assert trained_positions(aligned) == positions(checkpoint, 2) + positions(aligned, 3)
    for name, count in trained_positions(checkpoint / "stable").items():
        assert 0 < count < trained_positions(checkpoint)[name]


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_positions_are_tokens_and_vectors_and_with_loss_the_predicted_tokens(
    batching, shell, distill_arguments, tmp_path, monkeypatch
):
    counted, collate = Counter(), Collator.__call__

    def watched(self, windows):
        for sequence in (example.sequence for window in windows for example in window.examples):
            tokens = int((~sequence.speech_mask).sum())
            counted["positions_read"] += tokens + sum(span.vectors for span in sequence.spans)
            counted["positions_with_loss"] += len(sequence.targets)
        return collate(self, windows)

    monkeypatch.setattr(Collator, "__call__", watched)
    done = shell(*distill_arguments, "--batching", batching, "--gradient-accumulation-steps", 2, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert trained_positions(tmp_path / "out") == counted
    assert counted["positions_read"] > 1.2 * counted["positions_with_loss"]


def test_a_table_of_a_checkpoint_of_unknown_training_is_refused(shell, tables, tmp_path):
    shutil.copytree(tables[0], tmp_path / "old")
    manifest = read_json(tmp_path / "old" / "manifest.json")
    manifest["identity"].pop("trained_on")
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(manifest | {"trained_positions": 1000}))
    refused = shell("fit-scaling", tmp_path / "old", *tables[1:], "-o", tmp_path / "law")
    assert refused.exit_code == 2 and "does not say how much its checkpoint was trained on" in refused.stderr


def test_a_law_over_gap_tables_and_scores_over_it(
    shell, checkpoint, aligned, text_lm, spoken_questions, tables, tmp_path
):
    line = ["eval", checkpoint, spoken_questions, "--compare", checkpoint / "stable", "--compare", aligned]
    assert shell(*line, "--device", "cpu", "-o", tmp_path / "eval").exit_code == 0
    done = shell("fit-scaling", *tables, "--results", tmp_path / "eval", "-o", tmp_path / "law")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["checkpoints"] == 3
    for part in ("floor", "scale", "exponent"):
        found = summary["law"][part]
        assert found["low"] <= found["value"] <= found["high"] and found["items"] == 8
    written = read_json(tmp_path / "law" / "scaling.json")
    assert [point["name"] for point in written["points"]] == ["stable", "final", "aligned"]
    models = (checkpoint / "stable", checkpoint, aligned)
    read = [trained_positions(model)["positions_read"] for model in models]
    assert [point["positions"] for point in written["points"]] == read
    assert all(0 <= point["speech_score"] <= 1 for point in written["points"])
    assert done.stderr.splitlines()[-1].startswith("M = ")
    assert summary["spans"] == written["spans"] == "text spans of 2-4 words, speech spans of 2-4"
    assert summary["spans"] in done.stderr


def test_a_law_over_a_log(shell, tmp_path):
    rows = [
        {
            "name": f"step {n}",
            "positions": n,
            "misalignment": 0.1 + 30 * n**-0.4,
            "speech_score": 0.8 - 0.1 * np.log(0.1 + 30 * n**-0.4),
        }
        for n in (10_000, 30_000, 100_000, 300_000)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = json.loads(shell("fit-scaling", tmp_path / "log.jsonl", "-o", tmp_path / "law").stdout)
    assert summary["law"]["exponent"]["value"] == pytest.approx(0.4, rel=0.02)
    exponent = summary["law"]["exponent"]
    assert exponent["low"] - 1e-4 <= exponent["value"] <= exponent["high"] + 1e-4  # the points lie on the curve
    assert summary["law"]["exponent_found"] is True
    assert summary["speech_score"]["r2"] == pytest.approx(1)
    assert summary["speech_score"]["r2_left_out"] == pytest.approx(1)
    assert summary["speech_score"]["slope"] == pytest.approx(-0.1)
    assert summary["text_score"]["checkpoints"] == 0 and "not_fitted" in summary["text_score"]


def test_misalignment_that_grows_has_no_exponent(shell, tmp_path):
    rows = [{"positions": 10**n, "misalignment": 0.1 * n} for n in (3, 4, 5, 6)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = shell("fit-scaling", tmp_path / "log.jsonl", "--dry-run", "-o", tmp_path / "law")
    assert json.loads(plan.stdout)["checkpoints"] == 4 and not (tmp_path / "law").exists()
    done = shell("fit-scaling", tmp_path / "log.jsonl", "-o", tmp_path / "law")
    assert json.loads(done.stdout)["law"]["exponent_found"] is False
    assert "does not fall as a power" in done.stderr


@pytest.mark.parametrize(
    "rows, named",
    [
        ([{"positions": 1, "misalignment": 1.0}] * 3, "1 different amounts"),
        ([{"positions": 10, "misalignment": None}], "line 1: misalignment is None"),
        ([{"positions": -1, "misalignment": 1.0}], "line 1: positions is -1"),
        ([[10, 1.0]], "line 1: [10, 1.0] names no figures"),
        ([{"positions": 10, "misalignment": 1.0, "speech_score": "good"}], "speech_score is 'good'"),
        ([{"positions": 10, "misalignment": 1.0, "text_words": 10}], "text_words is 10"),
        ([{"positions": 10, "misalignment": 1.0, "speech_words": [5, "x"]}], "speech_words is [5, 'x']"),
    ],
)
def test_logs_without_a_law_are_refused(rows, named, shell, tmp_path):
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = shell("fit-scaling", tmp_path / "log.jsonl", "-o", tmp_path / "law")
    assert done.exit_code == 2 and named in done.stderr
    assert not (tmp_path / "law").exists()


def test_misalignment_of_other_spans_is_refused(shell, checkpoint, text_lm, speech, tables, tmp_path):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--device", "cpu", "--limit", 8]
    assert shell(*line, "--text-words", 2, 4, "--speech-words", 3, 5, "-o", tmp_path / "other").exit_code == 0
    assert shell(*line, "--context", "spoken", "-o", tmp_path / "spoken").exit_code == 0
    for other, spans in (("other", "speech spans of 3-5"), ("spoken", "one word behind speech")):
        done = shell("fit-scaling", tables[0], tmp_path / other, tables[2], "-o", tmp_path / "law")
        assert done.exit_code == 2 and "M depends on the spans" in done.stderr and spans in done.stderr
        assert "text spans of 2-4 words, speech spans of 2-4" in done.stderr


@pytest.mark.parametrize(
    "others, known", [([[10, 30], [10, 30]], True), ([[10, 20], [10, 30]], None), ([None] * 2, False)]
)
def test_the_spans_of_logs(others, known, shell, tmp_path):
    rows = [
        {"positions": 10**n, "misalignment": 4.0 / n, "text_words": [10, 30], "speech_words": [5, 15]} for n in (3, 4)
    ]
    rows += [{"positions": 10**n, "misalignment": 4.0 / n, "speech_words": [5, 15]} for n in (5, 6)]
    for row, text_words in zip(rows[2:], others, strict=True):
        row |= {"text_words": text_words} if text_words else {}
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = shell("fit-scaling", tmp_path / "log.jsonl", "-o", tmp_path / "law")
    if known is None:
        assert done.exit_code == 2 and "text spans of 10-20 words" in done.stderr
        return
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["spans"] == ("text spans of 10-30 words, speech spans of 5-15" if known else None)
    assert ("do not tell" in done.stderr) != known


def test_tables_of_other_items_do_not_pair(shell, checkpoint, text_lm, speech, tables, tmp_path):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, *SPANS, "--device", "cpu", "--limit", 7]
    assert shell(*line, "-o", tmp_path / "seven").exit_code == 0
    done = shell("fit-scaling", tables[0], tmp_path / "seven", tables[2], "-o", tmp_path / "law")
    assert done.exit_code == 2 and "measured in the same way" in done.stderr


def test_without_samples_or_teacher_gap_says_what_is_missing(shell, checkpoint, speech, tmp_path):
    assert "Missing argument 'SAMPLES" in shell("gap", checkpoint, "--teacher", "x", "-o", tmp_path / "a").stderr
    assert "Missing option '--teacher'" in shell("gap", checkpoint, speech, "-o", tmp_path / "a").stderr


def test_gap_tables_with_different_recognizers_are_comparable(shell, checkpoint, text_lm, speech, tables, tmp_path):
    line = [
        "gap",
        checkpoint,
        speech,
        "--teacher",
        text_lm,
        *SPANS,
        "--device",
        "cpu",
        "--limit",
        8,
        "--max-recording-cer",
        9,
    ]
    line += ["--worst", 0.3]
    judged = shell(*line, "--asr", save_ctc_model(tmp_path / "ctc"), "-o", tmp_path / "judged")
    assert judged.exit_code == 0, judged.stderr
    done = shell("fit-scaling", tables[0], tmp_path / "judged", tables[2], "-o", tmp_path / "law")
    assert done.exit_code == 0, done.stderr
