"""Conversations as Hugging Face's processors take them: turns whose content parts may be recordings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.messages import RECORDING, Turn, join_texts

Recording = str | Path | np.ndarray


def turns_with_marks(messages: Sequence[Mapping[str, Any]], mark: str) -> tuple[list[Turn], list[Recording]]:
    """Return turns with `mark` in the place of each recording, and the recordings in order.

    Args:
        messages: turns with `role` and `content`: a text, or parts `{type: text, text}` and `{type: audio}` with the
            recording in `audio`, `path`, `url` or `array`: a path, or mono samples.

    Raises:
        SaladError: there are no turns, a turn has no role, a content is neither, or a part has another type or no
            recording.
    """
    recordings: list[Recording] = []

    def content_of(message: Mapping[str, Any]) -> str:
        content = message.get("content")
        if isinstance(content, str):
            return content
        if not isinstance(content, list | tuple):
            raise _unreadable(f"a turn has the content {content!r}")
        joined = ""
        for part in content:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind == "text" and isinstance(part.get("text"), str):
                joined = join_texts(joined, part["text"])
            elif kind == "audio":
                recordings.append(_recording(part))
                joined = join_texts(joined, mark)
            else:
                raise _unreadable(f"a content part has the type {kind!r}, or no text")
        return joined

    if not messages:
        raise _unreadable("a conversation without turns")
    for message in messages:
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise _unreadable(f"a turn without a role: {message!r}")
    return [Turn(message["role"], content_of(message)) for message in messages], recordings


def _recording(part: Mapping[str, Any]) -> Recording:
    found = next((part[name] for name in RECORDING if part.get(name) is not None), None)
    if isinstance(found, str):
        return Path(found)
    if isinstance(found, Path | np.ndarray):
        return found
    raise _unreadable("an audio part has no recording")


def _unreadable(problem: str) -> SaladError:
    return SaladError(
        problem,
        'Give turns {"role": "user", "content": ...}, whose content is a text, or parts such as'
        ' {"type": "text", "text": "..."} and {"type": "audio", "path": "question.wav"}.',
    )
