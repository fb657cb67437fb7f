"""The key by which earlier speech is found: the same line has to give the same key in every later version."""

import pytest

from saladkit.formats.digests import digest_json
from saladkit.settings.synth import Speaking
from saladkit.speech.synthesis import requests
from saladkit.speech.synthesis.models import described, identities
from saladkit.speech.synthesis.requests import Request, speech_key

MODELS = {"aligner_identity": None, "asr_identity": None, "spoken_form": {"rules": 2, "num2words": "0.5.14"}}
SPHINX = {"pocketsphinx": "5.1.1", "model": "en-us"}
OTHERS = {
    **{"codec": "wav", "loudness": -23.0, "language": "en", "aligner": "sphinx", "asr": "sphinx"},
    **{"duration_ratio": (0.3, 2.5), "max_clipped": 0.02, "max_silence": None, "min_level": -40.0, "max_cer": 0.5},
}


class Spoken:
    """A voice without an engine."""

    name, identity = "espeak:en-us", {"espeakng-loader": "0.2.4"}

    def narrowed(self, draws):
        """Return itself."""
        return self


def test_the_default_settings_are_described_as_they_always_were():
    assert described(Speaking(), MODELS) == {
        "codec": "flac",
        "loudness": None,
        "language": None,
        "aligner": None,
        "asr": None,
        "gate": {"duration_ratio": (0.25, 3.0), "clipped": 0.01, "silence": 2.0, "level": -50.0, "cer": None},
        "aligner_identity": None,
        "asr_identity": None,
        "spoken_form": {"rules": 2, "num2words": "0.5.14"},
    }
    digest = "6a81ac12c7e4977c2fc17727289e9b6905d19dd55fa240892870b164ff44b74f"
    assert digest_json(described(Speaking(), MODELS)) == digest
    assert digest_json(described(Speaking(device="cpu"), MODELS)) == digest


def test_every_other_setting_is_described_as_it_always_was():
    models = MODELS | {"aligner_identity": SPHINX | {"beam": 1e-300, "espeakng-loader": "0.2.4"}}
    digest = digest_json(described(Speaking(**OTHERS), models | {"asr_identity": SPHINX}))
    assert digest == "5da45088f351f986f05352f092aa77e5ebc8eaee11df162555909d9296fce6e0"


@pytest.mark.parametrize("name", list(OTHERS))
def test_no_setting_is_forgotten(name):
    default = {"asr": "sphinx"} if name == "max_cer" else {}
    changed = Speaking(**default | {name: OTHERS[name]})
    assert described(changed, MODELS) != described(Speaking(**default), MODELS)


def test_models_are_named_by_their_identities():
    found = identities(Speaking(aligner="sphinx", asr="sphinx"))
    assert found.keys() == MODELS.keys() and found["aligner_identity"]["model"] == found["asr_identity"]["model"]
    assert identities(Speaking())["asr_identity"] is None


def test_a_key_is_of_text_voice_and_settings(monkeypatch):
    monkeypatch.setattr(requests, "voice_named", lambda name, device: Spoken())
    request = Request("row-1", "Water boils.", "espeak:en-us", 7)
    digest = digest_json(described(Speaking(), MODELS))
    key = speech_key(request, digest, "cpu")
    assert key == "2f8698df0fcff7873a736b5a2b4abb2c84d9b259e41f2cc2ef1ebc5a3de2c86e"
    assert speech_key(Request("row-2", "Water boils.", "espeak:en-us", 8), digest, "cpu") == key
    assert speech_key(Request("row-1", "Water froze.", "espeak:en-us", 7), digest, "cpu") != key
