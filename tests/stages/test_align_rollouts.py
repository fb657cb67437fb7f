"""`align --rollouts`: on what a checkpoint has written itself, mixed with speech and replay."""

import json

import numpy as np
import pytest
import torch
from rollout_artefacts import cache_of, rows_of, write
from safetensors.torch import load_file

from saladkit.formats.artefact import Artefact
from saladkit.formats.checkpoint import STABLE
from saladkit.formats.rollouts import MODALITIES, SPEECH, TEXT
from saladkit.formats.teacher_cache import SCHEMA as CACHE
from saladkit.model.loading import load_text_model
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.stages.cache_teacher import cache_teacher
from saladkit.training.trainer import SaladTrainer

STEPS = ["--max-steps", 2, "--logging-steps", 1, "--save-steps", 1, "--per-device-train-batch-size", 6]


@pytest.fixture(scope="module")
def rollouts(workshop, speech, tokenizer):
    """Rollouts of six rows, heard and read."""
    return write(workshop / "align-rollouts", rows_of(speech, tokenizer, MODALITIES), tokenizer)


@pytest.fixture(scope="module")
def rollouts_teacher(workshop, rollouts, text_lm, teacher_cache):
    """Their teacher cache."""
    return cache_of(workshop / "align-rollouts-teacher", rollouts, text_lm, teacher_cache)


@pytest.fixture
def align(shell, checkpoint, speech, frames_cache, tmp_path):
    """Run `align` on speech and rollouts for two steps."""
    of_speech = ("--data", speech, "--frames", frames_cache)

    def run(*more, start=checkpoint, to="aligned", steps=STEPS, data=of_speech):
        line = ["align", start, *data, *steps, "--warmup-steps", 0]
        return shell(*line, "--device", "cpu", *more, "-o", tmp_path / to)

    return run


def weights(folder):
    return load_file(folder / "model.safetensors")


