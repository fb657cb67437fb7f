"""Options that change the loss: replay by likelihood, other divergences; and runs from a saved state of another run."""

import json
import shutil

import pytest
from command_lines import replaced
from safetensors.numpy import load_file
from transformers import TrainerCallback
from transformers.trainer import DEFAULT_CALLBACKS

from saladkit.model.loading import load_tokenizer
from saladkit.training.trainer import SaladTrainer


def log_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def trained(shell, line, folder):
    result = shell(*line, "-o", folder)
    assert result.exit_code == 0, result.stderr
    return log_of(folder)


def test_replay_by_likelihood_needs_no_teacher_of_it(shell, distill_arguments, world, text_lm, tmp_path):
    line = ["cache-teacher", world / "natural.parquet", "--model", text_lm, "--top-k", 8, "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "spoken").exit_code == 0
    without_replay = replaced(distill_arguments, "--teacher", tmp_path / "spoken")
    assert shell(*without_replay, "-o", tmp_path / "refused").exit_code == 2
    by_kl = trained(shell, distill_arguments, tmp_path / "kl")
    by_nll = trained(shell, [*without_replay, "--replay-loss", "nll"], tmp_path / "nll")
    assert not any("nll" in entry for entry in by_kl)
    assert all(entry["nll"] > 1 for entry in by_nll if entry[f"rows of {world / 'pool.parquet'}"])
    first = by_nll[0]
    total = sum(value for name, value in first.items() if name.startswith("loss positions of "))
    read = first[f"loss positions of {world / 'pool.parquet'}"]
    lexical = 0.5 * first.get("lexical", 0.0)
    expected = (first.get("distillation", 0.0) * (total - read) + first.get("nll", 0.0) * read) / total + lexical
    assert first["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_mix_that_was_read_is_logged(checkpoint, speech, world):
    counts = json.loads((checkpoint / "manifest.json").read_text())["counts"]
    entries = log_of(checkpoint)
    rows = {source: sum(entry[f"rows of {source}"] for entry in entries) for source in (speech, world / "pool.parquet")}
    assert sum(rows.values()) == counts["rows_read"] == 16
    assert min(rows.values()) > 0
    assert all(0 < entry["places_used"] <= 1 for entry in entries)


@pytest.mark.parametrize("options", [["--divergence", "reverse-kl"], ["--divergence", "jsd"]])
def test_another_divergence_trains_another_model(options, shell, distill_arguments, checkpoint, tmp_path):
    entries = trained(shell, [*distill_arguments, *options], tmp_path / "out")
    assert all(entry["distillation"] > 0 for entry in entries)
    assert entries[0]["distillation"] != log_of(checkpoint)[0]["distillation"]


def test_a_cache_at_another_temperature_trains_at_it(shell, distill_arguments, world, text_lm, tmp_path):
    sources = [world / "natural.parquet", world / "pool.parquet"]
    line = ["cache-teacher", *sources, "--model", text_lm, "--temperature", 2, "--device", "cpu", "--top-k", 400]
    assert shell(*line, "-o", tmp_path / "cache").exit_code == 0
    line = [*replaced(distill_arguments, "--teacher", tmp_path / "cache"), "--temperature", 2]
    live = [*replaced(distill_arguments, "--teacher", text_lm), "--temperature", 2]
    cached, exact = trained(shell, line, tmp_path / "cached"), trained(shell, live, tmp_path / "live")
    for ours, theirs in zip(cached, exact, strict=True):
        assert ours["distillation"] == pytest.approx(theirs["distillation"], rel=0.05, abs=5e-6)  # float16


def test_a_saved_state_of_another_run_is_gone_on_from(shell, distill_arguments, checkpoint, tmp_path):
    line = replaced(replaced(distill_arguments, "--max-steps", 2), "--save-steps", 2)
    half = tmp_path / "half"
    with pytest.MonkeyPatch.context() as patched:  # keeps its states, as a run that was cut off does
        patched.setattr("saladkit.training.stage.discard_states", lambda _: None)
        trained(shell, line, half)
    shutil.copytree(half / "training" / "checkpoint-2", tmp_path / "state")
    options = ["--resume-from-checkpoint", tmp_path / "state", "--learning-rate", 0]
    entries = trained(shell, [*distill_arguments, *options], tmp_path / "on")
    assert [entry["step"] for entry in entries] == [1, 2, 3, 4]
    ours, start = (load_file(folder / "model.safetensors") for folder in (tmp_path / "on", tmp_path / "state"))
    moved = {name for name in start if name in ours and (ours[name] != start[name]).any()}
    assert moved  # encoder and adapter went on
    assert not any(name.startswith("language_model.") for name in moved)
    over = shell(*line, "--resume-from-checkpoint", tmp_path / "state", "-o", tmp_path / "bad")
    assert over.exit_code == 2
    assert "after 2 steps, and --max-steps is 2" in over.stderr
    missing = shell(*distill_arguments, "--resume-from-checkpoint", tmp_path / "none", "-o", tmp_path / "bad")
    assert missing.exit_code == 2
    assert str(tmp_path / "none") in missing.stderr


def test_eager_attention_learns_what_sdpa_does(shell, distill_arguments, checkpoint, tmp_path):
    entries = trained(shell, [*distill_arguments, "--attention", "eager"], tmp_path / "eager")
    for ours, theirs in zip(entries, log_of(checkpoint), strict=True):
        for name in ("loss", "distillation"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-8), name


def test_attention_that_is_not_installed_is_refused(shell, distill_arguments, tmp_path):
    result = shell(*distill_arguments, "--attention", "flash_attention_2", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "--attention flash_attention_2" in result.stderr


def test_the_loss_is_a_mean_over_the_text_positions_of_the_whole_step(shell, distill_arguments, tmp_path):
    line = replaced(replaced(distill_arguments, "--lexical-weight", 0), "--max-steps", 2)
    whole = trained(shell, line, tmp_path / "whole")
    single = replaced(line, "--per-device-train-batch-size", 1)
    apart = trained(shell, [*single, "--gradient-accumulation-steps", 4], tmp_path / "apart")
    for ours, theirs in zip(apart, whole, strict=True):
        assert theirs["loss"] == pytest.approx(theirs["distillation"], rel=1e-5)
        for name in ("loss", "grad_norm", "distillation"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4, abs=1e-9), name


def test_a_run_that_goes_on_from_elsewhere_has_its_own_rates_and_brings_stable_along(
    shell, distill_arguments, tmp_path
):
    line = replaced(distill_arguments, "--save-steps", 1)
    with pytest.MonkeyPatch.context() as patched:  # cut off at the very end
        patched.setattr("saladkit.training.stage.discard_states", lambda _: None)
        patched.setattr("saladkit.formats.artefact_writer.ArtefactWriter.finish", lambda *_, **__: None)
        trained(shell, replaced(line, "--max-steps", 3), tmp_path / "first")  # in its decay after 2 steps
    state = tmp_path / "first" / "training" / "checkpoint-3"
    seen, compute_loss = [], SaladTrainer.compute_loss

    def watched(self, *arguments, **further):
        rates = [(group["lr"], group["weight_decay"]) for group in self.optimizer.param_groups]
        seen.append((self.state.global_step, self.state.save_steps, rates))
        return compute_loss(self, *arguments, **further)

    own = ["--learning-rate", 3e-3, "--adapter-learning-rate", 2e-3, "--weight-decay", 0.3]
    line = replaced(replaced(line, "--max-steps", 8), "--save-steps", 5)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SaladTrainer, "compute_loss", watched)
        trained(shell, [*line, *own, "--resume-from-checkpoint", state], tmp_path / "on")  # its own decay comes after 4
    step, save_steps, rates = seen[0]
    assert (step, save_steps) == (3, 5)
    assert set(rates) == {(3e-3, 0.3), (3e-3, 0.0), (2e-3, 0.3), (2e-3, 0.0)}
    ours = load_file(tmp_path / "on" / "model.safetensors")
    stable, earlier = (load_file(tmp_path / run / "stable" / "model.safetensors") for run in ("on", "first"))
    assert all((stable[name] == earlier[name]).all() for name in stable)
    assert any((stable[name] != ours[name]).any() for name in stable)
    lost = tmp_path / "alone" / "training" / "checkpoint-3"
    shutil.copytree(state, lost)
    line = replaced(line, "--max-steps", 4)
    refused = shell(*line, "--resume-from-checkpoint", lost, "-o", tmp_path / "bad")
    assert refused.exit_code == 2
    assert "begun to fall" in refused.stderr


def test_a_source_of_rows_that_cannot_be_split_is_refused(shell, distill_arguments, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "one", "text": "x" * 300}) + "\n")
    line = [*distill_arguments, "--replay", tmp_path / "rows.jsonl", "--max-length", 100, "--replay-loss", "nll"]
    result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "every row of" in result.stderr and "--max-length 100" in result.stderr


