"""Spoken questions to play on the page, chosen by a rule: the first question of each subject, by id."""

from base64 import b64encode
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.results import CASCADE
from saladkit.formats.samples import SCHEMA, row_at
from saladkit.reporting.groups import Subject
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.predictions import SCORE, Key, Predictions, chosen
from saladkit.sources.samples import read_samples
from saladkit.sources.stretches import Stretch

QUESTIONS = 8
BYTES = 2_000_000  # of audio in all, so that the page stays small
MEDIA_TYPES = {b"fLaC": "audio/flac", b"RIFF": "audio/wav", b"OggS": "audio/ogg"} | dict.fromkeys(
    (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"), "audio/mpeg"
)


@dataclass(frozen=True)
class SpokenQuestion:
    """One spoken question with its audio, and the answer of every model to it."""

    row: dict  # a prediction of the first model
    heard: bool  # whether its subject is a domain of the natural speech
    address: str  # data: URL of the audio
    choices: list[str]  # of an open question, the reference and "another answer"
    right: int  # index of the right one
    answers: dict[str, int | None]  # name of each model -> index of the choice that it took; None if it named none
    read: str  # the answer of the text LLM to the question as text; "" if it gave none
    cascade: (
        tuple[str, str] | None
    )  # a recognizer's transcript, and the text LLM's answer to it; None without a cascade


def questions_to_play(
    inventory: Inventory,
    teacher: Predictions,
    predictions: list[Predictions],
    subjects: list[Subject],
    items: list[Key],
) -> list[SpokenQuestion]:
    """Return up to eight questions, of unheard and heard subjects in turn.

    Tasks whose samples are not in the run's folder, and questions whose audio is a part of a longer file, are left out.

    Raises:
        SaladError: the audio of a task cannot be read.
    """
    first = predictions[0]
    wanted = _first_of_each_subject(items, first, subjects)
    audio: dict[Key, bytes] = {}
    for task in sorted({task for task, _ in items}):
        folder = inventory.by_digest(SCHEMA, first.task_digests.get(task))
        if folder is None:
            continue
        ids = {id_ for of_task, id_ in wanted if of_task == task}
        parts = [folder.path / name for name in folder.manifest["files"] if name.endswith(".parquet")]
        audio |= {(task, id_): sound for part in sorted(parts) for id_, sound in _sounds(part, ids).items()}
    transcripts = {task: teacher.transcripts(task) for task, _ in wanted}
    found, size = [], 0
    for key in wanted:
        sound = audio.get(key, b"")
        kind = next((name for magic, name in MEDIA_TYPES.items() if sound.startswith(magic)), None)
        if kind is None or size + len(sound) > BYTES:
            continue
        size += len(sound)
        row = first.rows["speech"][key]
        heard = next(subject.heard for subject in subjects if subject.name == row["domain"])
        address = f"data:{kind};base64,{b64encode(sound).decode()}"
        answers = _answers({m.name: m.rows["speech"][key] for m in predictions})
        answered = teacher.rows.get(CASCADE, {}).get(key)
        cascade = (transcripts[key[0]].get(key[1], ""), _in_words(answered)) if answered else None
        found.append(SpokenQuestion(row, heard, address, *answers, _in_words(teacher.rows["text"][key]), cascade))
    return found


def _in_words(row: dict) -> str:
    """Return the answer of a prediction: the words of the choice, or of an open question what was written."""
    if not row["choices"]:
        return " ".join((row["response"] or "").split())
    index = chosen(row)
    return "" if index is None else row["choices"][index]


def _answers(rows: dict[str, dict]) -> tuple[list[str], int, dict[str, int | None]]:
    """Return choices, right answer and answers of a question, from the prediction of each model."""
    first = next(iter(rows.values()))
    if first["choices"]:
        return first["choices"], first["answer"], {name: chosen(row) for name, row in rows.items()}
    return [first["reference"], "another answer"], 0, {name: int(not row[SCORE]) for name, row in rows.items()}


def _first_of_each_subject(keys: list[Key], model: Predictions, subjects: list[Subject]) -> list[Key]:
    by_subject: dict[str, list[Key]] = {}
    for key in keys:
        by_subject.setdefault(model.rows["speech"][key]["domain"], []).append(key)
    groups = [[s.name for s in subjects if s.heard == heard] for heard in (False, True)]
    in_turn = [name for pair in zip_longest(*groups) for name in pair if name in by_subject]
    rounds = zip_longest(*(by_subject[name] for name in in_turn))
    return [key for round_ in rounds for key in round_ if key][:QUESTIONS]


def _sounds(part: Path, ids: set[str]) -> dict[str, bytes]:
    if "audio" not in pq.read_schema(part).names:
        return {}
    table = read_samples(str(part), needed=["id", "audio"], optional=[])
    rows = [row_at(table, place) for place, id_ in enumerate(table.column("id").to_pylist()) if id_ in ids]
    return {row["id"]: _content(row, part) for row in rows}


def _content(row: dict, part: Path) -> bytes:
    if row["audio"]["bytes"] is not None:
        return row["audio"]["bytes"]
    try:
        stretch = Stretch.parse(row["audio"]["path"] or "")
        return Path(stretch.path).read_bytes() if stretch.is_whole else b""
    except (OSError, TypeError) as error:
        raise SaladError(
            f"{part}: the audio of row '{row['id']}' cannot be read: {error}",
            "Put the audio file back, or run `saladkit synth` again.",
        ) from error
