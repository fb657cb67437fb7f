"""`ask`: answer one spoken question."""

from saladkit.errors import SaladError
from saladkit.formats.results import CASCADE, ORIGINAL, likeliest_per_character
from saladkit.job import Clock
from saladkit.machine import resolve_device
from saladkit.model.limits import read_config
from saladkit.model.processor import AUDIO_MARK
from saladkit.progress import say
from saladkit.scoring.answer_text import spoken_answer
from saladkit.scoring.asked_question import MICROPHONE, read_question
from saladkit.scoring.cascade import with_transcripts
from saladkit.scoring.conditions import Condition
from saladkit.scoring.models import LoadedModel, is_speech_model
from saladkit.settings.ask import AskSettings
from saladkit.settings.evaluate import CONTINUATION, EvalSettings
from saladkit.speech.audio.microphone import record
from saladkit.speech.transcribers.transcriber import open_transcriber


def ask(checkpoint: str, question: str | None, settings: AskSettings) -> dict:
    """Answer a spoken question after the prompt that `eval` gives to it, greedily.

    A checkpoint that was trained on conversations gets the question by its chat template.

    Args:
        question: path of a recording, or "-" for standard input; None for the microphone.

    Returns:
        `answer` in words; `response`, all that was written; with options, `choice` and `options` with likelihoods; with
        a recognizer, `transcript`; with a text LLM, `teacher` with its answer to the transcript.

    Raises:
        SaladError: the recording or a model cannot be read, the recording is longer than the model reads, or there is
            not exactly one question.
    """
    clock = Clock()
    if (question is None) is (settings.microphone is None):
        raise SaladError("there is not exactly one question", "Give a recording, or else --microphone SECONDS.")
    _check_models(checkpoint, settings.teacher)
    recorded = None if settings.microphone is None else record(settings.microphone)
    row, recording = read_question(question or MICROPHONE, settings.option, recorded)
    row |= _around(settings.text or "")
    device, how = resolve_device(settings.device), _as_eval(checkpoint, settings)
    found = {"command": "ask", "question": row["id"], "seconds_of_speech": round(len(recording[0]) / recording[1], 2)}
    if settings.asr is not None:
        transcriber = open_transcriber(settings.asr, device=settings.device, dtype=settings.dtype)
        found["transcript"] = transcriber.transcribe([recording])[0]
    found |= _answer(checkpoint, Condition("model", "speech"), row, how, device)
    if settings.teacher is not None:
        (heard,) = with_transcripts([row], [{"id": row["id"], "transcript": found["transcript"]}])
        found["teacher"] = _answer(settings.teacher, Condition(ORIGINAL, CASCADE), heard, how, device)
    _tell(found)
    return found | {"seconds": round(clock.seconds(), 2), "peak_memory_bytes": clock.peak_memory_bytes()}


def _around(text: str) -> dict[str, str]:
    """Return the text before and behind the question."""
    before, mark, behind = text.partition(AUDIO_MARK)
    if not mark:
        return {"lead": "", "trail": f" {text}" if text else ""}
    if AUDIO_MARK in behind:
        raise SaladError(f"--text has several places for the question: {text}", f"Write {AUDIO_MARK} once.")
    return {"lead": before, "trail": behind}


def _as_eval(checkpoint: str, settings: AskSettings) -> EvalSettings:
    """Return the settings by which `eval` would ask the same question of all models."""
    is_chat = getattr(read_config(checkpoint), "chat_template", None) is not None
    return EvalSettings(
        template=CONTINUATION,
        generate=not settings.option,
        also_generate=bool(settings.option),
        max_new_tokens=settings.max_new_tokens,
        apply_chat_template=settings.apply_chat_template or is_chat,
        system_prompt=settings.system_prompt,
        dtype=settings.dtype,
    )


def _check_models(checkpoint: str, teacher: str | None) -> None:
    if not is_speech_model(checkpoint):
        raise SaladError(
            f"{checkpoint} is a text LLM without speech input", "Give a checkpoint of `distill` or `align`."
        )
    if teacher is not None and is_speech_model(teacher):
        raise SaladError(f"{teacher} is a speech-adapted checkpoint", "Give a text LLM as --teacher.")


def _answer(model: str, condition: Condition, row: dict, how: EvalSettings, device: str) -> dict:
    """Return what a model answers: `answer`, `response`, and with options `choice` and `options`."""
    predictor = LoadedModel(model, device=device, dtype=how.dtype).predictor(condition, CONTINUATION, how)
    predictions, left_out = predictor.predict([row], [], "ask", row["id"])
    if left_out:
        raise SaladError(
            f"{row['id']} is longer than {model} reads", "Give a shorter recording or a smaller --max-new-tokens."
        )
    (found,) = predictions
    answered = {"answer": spoken_answer(found["response"]), "response": found["response"]}
    if not row["choices"]:
        return answered
    values, scored = found["log_likelihoods"], found["scored"]
    options = [
        {"option": option, "log_likelihood": value, "per_character": value / len(words)}
        for option, value, words in zip(row["choices"], values, scored, strict=True)
    ]
    return answered | {"choice": row["choices"][likeliest_per_character(values, scored)], "options": options}


def _tell(found: dict) -> None:
    """Print transcript, comparison and written answer on stderr; stdout has the answer alone."""
    if "choice" in found:
        say(f"written: {found['answer']}")
    if "transcript" in found:
        say(f"heard by the recognizer: {found['transcript'] or '(nothing)'}")
    if "teacher" in found:
        teacher = found["teacher"]
        chosen = f"{teacher['choice']}; written: " if "choice" in teacher else ""
        say(f"the text LLM to that: {chosen}{teacher['answer']}")