def log(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("loss", ["forward-kl", "reverse-kl", "jsd", "sampled"])
def test_each_loss_moves_the_weights_and_is_logged(align, rollouts, text_lm, checkpoint, tmp_path, loss):
    result = align("--rollouts", f"{rollouts}:2", "--rollout-loss", loss, "--teacher", text_lm)
    assert result.exit_code == 0, result.stderr
    before, after = weights(checkpoint / STABLE), weights(tmp_path / "aligned")
    assert any(not torch.equal(before[name], after[name]) for name in before)
    summary = json.loads(result.stdout)
    heard = summary["divergences"][str(rollouts)]
    assert heard["divergence"] > 0 and heard["teacher log-probability 5%"] <= heard["teacher log-probability"] < 0
    assert f"{rollouts} (read)" in summary["divergences"]
    assert ("ratio" in heard) == (loss == "sampled")
    assert ("exposure_gap" in summary) == (loss == "forward-kl")
    assert "was written by 000000000000, and training starts from" in result.stderr
    if loss == "sampled":
        assert heard["ratio"] > 0 and 0 < heard["effective samples"] <= 1 and 0 <= heard["clipped"] <= 1


def test_rollouts_get_their_share_of_the_positions(align, rollouts, text_lm, speech, tmp_path):
    steps = ["--max-steps", 8, "--logging-steps", 8, "--save-steps", 8, "--per-device-train-batch-size", 16]
    result = align("--rollouts", f"{rollouts}:3", "--teacher", text_lm, steps=steps)
    assert result.exit_code == 0, result.stderr
    shares = json.loads(result.stdout)["shares"]
    assert shares[str(rollouts)]["positions"] == pytest.approx(0.75, abs=0.05)
    assert shares[str(rollouts)]["loss"] > 0


@pytest.mark.parametrize("mix", ["positions", "rows"])
def test_samples_of_weight_0_give_prompts_and_are_not_trained_on(align, rollouts, text_lm, speech, tmp_path, mix):
    result = align("--rollouts", rollouts, "--mix", mix, "--teacher", text_lm, data=("--data", f"{speech}:0"))
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["shares"] == {str(rollouts): {"rows": 1.0, "positions": 1.0, "loss": 1.0}}
    assert summary["rows_read"] == {str(rollouts): 12}
    manifest = json.loads((tmp_path / "aligned" / "manifest.json").read_text())
    assert manifest["inputs"]["data 0"]["path"] == str(speech)
    assert "exposure_gap" not in summary  # no other speech


def test_rollouts_whose_prompts_were_read_need_no_samples(align, speech, tokenizer, text_lm, rollouts, tmp_path):
    path = write(tmp_path / "read", rows_of(speech, tokenizer, (TEXT,)), tokenizer)
    result = align("--rollouts", path, "--teacher", text_lm, data=())
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rows_read"] == {str(path): 12}
    refused(align("--rollouts", rollouts, "--teacher", text_lm, data=(), to="heard"), "no --data has a usable row")


@pytest.mark.parametrize("modality, told", [(SPEECH, True), (TEXT, False)])
def test_prompts_that_are_heard_in_other_samples_than_they_were_are_told(
    align, speech, tokenizer, text_lm, world, tmp_path, modality, told
):
    behind = {"samples 0": world / "natural.parquet"}
    path = write(tmp_path / "others", rows_of(speech, tokenizer, (modality,)), tokenizer, inputs=behind)
    result = align("--rollouts", path, "--teacher", text_lm, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert (f"behind prompts of {behind['samples 0']}, whose content is that of no --data" in result.stderr) == told


@pytest.mark.parametrize("mine", [(), ("SPEECH:0",), ("SPEECH:1", "SPEECH:0")], ids=["no data", "0", "1 and 0"])
def test_samples_of_no_weight_without_rollouts_are_refused(align, speech, text_lm, mine):
    data = [part for one in mine for part in ("--data", one.replace("SPEECH", str(speech)))]
    said = "there is nothing to train on" if len(mine) < 2 else f"the weight of {speech} is 0"
    refused(align("--teacher", text_lm, data=data), said)


def test_lexical_steps_need_samples(align, rollouts, text_lm, speech):
    lexical = ["--lexical-weight", 1, "--lexical-steps", 1]
    refused(
        align("--rollouts", rollouts, "--teacher", text_lm, *lexical, data=("--data", f"{speech}:0")), "read --data"
    )


def test_every_response_is_trained_on_once_a_pass(align, rollouts, text_lm, speech, tokenizer, tmp_path):
    """None of a response is lost, none is of a prompt, and each has the log-probability of its own."""
    seen = []
    compute_loss = SaladTrainer.compute_loss

    def watched(self, model, inputs, **further):
        ends = np.cumsum([0, *map(len, inputs["targets"])])
        first = inputs["followed"]
        for row in range(first, first + inputs["rollouts"]):
            here = slice(ends[row], ends[row + 1])
            drawn = inputs["log_probs"][here.start - ends[first] : here.stop - ends[first]]
            seen.append((tuple(inputs["labels"][here].tolist()), tuple(drawn.tolist())))
        return compute_loss(self, model, inputs, **further)

    steps = ["--max-steps", 1, "--logging-steps", 1, "--save-steps", 1, "--per-device-train-batch-size", 60]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SaladTrainer, "compute_loss", watched)
        result = align("--rollouts", f"{rollouts}:1", "--mix", "rows", "--teacher", text_lm, steps=steps)
    assert result.exit_code == 0, result.stderr
    rows = rows_of(speech, tokenizer, MODALITIES)
    written = {(tuple(row["response_ids"]), tuple(np.float32(row["log_probs"]).tolist())) for row in rows}
    assert len(seen) == 30 and set(seen) == written


def test_two_teacher_caches_are_one(align, rollouts, rollouts_teacher, teacher_cache, workshop, text_lm, tmp_path):
    both = ["--teacher", teacher_cache, "--teacher", rollouts_teacher]
    assert align("--rollouts", rollouts, *both, to="two").exit_code == 0
    joined = joined_cache(tmp_path / "joined", teacher_cache, rollouts_teacher)
    assert align("--rollouts", rollouts, "--teacher", joined, to="one").exit_code == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def joined_cache(path, first, second):
    """One artefact with the parts of two caches."""
    from saladkit.formats.artefact_writer import create_artefact

    opened = [Artefact.open(one, CACHE) for one in (first, second)]
    manifest = opened[0].manifest
    writer = create_artefact(
        path, schema=CACHE, version=manifest["schema_version"], verb="cache-teacher", settings={}, inputs={}
    )
    number = 0
    for one in opened:
        for tensors in one.parts(".safetensors"):
            for suffix in (".safetensors", ".parquet"):
                with writer.writing(f"part-{number:05d}{suffix}") as aside:
                    aside.write_bytes(tensors.with_suffix(suffix).read_bytes())
            number += 1
    writer.finish(counts={}, identity=manifest["identity"])
    return path


def test_a_killed_run_resumes_with_the_same_weights(align, rollouts, text_lm, tmp_path, monkeypatch):
    more = ["--rollouts", rollouts, "--rollout-loss", "sampled", "--teacher", text_lm]
    assert align(*more, to="whole").exit_code == 0
    compute_loss, calls = SaladTrainer.compute_loss, []

    def killed(self, *arguments, **further):
        calls.append(1)
        if self.state.global_step == 1:
            raise KeyboardInterrupt
        return compute_loss(self, *arguments, **further)

    with monkeypatch.context() as patched:
        patched.setattr(SaladTrainer, "compute_loss", killed)
        assert align(*more, to="killed").exit_code != 0
    assert calls and not (tmp_path / "killed" / "manifest.json").exists()
    assert align(*more, to="killed").exit_code == 0
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "killed")


