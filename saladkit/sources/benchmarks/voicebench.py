"""Rows of VoiceBench (hlt-lab/voicebench) as our questions: the recording says the question, with its options if any.

`mmsu` and `openbookqa` list options, and `reference` is the right letter. `bbh` has closed answers: yes or no, or the
letter of an option. `sd-qa` is open: `reference` is the right answer in words.
"""

import re

from saladkit.sources.benchmarks.answers import YES_OR_NO, closed_answer, excluded, own_id
from saladkit.sources.benchmarks.listed_options import LETTERS, options_of

CUE = "\nAnswer:"
_OF_A_TASK = re.compile(r"(?:bbh_)?(?P<task>.+)_\d+")


def multiple_choice(row: dict) -> dict:
    """Convert a row of `mmsu` or `openbookqa`.

    If the options cannot be told apart, the question has `excluded`, and is counted but not asked.
    """
    choices, letter = options_of(row["prompt"]), str(row["reference"]).strip(" ().").upper()
    question = {
        "id": own_id(row, "question_id"),
        "text": row["prompt"],
        "letters": True,
        "domain": None if row["split"] == "test" else row["split"],  # a split of `mmsu` is a subject
    }
    if len(letter) != 1 or letter not in LETTERS[: len(choices)]:
        return question | excluded(
            f"the prompt's {len(choices)} options do not go with the answer {row['reference']!r}"
        )
    return question | {"choices": choices, "answer": LETTERS.index(letter)}


def reasoning(row: dict) -> dict:
    """Convert a row of `bbh`; its id names the task, "bbh_navigate_147".

    Where the answer is a letter, the prompt lists the options itself, and "(A)", "(B)" and so on are the choices.
    """
    of_task = _OF_A_TASK.fullmatch(str(row["id"]))
    question = {"id": str(row["id"]), "text": row["prompt"], "domain": of_task and of_task["task"], "cue": CUE}
    reference = str(row["reference"])
    answer = closed_answer(reference, [YES_OR_NO])
    if answer is not None:
        return question | answer
    letter = reference.strip(" ().").upper()
    count = max(2, len(options_of(row["prompt"])))
    if len(letter) != 1 or letter not in LETTERS[:count]:
        return question | excluded(
            f"the answer {row['reference']!r} is neither yes, nor no, nor one of the prompt's options"
        )
    choices = [f"({LETTERS[place]})" for place in range(count)]
    return question | {"letters": True, "choices": choices, "answer": LETTERS.index(letter)}


def open_answers(row: dict) -> dict:
    """Convert a row of `sd-qa`; its split is the accent of the speakers."""
    question = {"id": str(row["row"]), "text": row["prompt"], "cue": CUE, "domain": row["split"]}
    if not (row["reference"] or "").strip():
        return question | excluded("it has no reference answer")
    return question | {"reference": row["reference"]}
