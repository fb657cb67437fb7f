"""One text -> the columns that its speech adds to a row, or the reason why it has none."""

import random
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_json
from saladkit.formats.samples import words_to_row
from saladkit.formats.words import Word
from saladkit.machine import resolve_device
from saladkit.speech.aligners.aligner import Aligner, align_one, open_aligner
from saladkit.speech.audio.encoding import ENCODERS
from saladkit.speech.audio.loudness import set_loudness
from saladkit.speech.normalizing.spoken_form import RULES, SpokenForm, spoken_form
from saladkit.speech.synthesis.gate import QualityGate, measure
from saladkit.speech.transcribers.error_rates import least_error_rate
from saladkit.speech.transcribers.transcriber import SPHINX, Transcriber, open_transcriber
from saladkit.speech.voices.voice import Utterance, Voice, VoiceFailed, VoiceGaveUp, open_voice

ATTEMPTS = 2
# Of a row's words with a letter or digit; below, an aligner does better. espeak-ng leaves 4 % of English prose without
# times of their own, which interleaving can do without.
LEAST_TIMED = 0.75


@dataclass(frozen=True)
class SpeakingSettings:
    """How every row is spoken.

    `language`: of the texts, for their numbers and abbreviations; None for that of the voice. "as-written" is none, and
    leaves them as they are.
    `loudness`: in LUFS, None as the engine made it. `aligner`: places the words that an engine reports no times of.
    `asr`: who listens. `device`: where models run.
    """

    codec: str = "flac"
    loudness: float | None = None
    language: str | None = None
    aligner: str | None = None
    asr: str | None = None
    gate: QualityGate = field(default_factory=QualityGate)
    device: str = "auto"

    def described(self) -> dict:
        """What changes the rows, with the identity of every model."""
        settings = {key: value for key, value in asdict(self).items() if key != "device"}
        models = {
            "aligner_identity": self.aligner and aligner_of(self).identity,
            "asr_identity": self.asr and transcriber_of(self).identity,
        }
        return settings | models | {"spoken_form": {"rules": RULES, "num2words": version("num2words")}}


def speaking_settings(given: dict) -> SpeakingSettings:
    """The settings of the shell's options.

    Raises:
        SaladError: bounds that contradict each other, or one that nobody can check.
    """
    gate = QualityGate(**given["gate"])
    if gate.cer is not None and given["asr"] is None:
        raise SaladError("--max-cer is given, but nobody listens", "Name a recognizer with --asr.")
    if gate.duration_ratio and gate.duration_ratio[0] > gate.duration_ratio[1]:
        raise SaladError("--duration-ratio: the first factor is above the second", "Give the lower one first.")
    return SpeakingSettings(**given | {"gate": gate})


@dataclass(frozen=True)
class Request:
    """One text to speak by `voice` (a name as given), whose ranges are drawn by `draw`."""

    id: str
    text: str
    voice: str
    draw: int


@cache
def voice_named(name: str, device: str) -> Voice:
    """Open a voice once in this process."""
    return open_voice(name, device=device)


@cache
def aligner_of(settings: SpeakingSettings) -> Aligner:
    """Open the aligner once in this process."""
    _sum_in_one_order()
    return open_aligner(settings.aligner, device=_device_for(settings.aligner, settings.device), scored=False)


@cache
def transcriber_of(settings: SpeakingSettings) -> Transcriber:
    """Open the recognizer once in this process."""
    _sum_in_one_order()
    return open_transcriber(settings.asr, device=_device_for(settings.asr, settings.device))


def forget_models() -> None:
    """Let go of aligner and recognizer, which take much memory where other processes have their own."""
    aligner_of.cache_clear()
    transcriber_of.cache_clear()


def _sum_in_one_order() -> None:
    """One thread for torch: with more, sums differ in their last digits, and so would scores by `--workers`."""
    import torch

    torch.set_num_threads(1)


def _device_for(engine: str, device: str) -> str:
    """PocketSphinx knows one alone, and need not wait for torch, which is asked which ones there are."""
    return "cpu" if engine == SPHINX else resolve_device(device)


def narrowed_voice(request: Request, device: str) -> Voice:
    """The very voice that a row is spoken by."""
    return voice_named(request.voice, device).narrowed(random.Random(request.draw))


def speech_key(request: Request, settings_digest: str, device: str) -> str:
    """The address of a recording by its content: of text, voice and settings; equal keys have equal recordings."""
    voice = narrowed_voice(request, device)
    return digest_json([request.text, voice.name, voice.identity, settings_digest])


def speak(request: Request, settings: SpeakingSettings) -> dict:
    """`audio`, `duration`, `speaker`, `voice`, `words`, `words_source` and, where someone listens, `cer`.

    Or `id` and `reason`, with `check` (which of the gate's) or `failed` (the engine did, each time it was tried) and
    its `fix`.
    """
    voice = narrowed_voice(request, settings.device)
    language = settings.language or voice.language
    form = spoken_form(request.text, language)
    if not any(map(str.isalnum, form.text)):  # some engines would read out the marks: "exclamation"
        return {"id": request.id, "reason": f"there is no letter or digit in {request.text[:80]!r}"}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            utterance = voice.speak(form.text)
            break
        except VoiceFailed as error:
            if attempt == ATTEMPTS or isinstance(error, VoiceGaveUp):
                return {"id": request.id, "reason": error.problem, "fix": error.fix, "failed": True}
        except SaladError as error:
            return {"id": request.id, "reason": error.problem}
    return _row(request, utterance, voice, form, language, settings)


def _row(
    request: Request,
    utterance: Utterance,
    voice: Voice,
    form: SpokenForm,
    language: str | None,
    settings: SpeakingSettings,
) -> dict:
    samples, rate = utterance.samples, utterance.sample_rate
    heard = {}
    if settings.asr:
        (written,) = transcriber_of(settings).transcribe([(samples, rate)])
        heard["cer"] = least_error_rate([form.text, request.text], written)
    refusal = settings.gate.refusal(measure(samples, rate, form.text, heard.get("cer")))
    if refusal:
        check, reason = refusal
        return {"id": request.id, "reason": f"{voice.name}: {reason}", "check": check}
    words, source = form.source_words(request.text, utterance.words), voice.name.partition(":")[0]
    if settings.aligner and not _are_timed(words):
        try:
            words = align_one(aligner_of(settings), samples, rate, request.text, language)
            source = settings.aligner
        except SaladError:  # it finds no way through either: the row keeps what the engine knows
            pass
    if settings.loudness is not None:
        samples = set_loudness(samples, rate, settings.loudness)
    return {
        "audio": {"bytes": ENCODERS[settings.codec](samples, rate), "path": None},
        "duration": len(samples) / rate,
        "speaker": voice.speaker,
        "voice": voice.name,
        "words": words_to_row(words),
        "words_source": source if any(word.start is not None for word in words) else None,
        **heard,
    }


def _are_timed(words: list[Word]) -> bool:
    speakable = [word for word in words if any(map(str.isalnum, word.word))]
    return sum(word.start is not None for word in speakable) >= LEAST_TIMED * len(speakable)
