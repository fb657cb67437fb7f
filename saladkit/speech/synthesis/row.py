"""Speak one request: return the columns that speech adds to a row, or the reason why the row has no speech."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from saladkit.errors import SaladError
from saladkit.formats.samples import words_to_row
from saladkit.formats.words import Word
from saladkit.progress import say
from saladkit.settings.synth import Speaking
from saladkit.speech.aligners.aligner import align_one
from saladkit.speech.audio.encoding import ENCODERS
from saladkit.speech.audio.loudness import set_loudness
from saladkit.speech.native_lines import native_lines
from saladkit.speech.normalizing.spoken_form import SpokenForm, spoken_form
from saladkit.speech.synthesis.gate import measure, refusal
from saladkit.speech.synthesis.models import aligner_named, transcriber_named
from saladkit.speech.synthesis.pieces import speak_in_pieces
from saladkit.speech.synthesis.requests import Request, narrowed_voice
from saladkit.speech.transcribers.error_rates import transcript_errors
from saladkit.speech.voices.voice import Utterance, Voice, VoiceFailed, VoiceGaveUp, unread_by

ATTEMPTS = 2
# Share of a row's words with a letter or digit; with fewer timed words, an aligner gives the times. espeak-ng gives no
# times for 4 % of the words of English prose, which interleaving can do without.
LEAST_TIMED = 0.75


def speak(request: Request, settings: Speaking) -> dict:
    """Speak one text.

    Returns:
        `audio`, `duration` (s), `speaker`, `voice`, `words`, `words_source` and, if there is a recognizer, `cer`. A row
        without speech has `id` and `reason`, together with `check` if the gate refused the recording, or with `failed`
        and `fix` if the engine failed at every attempt.
    """
    voice = narrowed_voice(request, settings.device)
    language = settings.language or voice.language
    form = spoken_form(request.text, language)
    if not any(map(str.isalnum, form.text)):  # some engines read out marks: "exclamation"
        return {"id": request.id, "reason": f"there is no letter or digit in {request.text[:80]!r}"}
    try:
        with _said_with_row(request.id, voice):
            if unread := unread_by(voice, form.text):
                word, script = unread
                return {"id": request.id, "reason": f"{voice.name} cannot read {word[:40]!r} ({script})"}
            form, utterance = speak_in_pieces(form, partial(_attempt, voice))
    except VoiceFailed as error:
        return {"id": request.id, "reason": error.problem, "fix": error.fix, "failed": True}
    except SaladError as error:
        return {"id": request.id, "reason": error.problem}
    return _row(request, utterance, voice, form, language, settings)


@contextmanager
def _said_with_row(id_: str, voice: Voice) -> Iterator[None]:
    """Say what the engine prints on stderr in the body with the row's id."""
    printed: list[str] = []
    try:
        with native_lines() as printed:
            yield
    finally:
        for line in printed:
            say(f"row '{id_}', {voice.name}: {line}")


def _attempt(voice: Voice, text: str) -> Utterance:
    """Speak a text; try again if the engine fails.

    Raises:
        VoiceFailed: the last attempt failed.
        SaladError: as `Voice.speak`.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return voice.speak(text)
        except VoiceGaveUp:
            raise
        except VoiceFailed:
            continue
    return voice.speak(text)


def _row(
    request: Request,
    utterance: Utterance,
    voice: Voice,
    form: SpokenForm,
    language: str | None,
    settings: Speaking,
) -> dict:
    samples, rate = utterance.samples, utterance.sample_rate
    error_rate = {}
    if settings.asr:
        (transcript,) = transcriber_named(settings.asr, settings.device).transcribe([(samples, rate)])
        errors = transcript_errors([form.text, request.text], transcript, language)
        error_rate["cer"] = None if errors is None else errors.rate
    refused = refusal(settings, measure(samples, rate, form.text, error_rate.get("cer")))
    if refused:
        check, reason = refused
        return {"id": request.id, "reason": f"{voice.name}: {reason}", "check": check}
    words, source = form.source_words(request.text, utterance.words), voice.name.partition(":")[0]
    if settings.aligner and not _are_timed(words):
        try:
            aligner = aligner_named(settings.aligner, settings.device)
            words, source = align_one(aligner, samples, rate, request.text, language), settings.aligner
        except SaladError:  # the aligner cannot place the text: the row keeps the engine's times
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
        **error_rate,
    }


def _are_timed(words: list[Word]) -> bool:
    speakable = [word for word in words if any(map(str.isalnum, word.word))]
    return sum(word.start is not None for word in speakable) >= LEAST_TIMED * len(speakable)
