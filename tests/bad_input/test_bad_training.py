"""Teachers, caches and settings that do not fit each other in training."""

import json
import math
import re
import subprocess

import pyarrow as pa
import pytest
import torch
from command_lines import replaced

from saladkit.formats.samples import write_samples
from saladkit.model.salad import SaladForCausalLM
from saladkit.settings import training as training_settings
from saladkit.sources.samples import read_samples
from saladkit.training import faults as training_faults
from saladkit.training.saved_states import last_saved_state
from saladkit.training.trainer import SaladTrainer


@pytest.fixture(scope="module")
def other_teacher_caches(workshop, world, text_lm, other_text_lm):
    """A cache of another tokenizer, and one of other texts."""
    from saladkit.settings.cache_teacher import CacheTeacherSettings
    from saladkit.stages.cache_teacher import cache_teacher

    natural = str(world / "natural.parquet")
    other = CacheTeacherSettings(model=str(other_text_lm), top_k=4, device="cpu")
    cache_teacher([natural], workshop / "other-tokenizer", other)
    few = CacheTeacherSettings(model=str(text_lm), top_k=4, device="cpu", limit=7)
    cache_teacher([natural], workshop / "other-texts", few)
    return workshop / "other-tokenizer", workshop / "other-texts"


def test_a_teacher_cache_of_another_tokenizer(refused, distill_arguments, other_teacher_caches):
    cache = other_teacher_caches[0]
    problem, fix = refused(*replaced(distill_arguments, "--teacher", cache), named=[cache])
    assert "another tokenizer" in problem
    assert "cache-teacher" in fix


def test_a_teacher_cache_of_another_text(refused, distill_arguments, other_teacher_caches, speech):
    missing = read_samples(speech, needed=["id"]).column("id")[7].as_py()
    cache = other_teacher_caches[1]
    _, fix = refused(*replaced(distill_arguments, "--teacher", cache), named=[cache, f"'{missing}'", speech])
    assert f"`saladkit cache-teacher` on all texts together, including {speech}" in fix


def test_a_live_teacher_of_another_tokenizer(refused, distill_arguments, other_text_lm, checkpoint, speech):
    refused(*replaced(distill_arguments, "--teacher", other_text_lm), named=[other_text_lm, "another tokenizer"])
    refused("gap", checkpoint, speech, "--teacher", other_text_lm, named=[other_text_lm, "another tokenizer"])


def test_a_speech_adapted_model_as_teacher(refused, distill_arguments, checkpoint):
    refused(*replaced(distill_arguments, "--teacher", checkpoint), named=[checkpoint])


def test_texts_all_too_long_for_the_cache(refused, world, text_lm):
    problem, _ = refused("cache-teacher", world / "natural.parquet", "--model", text_lm, "--max-length", 2)
    assert "1 to 2 tokens" in problem


def test_a_frames_cache_of_another_encoder_or_other_rows(
    refused, shell, distill_arguments, speech, frames_cache, tmp_path
):
    assert shell("cache-speech", speech, "-o", tmp_path / "few", "--mel-bins", 16, "--limit", 5).exit_code == 0
    missing = read_samples(speech, needed=["id"]).column("id")[5].as_py()
    named = [tmp_path / "few", f"'{missing}'", speech]
    refused(*replaced(distill_arguments, "--frames", tmp_path / "few"), named=named)
    refused(*replaced(distill_arguments, "--mel-bins", 24), named=[frames_cache, "another speech encoder"])


def test_a_frames_cache_of_other_recordings_with_the_same_ids(
    refused, shell, distill_arguments, speech, world, tmp_path
):
    slower = tmp_path / "slower"
    line = ["synth", world / "natural.parquet", "-o", slower, "--voice", "espeak:en-us@120", "--limit", 5]
    assert shell(*line).exit_code == 0
    assert shell("cache-speech", slower, "-o", tmp_path / "frames", "--mel-bins", 16).exit_code == 0
    again = read_samples(slower, needed=["id"]).column("id")[0].as_py()
    arguments = replaced(distill_arguments, "--frames", tmp_path / "frames")
    problem, fix = refused(*arguments, "--limit", 5, named=[tmp_path / "frames", f"'{again}'", speech])
    assert "another recording" in problem
    assert f"cache-speech {speech}" in fix


def without_times(speech, path, rows):
    """The spoken samples; the words of the first `rows` have no times."""
    samples = read_samples(speech, needed=["id"]).to_pylist()
    for row in samples[:rows]:
        row["words"] = [word | {"start": None, "end": None} for word in row["words"]]
    write_samples(pa.Table.from_pylist(samples), path)
    return path


def test_speech_without_any_word_time(refused, shell, distill_arguments, speech, tmp_path):
    none = without_times(speech, tmp_path / "none.parquet", 24)
    _, fix = refused(*replaced(distill_arguments, "--data", none), named=[none])
    assert "saladkit timestamps" in fix
    some = without_times(speech, tmp_path / "some.parquet", 3)
    plan = shell(*replaced(distill_arguments, "--data", some), "--dry-run", "-o", tmp_path / "plan")
    assert json.loads(plan.stdout)["rows_never_cut"] == 3


def test_a_weight_that_is_not_a_number_above_zero(refused, distill_arguments, speech):
    refused(*replaced(distill_arguments, "--data", f"{speech}:0"), named=[speech])
    refused(*replaced(distill_arguments, "--replay", f"{speech}:nan"), named=[speech])


def test_a_state_saved_between_two_log_entries(refused, distill_arguments):
    line = replaced(replaced(distill_arguments, "--logging-steps", 2), "--save-steps", 3)
    refused(*line, named=["--save-steps 3", "--logging-steps 2"])


