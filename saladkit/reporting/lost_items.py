"""The questions that the text LLM answers right as text and an adapted model wrong as speech."""

from dataclasses import dataclass

from saladkit.formats.results import CASCADE
from saladkit.reporting.predictions import SCORE, Key, Predictions
from saladkit.reporting.recordings import addresses_of
from saladkit.reporting.run_answers import RunAnswers
from saladkit.reporting.spoken_questions import in_words

ROWS = 400  # that the page shows
BYTES = 3_000_000  # of audio in all


@dataclass(frozen=True)
class SpokenAnswer:
    """What one model answers to a question.

    Attributes:
        words: the answer to speech; "" for none.
        right: whether it is right.
        right_as_text: whether the same model answers the question right as text.
    """

    words: str
    right: bool
    right_as_text: bool


@dataclass(frozen=True)
class LostItem:
    """One question that is lost between text and speech by one model at least.

    Attributes:
        address: `data:` address of the recording; None where the page has no room for it.
        transcript: what a recognizer hears in the recording; None without a cascade.
        answers: by name of the model.
    """

    id: str
    task: str
    text: str
    domain: str | None
    speaker: str | None
    right: str
    transcript: str | None
    address: str | None
    answers: dict[str, SpokenAnswer]


@dataclass(frozen=True)
class LostItems:
    """All such questions that the page shows, of `total`."""

    rows: list[LostItem]
    total: int

    @property
    def played(self) -> int:
        """How many of the rows have audio."""
        return sum(row.address is not None for row in self.rows)

    def values(self, column: str) -> list[str]:
        """Return the different values of `domain` or `speaker`, sorted."""
        return sorted({value for row in self.rows if (value := getattr(row, column)) is not None})


def lost_items(answers: RunAnswers) -> LostItems:
    """Return the questions that are lost, in the order of their ids; of more than ROWS, evenly spaced ones.

    Raises:
        SaladError: the audio of a task cannot be read.
    """
    keys = [key for key in answers.items.keys if _is_lost(answers, key)]
    shown = spread(keys, ROWS)
    first = answers.models[0]
    # Evenly spaced rows first, so that what has no room is not always the end of the table.
    wanted = list(dict.fromkeys([*spread(shown, len(shown) // 4), *shown]))
    addresses = addresses_of(answers.inventory, first, wanted, BYTES)
    transcripts = {task: answers.teacher.transcripts(task) for task, _ in shown}
    return LostItems([_row(answers, key, addresses.get(key), transcripts[key[0]]) for key in shown], len(keys))


def spread(keys: list[Key], most: int) -> list[Key]:
    """Return at most this many keys, evenly spaced."""
    if len(keys) <= most:
        return keys
    return [keys[place * len(keys) // most] for place in range(most)]


def _is_lost(answers: RunAnswers, key: Key) -> bool:
    spoken = [model.rows["speech"][key][SCORE] for model in answers.models]
    return bool(answers.teacher.rows["text"][key][SCORE]) and not all(spoken)


def _row(answers: RunAnswers, key: Key, address: str | None, transcripts: dict[str, str]) -> LostItem:
    read, spoken = answers.teacher.rows["text"][key], answers.models[0].rows["speech"][key]
    heard = transcripts.get(key[1]) if key in answers.teacher.rows.get(CASCADE, {}) else None
    return LostItem(
        id=key[1],
        task=key[0],
        text=read["text"],
        domain=read["domain"],
        speaker=spoken["speaker"],
        right=read["choices"][read["answer"]] if read["choices"] else read["reference"],
        transcript=heard,
        address=address,
        answers={model.name: _answer(model, key) for model in answers.models},
    )


def _answer(model: Predictions, key: Key) -> SpokenAnswer:
    spoken = model.rows["speech"][key]
    return SpokenAnswer(in_words(spoken), bool(spoken[SCORE]), bool(model.rows["text"][key][SCORE]))
