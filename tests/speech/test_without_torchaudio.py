"""Commands where torchaudio is installed and does not load, and what takes its place."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from recognizers import LETTERS, save_ctc_model

from saladkit.speech.aligners.forced_alignment import ctc_forced_align
from saladkit.speech.audio import mel_features, resampling
from saladkit.speech.audio.mel_features import log_mel
from saladkit.speech.audio.resampling import resample

RATES = [(22_050, 16_000), (24_000, 16_000), (48_000, 16_000), (16_000, 24_000), (8_000, 16_000), (44_099, 16_000)]


@pytest.fixture
def no_torchaudio(monkeypatch):
    monkeypatch.setattr(resampling, "find_torchaudio", lambda: None)
    monkeypatch.setattr(mel_features, "find_torchaudio", lambda: None)
    monkeypatch.setattr(mel_features, "_mel_filters", mel_features._mel_filters.__wrapped__)


def noise(n_samples):
    return np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)


@pytest.mark.parametrize("rates", RATES)
def test_soxr_gives_the_same_lengths_and_the_same_tone(rates, no_torchaudio, monkeypatch):
    lengths = [1, 2, 5, 100, 1_001, 22_050, 22_053]
    pytest.importorskip("torchaudio")
    by_soxr = [len(resample(noise(length), *rates)) for length in lengths]
    seconds = np.arange(rates[0]) / rates[0]
    found = resample(np.sin(2 * np.pi * 440 * seconds).astype(np.float32), *rates)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / rates[1])
    assert found.dtype == np.float32
    assert np.abs(found - expected)[200:-200].max() < 0.01
    assert resampling.resampler_identity() == {"resampler": "soxr"}
    monkeypatch.undo()
    assert [len(resample(noise(length), *rates)) for length in lengths] == by_soxr
    assert resampling.resampler_identity() == {}


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
def test_doctor_says_what_takes_the_place_of_torchaudio(without_torchaudio):
    summary = json.loads(without_torchaudio("-m", "saladkit", "doctor").stdout)
    (check,) = (check for check in summary["checks"] if check["name"] == "audio")
    assert summary["healthy"]
    assert check["status"] == "note"
    assert check["detail"].startswith("resampling by soxr ")
    assert "OSError: libc10_cuda.so" in check["detail"]


def test_the_method_runs(without_torchaudio, world, text_lm, tmp_path):
    """Speak, find the word times, make the frames, and train two steps on them."""
    recognizer = save_ctc_model(tmp_path / "ctc", LETTERS)
    speech, times, frames, trained = (tmp_path / name for name in ("speech", "times", "frames", "trained"))

    def saladkit(*arguments):
        without_torchaudio("-m", "saladkit", *arguments)

    saladkit("synth", world / "natural.parquet", "-o", speech, "--voice", "espeak:en-us", "--limit", 8, "--workers", 1)
    saladkit("timestamps", speech, "-o", times, "--aligner", f"ctc:{recognizer}", "--device", "cpu", "--workers", 1)
    saladkit("cache-speech", speech, "-o", frames, "--mel-bins", 16)
    options = {
        **{"--data": speech, "--replay": world / "pool.parquet", "--teacher": text_lm, "--frames": frames},
        **{"--max-steps": 2, "--logging-steps": 1, "--save-steps": 2, "--per-device-train-batch-size": 2},
        **{"--warmup-steps": 0, "--lexical-weight": 0.5, "--mel-bins": 16, "--encoder-width": 16, "--device": "cpu"},
        **{"--adapter-layers": 1, "--adapter-width": 16, "--adapter-mlp-width": 32, "--adapter-heads": 2},
        **{"--adapter-kv-heads": 1},
    }
    words = [word for option in options.items() for word in option]
    saladkit("distill", text_lm, "-o", trained, *words, "--text-words", 4, 8, "--speech-words", 3, 6)

    def manifest(folder):
        return json.loads((folder / "manifest.json").read_text())

    assert manifest(times)["identity"]["resampler"] == "soxr"
    assert manifest(frames)["settings"]["resampler"] == manifest(frames)["identity"]["resampler"] == "soxr"
    assert manifest(trained)["settings"]["resampler"] == "soxr"


@pytest.fixture
def other_resampler():
    """The resampler that is not in use here, as a manifest records it."""
    return {"resampler": "soxr"} if resampling.resampler() == "torchaudio" else {}


def test_a_cache_is_never_filled_by_two_resamplers(speech, other_resampler, shell, tmp_path, monkeypatch):
    line = ("cache-speech", speech, "-o", tmp_path / "frames", "--mel-bins", 16)
    assert shell(*line).exit_code == 0
    assert shell(*line).exit_code == 0
    monkeypatch.setattr("saladkit.stages.cache_speech.resampler_identity", lambda: other_resampler)
    refused = shell(*line)
    assert refused.exit_code == 2
    assert "was made from something else (changed: settings)" in refused.stderr


def test_training_joins_no_frames_of_two_resamplers(
    distill_arguments, frames_cache, spoken_questions, other_resampler, shell, tmp_path
):
    shutil.copytree(frames_cache, tmp_path / "frames")
    manifest = json.loads((frames_cache / "manifest.json").read_text())
    manifest["identity"].pop("resampler", None)
    manifest["identity"] |= other_resampler
    (tmp_path / "frames" / "manifest.json").write_text(json.dumps(manifest))
    line = [str(tmp_path / "frames") if word == str(frames_cache) else word for word in distill_arguments]
    refused = shell(*line, "--data", f"{spoken_questions}:1", "-o", tmp_path / "trained")
    assert refused.exit_code == 2
    assert "was resampled by" in refused.stderr and "soxr" in refused.stderr and "torchaudio" in refused.stderr
    assert "saladkit cache-speech" in refused.stderr
    assert not (tmp_path / "trained").exists()
