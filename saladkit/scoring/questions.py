"""Multiple-choice questions: read, checked, and laid out as the model reads or hears them."""

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.columns import ColumnNames
from saladkit.formats.samples import iterate_rows, read_samples, words_from_row
from saladkit.model.interleaving import whole_speech, whole_text
from saladkit.model.sequence import Sequence, SequenceLayout, build_sequence, expect_text
from saladkit.model.sources import check_words
from saladkit.model.text import tokenize
from saladkit.speech.front_end import FrontEnd, frames_of_row


@dataclass(frozen=True)
class Question:
    """One question, ready to be scored: the prompt's sequence and the token ids of every choice."""

    prompt: Sequence
    choices: list[list[int]]


def task_name(source: str) -> str:
    """A task is called after its folder or file."""
    return Path(source).name.removesuffix(".parquet").removesuffix(".jsonl") or source


def read_questions(source: str, *, speech: bool, names: ColumnNames, limit: int | None) -> list[dict]:
    """Rows with `text` (the prompt), `choices` and `answer` (the index of the right one).

    Raises:
        SaladError: as `read_samples`; fewer than two choices, an empty choice, an answer that is none of them.
    """
    needed = ["id", "text", "choices", "answer", *(["audio"] if speech else [])]
    optional = ["domain", "speaker", *(["duration", "words"] if speech else [])]
    table = read_samples(source, needed=needed, optional=optional, names=names, limit=limit)
    rows = list(iterate_rows(table))
    for row in rows:
        choices = row["choices"]
        if not isinstance(choices, list) or type(row["answer"]) is not int:
            raise SaladError(
                f"{source}: row '{row['id']}' has choices {choices!r} and answer {row['answer']!r}",
                "Choices are a list of texts, the answer is the index of the right one, from 0.",
            )
        if len(choices) < 2 or not all((choice or "").strip() for choice in choices):
            raise SaladError(f"{source}: row '{row['id']}' has an empty choice or fewer than two", "Mend the row.")
        if not 0 <= row["answer"] < len(choices):
            raise SaladError(
                f"{source}: row '{row['id']}' has answer {row['answer']} of {len(choices)} choices",
                "The answer is the index of the right choice, from 0.",
            )
        if speech and row.get("words"):
            check_words(row["id"], row["text"], words_from_row(row), row.get("duration"), source)
    return rows


def lay_out_question(
    row: dict,
    tokenizer: PreTrainedTokenizerBase,
    front_end: FrontEnd | None,
    layout: SequenceLayout | None,
    source: str,
) -> Question:
    """The prompt read (`front_end` None) or wholly heard, and each choice as it continues the prompt.

    A choice's tokens are what the prompt, a space and the choice together have beyond the prompt's own, as in
    lm-evaluation-harness; they are the same whether the prompt is read or heard.

    Raises:
        SaladError: audio that cannot be heard; a choice that adds no token to the prompt.
    """
    text = tokenize(tokenizer, row["text"])
    count = len(text.splittable) - 1
    if front_end is None:
        prompt = build_sequence(text, whole_text(count), [], None, layout)
    else:
        words = words_from_row(row) if row.get("words") else []
        frames = frames_of_row(front_end, row, source)
        prompt = expect_text(build_sequence(text, whole_speech(count), words, frames, layout), layout)
    choices = []
    for choice in row["choices"]:
        whole = tokenize(tokenizer, f"{row['text']} {choice}").token_ids
        if len(whole) <= len(text.token_ids):
            raise SaladError(
                f"{source}: row '{row['id']}' has a choice {choice!r} that adds no token to its prompt",
                "Word the choice in characters that the model's tokenizer keeps.",
            )
        choices.append([int(token) for token in whole[len(text.token_ids) :]])
    return Question(prompt, choices)
