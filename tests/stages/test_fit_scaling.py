"""`fit-scaling` on gap tables of checkpoints that were trained longer and longer, and on training logs."""

import json

import numpy as np
import pytest
from recognizers import save_ctc_model

from saladkit.formats.checkpoint import read_metrics, trained_positions
from saladkit.formats.files import read_json

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
        return sum(value for row in rows for name, value in row.items() if name.startswith("loss positions of "))

    assert trained_positions(checkpoint) == positions(checkpoint, 4) > 0
    assert trained_positions(checkpoint / "stable") == positions(checkpoint, 2)
    assert trained_positions(aligned) == positions(checkpoint, 2) + positions(aligned, 3)
    assert trained_positions(checkpoint / "stable") < trained_positions(checkpoint)


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
    assert all(0 <= point["speech_score"] <= 1 for point in written["points"])
    assert done.stderr.splitlines()[-1].startswith("M = ")


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
        ([{"positions": 10, "misalignment": 1.0, "speech_score": "good"}], "speech_score is 'good'"),
    ],
)
def test_logs_without_a_law_are_refused(rows, named, shell, tmp_path):
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = shell("fit-scaling", tmp_path / "log.jsonl", "-o", tmp_path / "law")
    assert done.exit_code == 2 and named in done.stderr
    assert not (tmp_path / "law").exists()


def test_tables_of_other_items_do_not_pair(shell, checkpoint, text_lm, speech, tables, tmp_path):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, *SPANS, "--device", "cpu", "--limit", 7]
    assert shell(*line, "-o", tmp_path / "seven").exit_code == 0
    done = shell("fit-scaling", tables[0], tmp_path / "seven", tables[2], "-o", tmp_path / "law")
    assert done.exit_code == 2 and "measured in the same way" in done.stderr


def test_without_samples_or_teacher_gap_says_what_is_missing(shell, checkpoint, speech, tmp_path):
    assert "Missing argument 'SAMPLES" in shell("gap", checkpoint, "--teacher", "x", "-o", tmp_path / "a").stderr
    assert "Missing option '--teacher'" in shell("gap", checkpoint, speech, "-o", tmp_path / "a").stderr


def test_gap_tables_with_different_recognizers_are_comparable(shell, checkpoint, text_lm, speech, tables, tmp_path):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, *SPANS, "--device", "cpu", "--limit", 8, "--worst", 0.3]
    judged = shell(*line, "--asr", save_ctc_model(tmp_path / "ctc"), "-o", tmp_path / "judged")
    assert judged.exit_code == 0, judged.stderr
    done = shell("fit-scaling", tables[0], tmp_path / "judged", tables[2], "-o", tmp_path / "law")
    assert done.exit_code == 0, done.stderr
