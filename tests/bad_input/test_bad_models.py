"""Models that cannot be loaded, lack files, or do not run on this machine."""

import json
import shutil
import subprocess
import sys

import pytest


def bad_checkpoint(kind, folder, checkpoint):
    folder.mkdir()
    if kind == "empty":
        return folder
    for file in checkpoint.iterdir():
        if file.suffix in (".json", ".safetensors") and file.name not in ("manifest.json", "summary.json"):
            shutil.copy(file, folder)
    if kind == "truncated":
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif kind == "without weights":
        (folder / "model.safetensors").unlink()
    elif kind == "without a tokenizer":
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
    elif kind == "no JSON":
        (folder / "config.json").write_text("{")
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config["adapter_config"] | {"model_type": "llama"}))
    return folder


KINDS = ["empty", "truncated", "without weights", "without a tokenizer", "no JSON", "another model"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["gap", "eval", "align"])
def test_a_folder_that_is_not_a_checkpoint(
    command, kind, refused, checkpoint, text_lm, speech, spoken_questions, tmp_path
):
    folder = bad_checkpoint(kind, tmp_path / "model", checkpoint)
    arguments = {
        "gap": [folder, speech, "--teacher", text_lm],
        "eval": [folder, spoken_questions],
        "align": [folder, "--data", speech, "--teacher", text_lm, "--max-steps", 1],
    }[command]
    problem, _ = refused(command, *arguments, "--device", "cpu", named=[folder])
    assert "without speech input" not in problem or kind == "another model"


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("command", ["cache-teacher", "eval", "regions", "distill"])
def test_a_folder_that_is_not_a_text_llm(command, kind, refused, text_lm, speech, world, tiny_adapter, tmp_path):
    folder = bad_checkpoint(kind, tmp_path / "model", text_lm)
    arguments = {
        "cache-teacher": [world / "natural.parquet", "--model", folder],
        "eval": [folder, world / "questions.parquet", "--modality", "text"],
        "regions": [world / "pool.parquet", "--embedder", f"lm:{folder}", "--clusters", 2],
        "distill": [folder, "--data", speech, "--teacher", text_lm, "--max-steps", 1, *tiny_adapter],
    }[command]
    refused(command, *arguments, "--device", "cpu", named=[folder])


def test_a_model_that_does_not_exist(refused, speech, world, tmp_path):
    nowhere = tmp_path / "nowhere"
    refused("eval", nowhere, world / "questions.parquet", named=[nowhere])
    refused("cache-teacher", world / "natural.parquet", "--model", nowhere, named=[nowhere])


def test_the_lines_on_the_real_stderr_are_two(checkpoint, speech, text_lm, lines_of, tmp_path):
    folder = bad_checkpoint("truncated", tmp_path / "model", checkpoint)
    arguments = ["gap", folder, speech, "--teacher", text_lm, "--device", "cpu", "-o", tmp_path / "output"]
    code = "from saladkit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    problem, fix = lines_of(done.stderr)
    assert problem.startswith(f"error: {folder}")
    assert fix.startswith("  fix: ")


def test_an_unfinished_checkpoint(refused, checkpoint, speech, text_lm, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "model" / "manifest.json").rename(tmp_path / "model" / "plan.json")
    refused("gap", tmp_path / "model", speech, "--teacher", text_lm, named=[tmp_path / "model", "not finished"])


def test_a_stage_that_was_cut_off_after_its_stable_checkpoint(refused, checkpoint, speech, text_lm, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "cut")
    (tmp_path / "cut" / "manifest.json").rename(tmp_path / "cut" / "plan.json")
    assert (tmp_path / "cut" / "stable" / "config.json").exists()
    problem, _ = refused("align", tmp_path / "cut", "--data", speech, "--teacher", text_lm, "--max-steps", 1)
    assert "not finished" in problem


def test_a_device_that_is_not_here(refused, world, text_lm):
    line = ["cache-teacher", world / "natural.parquet", "--model", text_lm, "--limit", 1]
    refused(*line, "--device", "mps", named=["mps"])
