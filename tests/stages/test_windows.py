"""Trainings on windows: what they report, that they resume, and what they refuse."""

import json

import pytest
from command_lines import replaced
from safetensors.numpy import load_file
from transformers import TrainerCallback
from transformers.trainer import DEFAULT_CALLBACKS

WINDOWS = ["--window", "256", "--per-device-train-batch-size", "2"]


def windowed(arguments, *further):
    place = arguments.index("--per-device-train-batch-size")
    return [*arguments[:place], *arguments[place + 2 :], *WINDOWS, *further]


def log_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_shares_of_every_source_are_logged_and_summed_up(shell, distill_arguments, speech, world, tmp_path):
    result = shell(*windowed(distill_arguments), "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    summary, sources = json.loads(result.stdout), [str(speech), str(world / "pool.parquet")]
    assert summary["shares"].keys() == set(sources)
    entries = log_of(tmp_path / "out")
    for name, what in (("rows", "rows"), ("positions", "positions"), ("loss", "loss positions")):
        read = [sum(entry[f"{what} of {source}"] for entry in entries) for source in sources]
        assert [summary["shares"][source][name] for source in sources] == [
            round(count / sum(read), 4) for count in read
        ]
    assert summary["rows_unread"] == sum(entry[f"unread rows of {source}"] for entry in entries for source in sources)
    assert "4 of 2 windows of 256 positions" in (tmp_path / "out" / "README.md").read_text()


def test_the_plan_counts_windows_and_positions(shell, distill_arguments, tmp_path):
    planned = json.loads(shell(*windowed(distill_arguments), "-o", tmp_path / "out", "--dry-run").stdout)
    assert planned["windows_to_read"] == 8 and "rows_to_read" not in planned
    assert 0.8 * 8 * 256 < planned["positions_to_read"] <= 8 * 256


class StopsBeforeTheLastStep(TrainerCallback):
    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == state.max_steps - 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("context", ["row", "window"])
def test_a_resumed_run_reads_the_same_windows(context, shell, distill_arguments, text_lm, monkeypatch, tmp_path):
    line = windowed(replaced(distill_arguments, "--teacher", text_lm), "--window-context", context)
    line = replaced(line, "--save-steps", 1)
    assert shell(*line, "-o", tmp_path / "whole").exit_code == 0
    place = tmp_path / "resumed"
    with monkeypatch.context() as patched:
        patched.setattr("transformers.trainer.DEFAULT_CALLBACKS", [*DEFAULT_CALLBACKS, StopsBeforeTheLastStep])
        assert shell(*line, "-o", place).exit_code != 0
    assert (place / "training" / "checkpoint-3").is_dir()
    assert shell(*line, "-o", place).exit_code == 0
    assert log_of(place) == log_of(tmp_path / "whole")
    whole, again = (load_file(folder / "model.safetensors") for folder in (tmp_path / "whole", place))
    assert all((whole[name] == again[name]).all() for name in whole)


def refused(shell, line, output):
    result = shell(*line, "-o", output)
    assert result.exit_code == 2, result.stderr
    error, fix = [row for row in result.stderr.splitlines() if row.strip()][-2:]
    return error, fix


def test_a_context_of_windows_refuses_a_teacher_cache(shell, distill_arguments, tmp_path):
    error, fix = refused(shell, windowed(distill_arguments, "--window-context", "window"), tmp_path / "out")
    assert "is a teacher cache, which knows each row alone" in error
    assert "--window-context row" in fix


def test_a_window_that_holds_no_row_is_refused(shell, distill_arguments, tmp_path):
    line = replaced(windowed(distill_arguments), "--window", 10)
    error, fix = refused(shell, line, tmp_path / "out")
    assert "over --window 10" in error
    assert "Raise --window" in fix


def test_rows_longer_than_a_window_are_listed(shell, distill_arguments, tmp_path):
    line = replaced(windowed(distill_arguments), "--window", 96)
    result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    skipped = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert skipped
    assert all("over --window 96" in row["reason"] for row in skipped)


def test_a_mix_of_rows_that_is_far_off_is_said_with_its_fix(shell, distill_arguments, speech, tmp_path):
    (tmp_path / "long.jsonl").write_text(json.dumps({"id": "one", "text": "the tomato is red " * 100}) + "\n")
    line = replaced(distill_arguments, "--replay", f"{tmp_path / 'long.jsonl'}:0.1")
    line = replaced(line, "--max-steps", 400)
    for mix, said in (("rows", 1), ("positions", 0)):
        result = shell(*line, "--replay-loss", "nll", "--mix", mix, "-o", tmp_path / mix, "--dry-run")
        assert result.exit_code == 0, result.stderr
        notes = [row for row in result.stderr.splitlines() if "of the positions" in row]
        assert len(notes) == said
        assert all("give --mix positions" in note for note in notes)


def notes_of(shell, line, folder):
    result = shell(*line, "-o", folder, "--dry-run")
    assert result.exit_code == 0, result.stderr
    return [row for row in result.stderr.splitlines() if "of all weights" in row]


def test_a_source_with_little_loss_is_said_with_its_fix(shell, distill_arguments, speech, tmp_path):
    line = replaced(distill_arguments, "--max-steps", 50)
    heard = [*line, "--speech-words", 9, 9, "--text-words", 1, 1, "--text-first", 0]
    (note,) = notes_of(shell, heard, tmp_path / "heard")
    assert f"{speech} will have" in note and "positions with a loss" in note and "--speech-words" in note
    assert not notes_of(shell, line, tmp_path / "usual")


@pytest.mark.parametrize("rows", [windowed, list], ids=["windows", "rows alone"])
def test_a_source_that_would_never_be_read_is_refused(rows, shell, distill_arguments, speech, tmp_path):
    line = replaced(rows(distill_arguments), "--data", f"{speech}:0.0001")
    error, fix = refused(shell, line, tmp_path / "out")
    assert f"{speech} would never be read" in error
    assert "Raise its weight" in fix
    assert shell(*replaced(line, "--data", f"{speech}:1"), "-o", tmp_path / "out", "--dry-run").exit_code == 0
