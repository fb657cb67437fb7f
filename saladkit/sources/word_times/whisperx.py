"""WhisperX's JSON: `segments` of `words`, each with `word` and, if it was aligned, `start`, `end` and `score`."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.json_text import parse_json
from saladkit.formats.words import Word
from saladkit.sources.word_times.files_by_id import words_by_id
from saladkit.sources.word_times.named_times import NamedTimes

SUFFIX = ".json"


def open_whisperx(path: Path) -> NamedTimes:
    """Return the words of each file.

    Raises:
        SaladError: no file is JSON. Reading the words of a file raises one if WhisperX did not write the file.
    """
    return words_by_id(path, SUFFIX, _words)


def _words(file: Path) -> list[Word]:
    try:
        content = parse_json(file.read_bytes())
        if not isinstance(content, dict) or "segments" not in content:
            raise ValueError("it has no 'segments'")
        # A segment that could not be aligned has no words.
        found = [word for segment in content["segments"] for word in segment.get("words") or ()]
        return [_word(word) for word in found or content.get("word_segments", [])]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SaladError(
            f"{file} is not WhisperX's JSON of words: {type(error).__name__}: {error}",
            "Give what whisperx writes with --output_format json.",
        ) from error


def _word(found: dict) -> Word:
    """Return a word, with times only if it has a score: WhisperX interpolates the times of the others."""
    score = found.get("score", found.get("probability"))  # openai-whisper's and faster-whisper's name
    word, start, end = found["word"].strip(), found.get("start"), found.get("end")
    if score is None or start is None or end is None:
        return Word(word, None, None)
    score = float(score)
    return Word(word, float(start), float(end), score if 0 <= score <= 1 else None)
