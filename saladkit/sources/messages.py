"""Read the column `messages`, chat rows of any usual kind: as turns of parts, with the text and audio of their row."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.messages import MESSAGES, RECORDING, heard_text
from saladkit.formats.samples import AUDIO, iterate_rows
from saladkit.sources.audio_columns import stored_audio
from saladkit.sources.columns import ColumnNames
from saladkit.sources.joined_audio import joined_audio
from saladkit.sources.notes import note
from saladkit.sources.tagged_messages import RECORDINGS, WORDS, with_audio_parts

COLUMN = "messages"
ROLES = ("system", "user", "assistant")
_TYPES = {"text": "text", "audio": "audio", "input_audio": "audio", "audio_url": "audio"}
_PART_WORDS = ("text", "transcript", "transcription")  # where an audio part may have its words
_CONTENT = "Give each turn a content: a text, or a list of parts of type text and audio."


def with_messages(table: pa.Table, names: ColumnNames, where: str, folder: Path | None, *, audio: bool) -> pa.Table:
    """Return a table with `messages` as our type, the heard text as its text and the parts' recordings as its audio.

    Rows without messages, and tables without the column, stay as they are. Many data sets have both columns, `text`
    with the conversation laid out by some template: it is replaced, and a note says in how many rows it was another.

    Args:
        names: what the source calls id, text and audio.
        where: path of the table, for errors.
        folder: of the table, from which relative paths count.
        audio: whether to read recordings.

    Raises:
        SaladError: a conversation is not as `formats/messages.py` describes it; the message names its row.
    """
    if COLUMN not in table.column_names:
        return table
    read = [name for name in (names.id, COLUMN, names.text, RECORDINGS, WORDS) if name in table.column_names]
    conversations, texts, recordings, replaced = [], [], [], list[str]()
    for number, row in enumerate(iterate_rows(table.select(read))):
        reader = _Reader(f"{where}: row '{row.get(names.id, number)}'")
        messages = with_audio_parts(row[COLUMN], row.get(RECORDINGS), row.get(WORDS), reader.row)
        found = None if messages is None else reader.conversation(messages)
        conversations.append(found)
        own_text = row.get(names.text)
        texts.append(own_text if found is None else heard_text(found))
        replaced += [row.get(names.id, number)] if own_text and own_text != texts[-1] else []
        recordings.append(joined_audio(reader.recordings, reader.row, folder) if audio else None)
    if replaced:
        note(
            f"{where}: {len(replaced)} of {table.num_rows} rows have a {names.text} that is not what users say in their"
            f" {COLUMN}, and are read by {COLUMN}; the first is '{replaced[0]}'; remove {COLUMN} to read {names.text}"
        )
    table = table.drop_columns([name for name in (RECORDINGS, WORDS) if name in table.column_names])
    table = _with_column(table, COLUMN, pa.array(conversations, MESSAGES))
    table = _with_column(table, names.text, pa.array(texts, pa.string()))
    if not any(recordings):
        return table
    own = stored_audio(table.column(names.audio), where, None).to_pylist() if names.audio in table.column_names else []
    chosen = [given or kept for given, kept in zip(recordings, own or recordings, strict=True)]
    return _with_column(table, names.audio, pa.array(chosen, AUDIO))


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)


@dataclass(frozen=True)
class _Reader:
    """Reads one conversation.

    Attributes:
        row: the row, for errors.
        recordings: the recordings of its audio parts in order, as `AUDIO` holds them.
    """

    row: str
    recordings: list[dict] = field(default_factory=list)

    def conversation(self, messages: Any) -> list[dict]:
        """Return the turns as `MESSAGES` holds them."""
        if not isinstance(messages, list) or not all(isinstance(turn, dict) and "role" in turn for turn in messages):
            raise SaladError(
                f"{self.row} has messages that are no list of turns with role and content",
                'Write messages as [{"role": "user", "content": "..."}, ...].',
            )
        turns: list[dict] = [{"role": self._role(turn), "content": self._content(turn)} for turn in messages]
        parts = sum(part["type"] == "audio" for turn in turns for part in turn["content"])
        missing = parts - len(self.recordings)
        if self.recordings and missing:
            raise SaladError(
                f"{self.row} has {parts} audio parts, of which {missing} have no recording",
                "Give each audio part its recording, or none of them and the row one recording in the column audio.",
            )
        if not any(turn["role"] == "user" for turn in turns):
            raise SaladError(
                f"{self.row} has no turn of a user, so there is nothing to hear",
                "Remove the row, or read its text from the column text.",
            )
        return turns

    def _role(self, turn: dict) -> str:
        if turn["role"] not in ROLES or turn.get("tool_calls"):
            what = "calls tools" if turn["role"] in ROLES else f"has the role '{turn['role']}'"
            raise SaladError(
                f"{self.row} has a turn that {what}, which is not supported",
                f"Keep the turns of {', '.join(ROLES)} without tools, or remove the row.",
            )
        return turn["role"]

    def _content(self, turn: dict) -> list[dict]:
        content = turn.get("content")
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
            raise SaladError(f"{self.row} has a turn of the {turn['role']} without content", _CONTENT)
        parts = [self._part(turn["role"], part) for part in content]
        if not any(part["text"].strip() for part in parts):
            raise SaladError(f"{self.row} has an empty turn of the {turn['role']}", _CONTENT)
        return parts

    def _part(self, role: str, part: dict) -> dict:
        kind = _TYPES.get(part.get("type") or "")
        if kind is None:
            raise SaladError(
                f"{self.row} has a content part of type '{part.get('type')}': only text and audio can be read",
                "Leave out images and the like, or remove the row.",
            )
        if kind == "audio" and role != "user":
            raise SaladError(
                f"{self.row} has an audio part in a turn of the {role}: only users are heard",
                "Give the other turns as text.",
            )
        words = [
            part[name] for name in (_PART_WORDS if kind == "audio" else ("text",)) if isinstance(part.get(name), str)
        ]
        if not words or (kind == "audio" and not words[0].strip()):
            raise SaladError(
                f"{self.row} has a part of type '{part['type']}' without text",
                'Give the words of a recording as {"type": "audio", "text": "..."}: the text LLM reads them.',
            )
        if kind == "audio":
            self.recordings.extend(self._recording(part))
        return {"type": kind, "text": words[0]}

    def _recording(self, part: dict) -> list[dict]:
        """Return the recording of an audio part, or nothing; as `AUDIO` holds it, its path as it is written."""
        given = next((part[name] for name in RECORDING if part.get(name) is not None), None)
        if given is None:
            return []
        if isinstance(given, str) and given.startswith(("http://", "https://")):
            raise SaladError(
                f"{self.row} has a recording at an address ({given}), which is not fetched",
                "Download the recordings, and give their paths.",
            )
        found = stored_audio(pa.chunked_array([pa.array([given])]), f"{self.row}: an audio part", None)
        if pa.types.is_list(found.type):
            raise SaladError(
                f"{self.row} has several recordings in one audio part", "Give each recording its own part."
            )
        return [audio for audio in found.to_pylist() if audio]
