"""What training on own words changes: a model of width 32 that hears unclearly, and a text LLM that reads the truth.

Behind the true past, text gives away what was said; behind its own guess it does not, and the kind has to be heard.
Figures are exact: shares of the 320 equally likely rows of the world, whose recordings are of 16 kinds.
"""

from dataclasses import dataclass

import pytest
import torch
from click.testing import CliRunner
from unclear_world import NAMES, heard_as, kind, train_text_llm, write_rows, write_sounds

from saladkit.cli import main
from saladkit.model.loading import load_salad_model
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
    """Run a command in this process."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr


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
