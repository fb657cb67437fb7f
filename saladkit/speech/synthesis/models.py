"""The voices, the aligner and the recognizer of `synth`, each opened once per process; and what identifies them."""

from functools import cache
from importlib.metadata import version

from saladkit.machine import resolve_device
from saladkit.settings.synth import Speaking
from saladkit.speech.aligners.aligner import Aligner, open_aligner
from saladkit.speech.normalizing.spoken_form import RULES
from saladkit.speech.transcribers.transcriber import SPHINX, Transcriber, open_transcriber
from saladkit.speech.voices.voice import Voice, open_voice


@cache
def voice_named(name: str, device: str) -> Voice:
    """Open a voice once in this process."""
    return open_voice(name, device=device)


@cache
def aligner_named(name: str, device: str) -> Aligner:
    """Open an aligner once in this process."""
    _sum_in_one_order()
    return open_aligner(name, device=_device_for(name, device), scored=False)


@cache
def transcriber_named(name: str, device: str) -> Transcriber:
    """Open a recognizer once in this process."""
    _sum_in_one_order()
    return open_transcriber(name, device=_device_for(name, device))


def forget_voices() -> None:
    """Close all voices, whose files may have changed since an earlier run in this process."""
    voice_named.cache_clear()


def forget_aligner_and_recognizer() -> None:
    """Close aligner and recognizer, which take much memory where every worker process opens its own."""
    aligner_named.cache_clear()
    transcriber_named.cache_clear()


def identities(settings: Speaking) -> dict:
    """What speech depends on beyond text, voice and settings: the models, and the rules of the spoken form."""
    aligner, asr, device = settings.aligner, settings.asr, settings.device
    return {
        "aligner_identity": aligner and aligner_named(aligner, device).identity,
        "asr_identity": asr and transcriber_named(asr, device).identity,
        "spoken_form": {"rules": RULES, "num2words": version("num2words")},
    }


def described(settings: Speaking, models: dict) -> dict:
    """What speech depends on beyond text and voice, for the digest in a row's `speech_key`; `models`: `identities`.

    Every name is written out: a setting may get another name, and earlier speech still has to be found by its key.
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


def _sum_in_one_order() -> None:
    """Give torch one thread: with more, the last digits of sums differ, and scores would depend on `--workers`."""
    import torch

    torch.set_num_threads(1)


def _device_for(engine: str, device: str) -> str:
    """PocketSphinx runs on the CPU: it need not wait for torch to be imported and asked for the devices."""
    return "cpu" if engine == SPHINX else resolve_device(device)
