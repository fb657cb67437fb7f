"""Conversations: the column `messages` of samples, as Hugging Face's chat data sets have it.

`messages` stands in for `text`. It lists the turns of a row: `role` (`system`, `user` or `assistant`) and `content`,
a text or a list of parts: `{type: text, text}` and `{type: audio, text}`. The `text` of an audio part are its words.
Our own files hold lists of parts alone.

What of a conversation may be speech input, its *heard* text:

- the audio parts of the user's turns, or all of the user's turns in a conversation without audio parts;
- system prompts and the assistant's turns are always text.

The column `text` is made of the heard text when the row is read, with a line break between parts; a stored `text` is
replaced, and a note counts the rows in which it was another. `words` are those of this text.

The recording of the heard text:

- the column `audio`, one recording of all heard text in order, as `synth` makes it;
- or a recording in each audio part: in `audio`, `path` or `bytes`, as the column `audio` allows it. The recordings of a
  row are joined in order on reading, and `words` count from the beginning of the joined recording. They must have the
  same sample rate. Addresses are not fetched.
- or, as in ms-swift, the column `audios`, a list of recordings: one for each `<audio>` in the contents, which are texts
  then. `audio_texts`, our addition, lists the words of each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

PART = pa.struct([("type", pa.string()), ("text", pa.string())])
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(PART))]))
BETWEEN = "\n"  # parts of the heard text
# Where an audio part may have its recording, in the order in which it is looked for.
RECORDING = ("audio", "path", "url", "audio_url", "input_audio", "bytes", "array")


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        role: system, user or assistant.
        content: the parts' texts, with a space between them where there is none.
        heard: stretches [begin, end) of the content that may be speech input, in characters.
    """

    role: str
    content: str
    heard: tuple[tuple[int, int], ...] = ()


def turns_of(messages: list[dict]) -> list[Turn]:
    """Return the turns of a conversation of type `MESSAGES`."""
    return [_turn(message, _has_audio_parts(messages)) for message in messages]


def _has_audio_parts(messages: list[dict]) -> bool:
    return any(part["type"] == "audio" for message in messages for part in message["content"])


def _is_heard(message: dict, part: dict, has_audio_parts: bool) -> bool:
    return message["role"] == "user" and (part["type"] == "audio" or not has_audio_parts)


def _turn(message: dict, has_audio_parts: bool) -> Turn:
    content, heard = "", []
    for part in message["content"]:
        begin = len(content := join_texts(content, part["text"])) - len(part["text"])
        if _is_heard(message, part, has_audio_parts):
            heard.append((begin, len(content)))
    return Turn(message["role"], content, tuple(heard))


def join_texts(before: str, part: str) -> str:
    """Join two parts of a content, with a space between them where there is none."""
    apart = not before or not part or before[-1].isspace() or part[0].isspace()
    return before + ("" if apart else " ") + part


def heard_text(messages: list[dict]) -> str:
    """Return the heard text of a conversation: the `text` of its row."""
    parts = (turn.content[begin:end] for turn in turns_of(messages) for begin, end in turn.heard)
    return BETWEEN.join(parts)


def with_heard_text(messages: list[dict], changed: Callable[[str], str]) -> list[dict]:
    """Return a conversation with `changed` of the text of each heard part."""
    has_audio = _has_audio_parts(messages)

    def content(message: dict) -> list[dict]:
        return [
            part | {"text": changed(part["text"])} if _is_heard(message, part, has_audio) else part
            for part in message["content"]
        ]

    return [message | {"content": content(message)} for message in messages]
