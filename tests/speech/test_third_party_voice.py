import sys

import pytest

from saladkit.errors import SaladError
from saladkit.speech.voices.voice import open_voice

MODULE = """
import numpy as np
from saladkit.formats.words import Word
from saladkit.speech.voices.voice import Utterance

class BeepVoice:
    language, identity = "en", {"beep": "1"}

    def __init__(self, description, *, device="cpu"):
        self.name = self.speaker = f"beep:{description}"
        self._pitch, self._device = float(description), device

    def narrowed(self, draws):
        return self

    def speak(self, text):
        words = text.split()
        samples = np.sin(np.arange(8000 * len(words)) * self._pitch).astype(np.float32)
        return Utterance(samples, 8000, [Word(word, float(i), i + 1.0) for i, word in enumerate(words)])
"""


@pytest.fixture
def beep(tmp_path, monkeypatch):
    """What pip leaves behind of a package with a voice engine."""
    info = tmp_path / "beep-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beep\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[saladkit.voices]\nbeep = beep_voice:BeepVoice\n")
    (tmp_path / "beep_voice.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("beep_voice", None)


def test_an_engine_of_another_package_speaks(beep):
    voice = open_voice("beep:0.1", device="cuda")
    utterance = voice.speak("Good morning")
    assert (voice.name, voice._device, len(utterance.samples)) == ("beep:0.1", "cuda", 16000)
    assert [word.end for word in utterance.words] == [1, 2]


def test_it_is_named_among_the_engines_there_are(beep):
    with pytest.raises(SaladError, match="no known text-to-speech engine") as raised:
        open_voice("boop:0.1")
    assert raised.value.fix.endswith("beep, command, espeak, kokoro, openai, phones, piper.")


def test_without_the_package_it_is_unknown():
    with pytest.raises(SaladError, match="'beep:0.1' names no known"):
        open_voice("beep:0.1")
