"""Open the voices, the aligner and the recognizer of `synth` once per process, and identify them."""

from functools import cache
from importlib.metadata import version

from saladkit.settings.synth import Speaking
from saladkit.speech.aligners.aligner import Aligner, open_aligner
from saladkit.speech.normalizing.spoken_form import RULES
from saladkit.speech.transcribers.transcriber import WITHOUT_TORCH, Transcriber, open_transcriber
from saladkit.speech.voices.voice import Voice, open_voice


@cache
def voice_named(name: str, device: str) -> Voice:
    """Open a voice, or return it if this process has opened it before."""
    return open_voice(name, device=device)


@cache
def aligner_named(name: str, device: str) -> Aligner:
    """Open an aligner, or return it if this process has opened it before."""
    _sum_in_one_order(name)
    return open_aligner(name, device=device, scored=False)


@cache
def transcriber_named(name: str, device: str) -> Transcriber:
    """Open a recognizer, or return it if this process has opened it before."""
    _sum_in_one_order(name)
    return open_transcriber(name, device=device, dtype="float32")


def forget_voices() -> None:
    """Close all voices, so that files that changed since an earlier run in this process are read again."""
    voice_named.cache_clear()


def forget_aligner_and_recognizer() -> None:
    """Close aligner and recognizer: the worker processes open their own, and each takes much memory."""
    aligner_named.cache_clear()
    transcriber_named.cache_clear()


def identities(settings: Speaking) -> dict:
    """Identify what speech depends on beyond text, voice and settings: the models and the rules of spoken forms."""
    aligner, asr, device = settings.aligner, settings.asr, settings.device
    return {
        "aligner_identity": aligner and aligner_named(aligner, device).identity,
        "asr_identity": asr and transcriber_named(asr, device).identity,
        "spoken_form": {"rules": RULES, "num2words": version("num2words")},
    }


def described(settings: Speaking, models: dict) -> dict:
    """Describe what speech depends on beyond text and voice, for the digest in a row's `speech_key`.

    Every key is written out here, so that earlier speech is still found after a setting was renamed.

    Args:
        models: as `identities` returns them.
    """
    return {
        "codec": settings.codec,
        "loudness": settings.loudness,
        "language": settings.language,
        "aligner": settings.aligner,
        "asr": settings.asr,
        "gate": {
            "duration_ratio": settings.duration_ratio,
            "clipped": settings.max_clipped,
            "silence": settings.max_silence,
            "level": settings.min_level,
            "cer": settings.max_cer,
        },
        **models,
    }


def _sum_in_one_order(engine: str) -> None:
    """Limit torch to one thread: with more, sums differ in their last digits, and scores depend on `--workers`."""
    if engine.partition(":")[0] in WITHOUT_TORCH:  # loading it takes 0.7 GB in each process
        return
    import torch

    torch.set_num_threads(1)