def test_a_round_starts_from_before_the_decay_of_the_one_before(align, rollouts, text_lm, tmp_path):
    more = ["--rollouts", rollouts, "--teacher", text_lm, "--decay-fraction", 0.5]
    first = align(*more, to="first")
    assert first.exit_code == 0, first.stderr
    assert (tmp_path / "first" / STABLE / "moments.safetensors").is_file()
    second = align(*more, start=tmp_path / "first", to="second")
    assert second.exit_code == 0, second.stderr
    assert f"the optimizer goes on with the moments of {tmp_path / 'first' / STABLE}" in second.stderr
    counts = [json.loads((tmp_path / name / "manifest.json").read_text())["counts"] for name in ("first", "second")]
    assert counts[1]["positions_read"] > counts[0]["positions_read_before_decay"] > 0


def test_without_a_decay_fraction_all_steps_are_decay_and_nothing_is_kept(align, text_lm, tmp_path):
    result = align("--teacher", text_lm)
    assert result.exit_code == 0, result.stderr
    assert not (tmp_path / "aligned" / STABLE).exists()


def refused(result, *said):
    assert result.exit_code == 2
    lines = result.stderr.strip().splitlines()[-2:]
    assert all(part in lines[0] for part in said), lines
    assert lines[1].strip()


@pytest.mark.parametrize(
    "loss, kept, said",
    [
        ("reverse-kl", {"top_k": 8}, "8 tokens are kept in"),
        ("sampled", {"top_k": 8}, "outside the top 8"),
        ("sampled", {"draws": 10}, "holds samples"),
        ("jsd", {"draws": 10}, "holds samples"),
    ],
)
def test_a_loss_that_the_cache_cannot_give_is_refused(
    align, rollouts, world, text_lm, teacher_cache, tmp_path, loss, kept, said
):
    of_rollouts = cache_of(tmp_path / "cache", rollouts, text_lm, teacher_cache, **kept)
    if "draws" in kept:
        settings = CacheTeacherSettings(model=str(text_lm), keep="sampled", draws=kept["draws"], device="cpu")
        cache_teacher([str(world / "natural.parquet")], tmp_path / "natural", settings)
    of_speech = tmp_path / "natural" if "draws" in kept else teacher_cache
    result = align(*("--rollouts", rollouts, "--rollout-loss", loss, "--teacher", of_speech, "--teacher", of_rollouts))
    refused(result, said)


def test_the_tokens_that_a_top_k_does_not_tell_are_counted(align, teacher_cache, text_lm, speech, tokenizer, tmp_path):
    model, outside, total = load_text_model(text_lm, dtype="float32", device="cpu"), 0, 0
    rows = rows_of(speech, tokenizer)
    for row in rows:
        prompt, response = row["prompt_ids"], row["response_ids"]
        for place in range(len(response)):
            with torch.no_grad():
                best = model(torch.tensor([[*prompt, *response[:place]]])).logits[0, -1].topk(8).indices.tolist()
            if place % 2:
                response[place] = best[place]  # among those that are kept
            total += 1
            outside += response[place] not in best
    path = write(tmp_path / "rollouts", rows, tokenizer)
    cache = cache_of(tmp_path / "cache", path, text_lm, teacher_cache)
    teachers = ["--teacher", teacher_cache, "--teacher", cache]
    result = align("--rollouts", path, "--rollout-loss", "sampled", *teachers)
    assert 0 < outside < total
    refused(result, f"the probabilities of {outside} of {total} tokens")


