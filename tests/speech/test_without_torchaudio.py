"""Commands where torchaudio is installed and does not load, and what takes its place."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from recognizers import LETTERS, save_ctc_model

from saladkit.speech.aligners.forced_alignment import ctc_forced_align
from saladkit.speech.audio import mel_features
from saladkit.speech.audio.mel_features import log_mel


@pytest.fixture
def no_torchaudio(monkeypatch):
    monkeypatch.setattr(mel_features, "find_torchaudio", lambda: None)
    monkeypatch.setattr(mel_features, "_mel_filters", mel_features._mel_filters.__wrapped__)


def noise(n_samples):
    return np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)


@pytest.mark.parametrize("bins", [16, 40, 80])
def test_mel_features_are_those_of_torchaudio(bins, no_torchaudio, monkeypatch):
    pytest.importorskip("torchaudio")
    samples = noise(16_000)
    found = log_mel(samples, 16_000, n_mels=bins)
    monkeypatch.undo()
    assert np.abs(found - log_mel(samples, 16_000, n_mels=bins)).max() < 1e-5


@pytest.mark.parametrize("seed", range(30))
def test_forced_alignment_finds_the_paths_and_scores_of_torchaudio(seed):
    torchaudio = pytest.importorskip("torchaudio")
    random = torch.Generator().manual_seed(seed)
    blank = seed % 6
    targets = [token for token in torch.randint(0, 6, (20,), generator=random).tolist() if token != blank]
    log_probs = (seed / 8 * torch.randn(60, 6, generator=random)).log_softmax(-1)  # seed 0: every path is as good
    log_probs = torch.cat([log_probs, torch.zeros(60, 1)], dim=1)  # with a wildcard
    targets[seed % len(targets)] = 6
    path, scores = torchaudio.functional.forced_align(log_probs[None], torch.tensor([targets]), blank=blank)
    spans = torchaudio.functional.merge_tokens(path[0], scores[0], blank)
    assert ctc_forced_align(log_probs, targets, blank) == [(span.start, span.end, span.score) for span in spans]


@pytest.fixture(scope="module")
def without_torchaudio(repository):
    """Run Python in a process of its own where torchaudio does not load."""
    paths = [str(repository / "tests" / "broken_torchaudio"), os.environ.get("PYTHONPATH", "")]

    def run(*arguments):
        words = [sys.executable, *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=repository)
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.mark.slow
def test_a_model_loads_whichever_is_imported_first(without_torchaudio):
    ours, theirs = "from saladkit import SaladForCausalLM", "from transformers import AutoModelForCausalLM"
    for first, second in ((ours, theirs), (theirs, ours)):
        without_torchaudio("-c", f"{first}\n{second}\nfrom transformers import Trainer, pipeline\nimport peft")


@pytest.mark.slow
def test_the_text_llm_of_the_desk_can_be_trained(without_torchaudio):
    without_torchaudio("-c", "import sys; sys.path.insert(0, 'examples/desk'); import train_lm")


@pytest.mark.slow
def test_doctor_says_what_takes_the_place_of_torchaudio(without_torchaudio):
    summary = json.loads(without_torchaudio("-m", "saladkit", "doctor").stdout)
    (check,) = (check for check in summary["checks"] if check["name"] == "audio")
    assert summary["healthy"]
    assert check["status"] == "note"
    assert check["detail"].startswith("mel filters by transformers: ")
    assert "OSError: libc10_cuda.so" in check["detail"]


METHOD = "from saladkit.cli import main\nfor line in {lines}: assert not main(line, standalone_mode=False)"


def test_the_method_runs(without_torchaudio, world, text_lm, tmp_path):
    """Speak, find the word times, make the frames, and train two steps on them, in one process."""
    recognizer = save_ctc_model(tmp_path / "ctc", LETTERS)
    speech, times, frames, trained = (tmp_path / name for name in ("speech", "times", "frames", "trained"))
    options = {
        **{"--data": speech, "--replay": world / "pool.parquet", "--teacher": text_lm, "--frames": frames},
        **{"--max-steps": 2, "--logging-steps": 1, "--save-steps": 2, "--per-device-train-batch-size": 2},
        **{"--warmup-steps": 0, "--lexical-weight": 0.5, "--mel-bins": 16, "--encoder-width": 16, "--device": "cpu"},
        **{"--adapter-layers": 1, "--adapter-width": 16, "--adapter-mlp-width": 32, "--adapter-heads": 2},
        **{"--adapter-kv-heads": 1},
    }
    words = [word for option in options.items() for word in option]
    alone = ["--workers", 1]
    lines = [
        ["synth", world / "natural.parquet", "-o", speech, "--voice", "espeak:en-us", "--limit", 8, *alone],
        ["timestamps", speech, "-o", times, "--aligner", f"ctc:{recognizer}", "--device", "cpu", *alone],
        ["cache-speech", speech, "-o", frames, "--mel-bins", 16],
        ["distill", text_lm, "-o", trained, *words, "--text-words", 4, 8, "--speech-words", 3, 6],
    ]
    without_torchaudio("-c", METHOD.format(lines=[list(map(str, line)) for line in lines]))
    assert json.loads((trained / "manifest.json").read_text())["counts"]["steps"] == 2
