"""What training on own words changes: a model of width 32 that hears unclearly, and a text LLM that reads the truth.

Behind the true past, text gives away what was said; behind its own guess it does not, and the kind has to be heard.
Figures are exact: shares of the 320 equally likely rows of the world, whose recordings are of 16 kinds.
"""

import json
import math
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from unclear_world import NAMES, heard_as, kind, train_text_llm, write_rows, write_sounds

from saladkit.cli import main
from saladkit.formats.rollouts import read_rollouts
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.sources import read_prompts
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.settings.rollout import RolloutSettings

SHAPE = [
    *("--adapter-layers", 1, "--adapter-width", 32, "--adapter-mlp-width", 64, "--adapter-heads", 2),
    *("--adapter-kv-heads", 2, "--mel-bins", 16, "--encoder-width", 32),
]
TRAINING = [
    *("--per-device-train-batch-size", 64, "--warmup-steps", 20, "--logging-steps", 50, "--save-steps", 1000),
    *("--learning-rate", 3e-3, "--adapter-learning-rate", 3e-3, "--device", "cpu"),
]
SPANS = ["--text-words", 2, 2, "--speech-words", 2, 2, "--text-first", 0]  # the prompt heard, its repetition read


@pytest.fixture(scope="module")
def folder(workshop):
    """Text LLM, rows, their frames and their teacher cache."""
    made = workshop / "unclear"
    made.mkdir()
    assert train_text_llm(made / "lm", steps=300) < 0.05
    write_sounds(made / "sounds")
    write_rows(made / "rows.parquet", heard_as(), made / "sounds")
    return made


@pytest.fixture(scope="module")
def trained(folder):
    """Run Stage I on text, and a Stage II on the model's own words alone; return the folder of both checkpoints."""
    rows, frames = folder / "rows.parquet", ["--frames", folder / "frames"]
    saladkit("cache-speech", rows, "-o", folder / "frames", "--mel-bins", 16)
    scored(folder, rows, "teacher")
    text = ["distill", folder / "lm", "--data", rows, *frames, "--teacher", folder / "teacher", *SHAPE, *SPANS]
    saladkit(*text, *TRAINING, "--max-steps", 100, "-o", folder / "text")
    written = ["rollout", folder / "text", rows, *frames, "--prompt-words", 2, 2, "--max-new-tokens", 3]
    saladkit(*written, "--samples", 4, "--batch-size", 128, "--device", "cpu", "-o", folder / "rollouts")
    scored(folder, folder / "rollouts", "rollouts-teacher")
    own = ["align", f"{folder / 'text'}/", "--data", f"{rows}:0", *frames, "--rollouts", folder / "rollouts"]
    saladkit(*own, "--teacher", folder / "rollouts-teacher", *TRAINING, "--max-steps", 100, "-o", folder / "own")
    return folder