def test_a_sampled_loss_takes_a_cache_that_keeps_every_token(align, rollouts, text_lm, tokenizer, world, tmp_path):
    settings = CacheTeacherSettings(model=str(text_lm), top_k=400, device="cpu")
    cache_teacher([str(world / "natural.parquet")], tmp_path / "natural", settings)
    whole = cache_of(tmp_path / "cache", rollouts, text_lm, tmp_path / "natural", top_k=400)
    teachers = ["--teacher", tmp_path / "natural", "--teacher", whole]
    for loss in ("sampled", "reverse-kl"):
        result = align("--rollouts", rollouts, "--rollout-loss", loss, *teachers, to=loss)
        assert result.exit_code == 0, result.stderr
    outside = json.loads(result.stdout)["divergences"][str(rollouts)]["outside top k"]
    assert outside == pytest.approx(0, abs=1e-5)


def test_rollouts_that_another_model_reads_otherwise_are_refused(
    align, speech, tokenizer, text_lm, teacher_cache, rollouts, other_text_lm, tmp_path
):
    rows = rows_of(speech, tokenizer, rows=2)
    teacher = ["--teacher", text_lm]
    strange = write(tmp_path / "tokenizer", rows, tokenizer, identity={"tokenizer": "1" * 64})
    refused(align("--rollouts", strange, *teacher), "another tokenizer")
    warm = write(tmp_path / "warm", rows, tokenizer, settings={"temperature": 0.7, "top_p": 0.9})
    refused(align("--rollouts", warm, "--rollout-loss", "sampled", *teacher), "--temperature 0.7", "--top-p 0.9")
    assert align("--rollouts", warm, "--dry-run", *teacher).exit_code == 0
    greedy = write(tmp_path / "greedy", rows, tokenizer, settings={"temperature": 0.0})
    refused(align("--rollouts", greedy, "--rollout-loss", "sampled", *teacher), "was drawn with --greedy")
    chat = write(tmp_path / "chat", rows, tokenizer, identity={"chat_template": "2" * 64})
    assert align("--rollouts", chat, *teacher).exit_code == 2
    refused(align("--rollouts", rollouts, "--teacher", teacher_cache), "does not hold the text of row")
    refused(align("--rollouts", rollouts, "--teacher", teacher_cache, "--teacher", text_lm), "is no teacher cache")
    refused(align("--rollouts", f"{rollouts}:0", *teacher), "is 0")
    sampled = ["--rollout-loss", "sampled", "--temperature", 2]
    refused(align("--rollouts", rollouts, *sampled, *teacher), "--temperature 2")
    window = ["--window", 256, "--window-context", "window"]
    refused(align("--rollouts", rollouts, *window, *teacher), "--window-context window")


def test_caches_that_disagree_are_no_teacher(align, rollouts, text_lm, teacher_cache, tmp_path):
    more = cache_of(tmp_path / "cache", rollouts, text_lm, teacher_cache, top_k=5)
    refused(align("--rollouts", rollouts, "--teacher", teacher_cache, "--teacher", more), "differ in top_k")
    warm = cache_of(tmp_path / "warm", rollouts, text_lm, teacher_cache, temperature=2.0)
    refused(align("--rollouts", rollouts, "--teacher", teacher_cache, "--teacher", warm), "differ in temperature")


def test_rollouts_in_windows_are_still_what_was_written(align, rollouts, text_lm, tmp_path):
    result = align("--rollouts", rollouts, "--teacher", text_lm, "--window", 300, steps=STEPS)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["divergences"][str(rollouts)]["divergence"] > 0


def test_rollouts_with_a_question_are_left_out(align, speech, tokenizer, text_lm, tmp_path):
    asked = "why do seven purple lanterns sing over the quiet stone bridge at noon"
    rows = rows_of(speech, tokenizer, rows=3)
    rows[1] |= {"response_ids": tokenizer(" " + asked)["input_ids"]}
    rows[1] |= {"log_probs": [-1.0] * len(rows[1]["response_ids"])}
    question = {"id": "q", "text": asked, "choices": ["yes", "no"], "answer": 0}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    path = write(tmp_path / "rollouts", rows, tokenizer)
    result = align("--rollouts", path, "--teacher", text_lm, "--decontaminate", tmp_path / "questions.jsonl")
    assert result.exit_code == 0, result.stderr
    skipped = json.loads((tmp_path / "aligned" / "manifest.json").read_text())["skipped"]
    assert [row["id"] for row in skipped if row["source"] == str(path)] == [rows[1]["id"]]