@pytest.mark.parametrize("option", ["--text-words", "--speech-words"])
def test_spans_that_have_no_length(option, refused, checkpoint, speech, text_lm, distill_arguments):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--device", "cpu"]
    refused(*line, option, 0, 0, named=[option])
    refused(*line, option, 5, 2, named=[option])
    place = distill_arguments.index(option)
    refused(*distill_arguments[:place], option, "4", "1", *distill_arguments[place + 3 :], named=[option])


def test_too_few_texts_for_the_desks_language_model(world, loaded_python, repository, tmp_path):
    script = repository / "examples" / "desk" / "train_lm.py"
    command = [loaded_python, script, world / "natural.parquet", "-o", tmp_path / "lm", "--batch-size", "999"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "do not fill a batch of 999" in done.stderr and "Traceback" not in done.stderr


def test_a_training_that_diverges(refused, distill_arguments, tmp_path):
    line = [*distill_arguments, "--learning-rate", "1e30", "--adapter-learning-rate", "1e30"]
    _, fix = refused(*line, named=["diverged", "step"])
    assert "--learning-rate" in fix
    refused("eval", tmp_path / "output", "x", output=tmp_path / "eval", named=[tmp_path / "output"])


def test_heads_that_do_not_share_the_adapters_width(refused, distill_arguments):
    refused(*replaced(distill_arguments, "--adapter-heads", 7), named=["7 heads"])
    refused(*replaced(distill_arguments, "--adapter-kv-heads", 3), named=["3 key-value heads"])
    odd = replaced(replaced(distill_arguments, "--adapter-width", 18), "--adapter-heads", 6)
    refused(*replaced(odd, "--adapter-kv-heads", 6), named=["width 18"])


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("option", ["--learning-rate", "--weight-decay", "--lexical-weight", "--alpha"])
def test_values_that_are_not_valid_numbers(option, value, shell, distill_arguments, tmp_path):
    result = shell(*distill_arguments, option, value, "-o", tmp_path / "output")
    assert result.exit_code == 2
    assert f"'{option}'" in result.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    "option", ["--seed", "--mel-bins", "--encoder-width", "--adapter-heads", "--adapter-layers", "--learning-rate"]
)
def test_numbers_below_their_range(option, shell, distill_arguments, tmp_path):
    result = shell(*distill_arguments, option, -1, "-o", tmp_path / "output")
    assert result.exit_code == 2
    assert f"'{option}'" in result.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("cached", "asked", "named"),
    [
        (["--temperature", "2"], [], "temperature 2.0"),
        (["--keep", "sampled"], ["--divergence", "jsd"], "samples"),
        (["--keep", "sampled"], ["--divergence", "reverse-kl"], "samples"),
    ],
)
def test_a_cache_that_was_kept_otherwise_than_the_loss_needs(
    cached, asked, named, refused, shell, distill_arguments, world, text_lm, tmp_path
):
    sources = [world / "natural.parquet", world / "pool.parquet"]
    line = ["cache-teacher", *sources, "--model", text_lm, "--device", "cpu", *cached, "-o", tmp_path / "cache"]
    assert shell(*line).exit_code == 0
    refused(*replaced(distill_arguments, "--teacher", tmp_path / "cache"), *asked, named=[tmp_path / "cache", named])


def test_a_training_that_explodes_names_its_step_rows_and_last_state(refused, distill_arguments, monkeypatch, tmp_path):
    monkeypatch.setattr(training_faults, "BEYOND_GUESSING", 0.0)
    monkeypatch.setattr(training_faults, "EXPLODED", 0.9)  # the fourth loss is the first that is above nine tenths
    line = replaced(replaced(distill_arguments, "--max-steps", 12), "--save-steps", 1)
    line += ["--learning-rate", 0.3, "--adapter-learning-rate", 0.3]
    problem, fix = refused(*line, named=["diverged"])
    step = int(re.search(r"at step (\d+) the loss is", problem)[1])
    state = tmp_path / "output" / "training" / f"checkpoint-{step - 1}"
    assert str(state) in problem
    assert f"--resume-from-checkpoint {state}" in fix
    rows = re.search(r"\(rows (.*)\)", problem)[1]
    assert rows.count("'") == 8  # four ids


def test_a_divergence_after_the_last_log_leaves_the_last_good_state(refused, distill_arguments, monkeypatch, tmp_path):
    compute_loss = SaladTrainer.compute_loss

    def broken(self, *arguments, **further):
        loss = compute_loss(self, *arguments, **further)
        return loss * math.nan if self.state.global_step == 4 else loss

    monkeypatch.setattr(SaladTrainer, "compute_loss", broken)
    line = replaced(replaced(distill_arguments, "--max-steps", 5), "--logging-steps", 2)
    problem, _ = refused(*line, named=["diverged", "step 5"])
    state = tmp_path / "output" / "training" / "checkpoint-4"
    assert str(state) in problem
    assert last_saved_state(state.parent) == state


def test_a_training_that_does_not_fit_the_memory(refused, distill_arguments, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines.")

    monkeypatch.setattr(SaladForCausalLM, "forward", full)
    problem, fix = refused(*distill_arguments, named=["memory", "2.00 GiB"])
    assert "More lines" not in problem
    assert "--per-device-train-batch-size" in fix and "--gradient-accumulation-steps" in fix


def test_a_reporter_that_is_not_installed(refused, distill_arguments, monkeypatch):
    monkeypatch.setattr(training_settings, "find_spec", lambda name: None)
    _, fix = refused(*distill_arguments, "--report-to", "wandb", named=["wandb"])
    assert "pip install wandb" in fix