def saladkit(*arguments):
    """Run a command in this process; return its summary and what it says."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr


def scored(folder, texts, name):
    """Have the text LLM score texts."""
    line = ["cache-teacher", texts, "--model", folder / "lm", "--top-k", 10, "--device", "cpu", "-o", folder / name]
    saladkit(*line)


@dataclass(frozen=True)
class Shares:
    """Shares of rows in which the model is right by its most likely token.

    Attributes:
        name: about the name.
        behind_own, behind_true: about the kind, behind the name that it would write, and behind the true one.
    """

    name: float
    behind_own: float
    behind_true: float


def shares(folder, checkpoint):
    known = KnownModel.open(str(folder / checkpoint), settings := RolloutSettings(prompt_words=(2, 2), device="cpu"))
    prompts = read_prompts([str(folder / "rows.parquet")], known, settings).all
    model = load_salad_model(folder / checkpoint, dtype="float32", device="cpu").eval()
    answers, right = {}, []
    for (name, *sounds), prompt in zip(heard_as(), prompts, strict=True):
        if tuple(sounds) not in answers:
            answers[tuple(sounds)] = written(model, prompt, known.layout)
        own, kinds = answers[tuple(sounds)]
        wanted = len(NAMES) + kind(name)
        right.append((own == name, kinds[own] == wanted, kinds[name] == wanted))
    return Shares(*(sum(column) / len(right) for column in zip(*right, strict=True)))


def written(model, prompt, layout):
    """Return the most likely name, and the most likely token behind each name, in one batch of all names."""
    frames = prompt.frames()
    sequences = [prompt.sequence([name], frames, layout) for name in range(len(NAMES))]
    with torch.inference_mode():
        logits = model(**collate_sequences(sequences)).logits
    first, second = logits.view(len(NAMES), -1, logits.shape[-1])[:, -2:].unbind(dim=1)
    return int(first[0, : len(NAMES)].argmax()), second.argmax(dim=-1).tolist()


def test_training_on_text_believes_its_own_guess(trained):
    found = shares(trained, "text")
    assert found.name == pytest.approx(0.6, abs=0.02)
    assert found.behind_true > 0.95
    assert found.behind_own < 0.65


def test_training_on_own_words_listens_to_what_it_hears_instead(trained):
    """No listener can be right more often than in 75 %."""
    found = shares(trained, "own")
    assert found.name == pytest.approx(0.6, abs=0.02)
    assert 0.72 < found.behind_own <= 0.75
    assert found.behind_true < 0.8  # the cost: what is scored behind a true past


@pytest.fixture(scope="module")
def exposed(trained):
    """Summary and lines of `gap --rollouts` of both checkpoints, on what the first one has written."""
    line = ["--teacher", trained / "lm", "--rollouts", trained / "rollouts", "--interleavings", 1, "--device", "cpu"]
    line += [*SPANS[:6], trained / "rows.parquet"]
    return {name: saladkit("gap", trained / name, *line, "-o", trained / f"gap-{name}") for name in ("text", "own")}


def test_the_exposure_gap_is_large_until_own_words_are_trained_on(exposed):
    (text, said), (own, _) = exposed["text"], exposed["own"]
    before, after = text["exposure"]["speech"], own["exposure"]["speech"]
    assert before["exposure_gap"]["low"] > 0.1
    assert before["exposure_gap"]["low"] <= before["exposure_gap"]["mean"] <= before["exposure_gap"]["high"]
    assert after["exposure_gap"]["high"] < before["exposure_gap"]["low"]
    assert f"exposure gap {before['exposure_gap']['mean']:.3f} nats per token" in said
    assert before["follows_prompt"] > 0.99 and before["tokens_behind_wrong_past"] > 100
    assert abs(before["staleness"]) < 1e-4 and before["ratio"] == pytest.approx(1, abs=1e-3)
    assert after["staleness"] > 0.05 and after["effective_samples"] < 0.95 < before["effective_samples"]
    assert list(text["exposure"]) == ["speech"] and "behind read prompts" not in said


def test_the_exposure_gap_is_that_of_a_twin(exposed, trained):
    """Float64, one state after another, each sequence alone."""
    settings = RolloutSettings(prompt_words=(2, 2), device="cpu")
    known = KnownModel.open(str(trained / "text"), settings)
    prompts = {p.source_id: p for p in read_prompts([str(trained / "rows.parquet")], known, settings).all}
    names = {p: name for p, (name, *_) in zip(prompts, heard_as(), strict=True)}
    student = load_salad_model(trained / "text", dtype="float32", device="cpu").eval().double()
    teacher = load_text_model(trained / "lm", dtype="float32", device="cpu").double()
    written = {row["id"]: row for row in read_rollouts(trained / "rollouts")}
    found = pq.read_table(trained / "gap-text" / "exposure.parquet").to_pylist()
    assert len(found) == len(written)
    for row in found[::101]:
        prompt, response = prompts[row["source_id"]], written[row["id"]]["response_ids"]
        name = names[row["source_id"]]
        truth = [name, len(NAMES) + kind(name), known.tokenizer.eos_token_id][: len(response)]
        own = states(student, teacher, prompt, response, known.layout)
        true = states(student, teacher, prompt, truth, known.layout)
        assert row["own_kl"] == pytest.approx(sum(kl(p, q) for p, q in own[: len(truth)]), abs=1e-4)
        assert row["text_kl"] == pytest.approx(sum(kl(p, q) for p, q in true), abs=1e-4)
        known_to = [math.log(p[token]) for (p, _), token in zip(own, response, strict=True)]
        assert row["teacher_log_probs"] == pytest.approx(known_to, abs=1e-3)
        wrong = [place for place in range(len(truth)) if response[:place] != truth[:place]]
        assert row["wrong_past"] == len(wrong)
        best = [max(range(len(p)), key=p.__getitem__) for p, _ in own]
        assert row["follows_prompt"] == sum(best[place] == truth[place] for place in wrong)
        assert row["overlap"] == pytest.approx(len(response))  # fewer than 32 tokens are all of them


@torch.inference_mode()
def states(student, teacher, prompt, tokens, layout):
    """Return the teacher's and the student's distributions at every token behind a prompt."""
    found = []
    for place in range(len(tokens)):
        read = torch.tensor([[*prompt.token_ids.tolist(), *tokens[:place]]])
        heard = collate_sequences([prompt.sequence(tokens[:place], prompt.frames(), layout)])
        heard = {key: value.double() if value.is_floating_point() else value for key, value in heard.items()}
        logits = teacher(input_ids=read).logits[0, -1], student(**heard).logits.flatten(0, -2)[-1]
        found.append([torch.softmax(one, dim=-1).tolist() for one in logits])
    return found


def kl(p, q):
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
