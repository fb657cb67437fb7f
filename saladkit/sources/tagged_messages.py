"""Conversations as ms-swift has them: `<audio>` in the content of a turn, and the recordings in the column `audios`."""

from typing import Any

from saladkit.errors import SaladError

RECORDINGS, WORDS = "audios", "audio_texts"
TAG = "<audio>"


def with_audio_parts(messages: Any, recordings: Any, words: Any, row: str) -> Any:
    """Return messages with an audio part in the place of each tag; those of rows without recordings stay as they are.

    As in ms-swift, recordings without a tag stand before the first turn that is not a system prompt.

    Args:
        recordings: the row's `audios`, one recording or a list.
        words: the row's `audio_texts`, what is said in each recording.
        row: the row, for errors.

    Raises:
        SaladError: tags, recordings and texts do not agree in number, or a column holds something else.
    """
    given, said = _listed(recordings, RECORDINGS, (str, dict), row), _listed(words, WORDS, (str,), row)
    turns = messages if isinstance(messages, list) else []
    if not given or not all(isinstance(turn, dict) and isinstance(turn.get("content"), str) for turn in turns):
        return messages
    tags = sum(turn["content"].count(TAG) for turn in turns)
    first = next((at for at, turn in enumerate(turns) if turn.get("role") != "system"), 0)
    contents = [TAG * (len(given) - tags) * (at == first) + turn["content"] for at, turn in enumerate(turns)]
    if tags > len(given) or len(said) != len(given):
        raise SaladError(
            f"{row} has {len(given)} {RECORDINGS}, {tags} times {TAG} and {len(said)} {WORDS}",
            f"Write the words of each recording, which the text LLM reads, into a list in the column {WORDS}.",
        )
    parts = iter([{"type": "audio", "audio": audio, "text": text} for audio, text in zip(given, said, strict=True)])
    return [
        turn | {"content": _parts(content, parts)} if TAG in content else turn
        for turn, content in zip(turns, contents, strict=True)
    ]


def _listed(value: Any, column: str, kinds: tuple[type, ...], row: str) -> list:
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(one, kinds) for one in listed):
        raise SaladError(
            f"{row} has {column} that are no {'texts' if kinds == (str,) else 'paths'}", f"Write a list into {column}."
        )
    return listed


def _parts(content: str, recordings: Any) -> list[dict]:
    first, *others = content.split(TAG)
    found = [{"type": "text", "text": first}]
    for text in others:
        found += [next(recordings), {"type": "text", "text": text}]
    return [part for part in found if part["type"] == "audio" or part["text"].strip()]