def test_output_of_loggers_does_not_mix_with_the_summary(shell, distill_arguments, monkeypatch, tmp_path):
    class Speaks(TrainerCallback):
        def on_train_begin(self, *_, **__):
            print("* project initialized")

    monkeypatch.setattr("transformers.trainer.DEFAULT_CALLBACKS", [*DEFAULT_CALLBACKS, Speaks])
    result = shell(*distill_arguments, "-o", tmp_path / "out")
    assert json.loads(result.stdout)["steps"] == 4
    assert "* project initialized" in result.stderr


@pytest.fixture(scope="module")
def endless(text_lm, tmp_path_factory):
    """A text LLM whose tokenizer has no token that ends a document."""
    folder = tmp_path_factory.mktemp("endless") / "lm"
    shutil.copytree(text_lm, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"eos_token": None}))
    assert load_tokenizer(folder).eos_token_id is None
    return folder


@pytest.fixture(params=[True, False], ids=["with EOS", "without EOS"])
def ends(request, text_lm, endless):
    """A text LLM, and whether its tokenizer has a token that ends a document."""
    return (text_lm, True) if request.param else (endless, False)


@pytest.mark.parametrize("batching", ["padded", "packed"])
@pytest.mark.parametrize("options", [["--alpha", 0.25], ["--replay-loss", "nll"]], ids=["alpha", "replay"])
def test_only_the_teacher_says_what_follows_a_text_without_an_end(
    options, batching, ends, shell, distill_arguments, speech, world, tmp_path
):
    text_lm, has_end = ends
    line = [distill_arguments[0], text_lm, *distill_arguments[2:]]
    line = replaced(replaced(line, "--teacher", text_lm), "--lexical-weight", 0)
    entries = trained(shell, [*line, *options, "--batching", batching], tmp_path / "out")
    for entry in entries:
        rows, positions = (
            [entry[f"{what} of {p}"] for p in (speech, world / "pool.parquet")] for what in ("rows", "loss positions")
        )
        if options[0] == "--alpha":
            labelled = sum(positions) - (0 if has_end else sum(rows))
            expected = 0.25 * entry["distillation"] + 0.75 * entry["nll"] * labelled / sum(positions)
        else:
            alone = positions[1] - (0 if has_end else rows[1])
            sums = entry.get("distillation", 0.0) * positions[0] + entry.get("nll", 0.0) * alone
            expected = sums / (positions[0] + alone)
        assert entry["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_step_without_any_position_with_a_loss_has_a_loss_of_zero(
    shell, distill_arguments, speech, endless, tmp_path
):
    texts = [*"abcdefghi", "the tomato is red"]  # a text of one token has nothing to predict where no EOS follows
    replay = tmp_path / "letters.jsonl"
    replay.write_text("".join(json.dumps({"id": str(place), "text": text}) + "\n" for place, text in enumerate(texts)))
    line = [distill_arguments[0], endless, *distill_arguments[2:], "--replay-loss", "nll"]
    changes = {"--teacher": endless, "--data": f"{speech}:50", "--replay": replay, "--lexical-weight": 0}
    for option, value in (changes | {"--max-steps": 12, "--per-device-train-batch-size": 1}).items():
        line = replaced(line, option, value)
    losses = [entry["loss"] for entry in trained(shell, line, tmp_path / "out")]
    assert 0 in losses
    assert sum(loss > 0 for loss in losses) > 4
