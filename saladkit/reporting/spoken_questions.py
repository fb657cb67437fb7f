"""Spoken questions to play on the page, chosen by a rule: the first question of each subject, by id."""

from dataclasses import dataclass
from itertools import zip_longest

from saladkit.formats.results import CASCADE
from saladkit.reporting.groups import Subject
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.predictions import SCORE, Key, Predictions, chosen
from saladkit.reporting.recordings import addresses_of

QUESTIONS = 8
BYTES = 2_000_000  # of audio in all, so that the page stays small


@dataclass(frozen=True)
class SpokenQuestion:
    """One spoken question with its audio, and the answer of every model to it."""

    row: dict  # a prediction of the first model
    heard: bool | None  # whether its subject is a domain of the natural speech; None if unknown
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
    addresses = addresses_of(inventory, first, _first_of_each_subject(items, first, subjects), BYTES)
    transcripts = {task: teacher.transcripts(task) for task, _ in addresses}
    found = []
    for key, address in addresses.items():
        row = first.rows["speech"][key]
        heard = next((subject.heard for subject in subjects if subject.name == row["domain"]), None)
        answers = _answers({m.name: m.rows["speech"][key] for m in predictions})
        answered = teacher.rows.get(CASCADE, {}).get(key)
        cascade = (transcripts[key[0]].get(key[1], ""), in_words(answered)) if answered else None
        found.append(SpokenQuestion(row, heard, address, *answers, in_words(teacher.rows["text"][key]), cascade))
    return found


def in_words(row: dict) -> str:
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
    by_subject: dict[str | None, list[Key]] = {}
    for key in keys:
        by_subject.setdefault(model.rows["speech"][key]["domain"], []).append(key)
    groups: list[list[str | None]] = [[s.name for s in subjects if s.heard == heard] for heard in (False, True)]
    groups.append([None, *(subject.name for subject in subjects if subject.heard is None)])
    in_turn = [name for pair in zip_longest(*groups) for name in pair if name in by_subject]
    rounds = zip_longest(*(by_subject[name] for name in in_turn))
    return [key for round_ in rounds for key in round_ if key][:QUESTIONS]
