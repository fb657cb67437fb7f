"""Leave out rows of training that contain an evaluation question."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from saladkit.contamination.overlap import Overlap, note_not_judged
from saladkit.contamination.questions import read_questions
from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows
from saladkit.machine import is_main_process
from saladkit.progress import say
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.training import TrainingSettings
from saladkit.sources.samples import read_samples

CONTAMINATED = "words of the evaluation"


def without_questions(
    sources: list[TrainingSource], settings: TrainingSettings, tokenizer: PreTrainedTokenizerBase | None = None
) -> list[TrainingSource]:
    """Return the sources without the rows that contain a question of `decontaminate`, which are listed as left out.

    Of a rollout, prompt and response are searched as one text.

    Args:
        tokenizer: needed if there are rollouts.

    Raises:
        SaladError: the questions cannot be read, or no row of a source is left.
    """
    questions = read_questions(settings.decontaminate)
    if not questions:
        return sources
    overlap = Overlap([wording for question in questions for wording in question.wordings], settings.ngram)
    cleaned = [_without(source, overlap, _texts(source, settings, tokenizer)) for source in sources]
    if is_main_process():
        if overlap.not_judged:
            say(f"note: {note_not_judged(overlap, len(questions))}")
        for source in cleaned:
            if found := count_contaminated(source):
                say(f"note: {found} rows of {source.name} contain evaluation questions, and are left out")
    return cleaned


def count_contaminated(source: TrainingSource) -> int:
    """Return how many rows of a source were left out because they contain a question."""
    return sum(reason.startswith(CONTAMINATED) for _, reason in source.left_out)


def _texts(
    source: TrainingSource, settings: TrainingSettings, tokenizer: PreTrainedTokenizerBase | None
) -> Iterator[tuple[str, str]]:
    """Yield id and text of each row of a source."""
    if source.is_rollouts:
        assert tokenizer is not None
        for id_, text in zip(source.ids, source.texts, strict=True):
            yield id_, str(tokenizer.decode([*text.token_ids, text.following], skip_special_tokens=True))
        return
    names, limit, known = settings.names, settings.limit, set(source.ids)
    table = read_samples(source.name, needed=["id", "text"], optional=[], names=names, limit=limit)
    yield from ((row["id"], _written(row)) for row in iterate_rows(table) if row["id"] in known)


def _without(source: TrainingSource, overlap: Overlap, texts: Iterable[tuple[str, str]]) -> TrainingSource:
    asked = {id_: question for id_, text in texts if (question := overlap.find(text)) is not None}
    kept = [row for row, id_ in enumerate(source.ids) if id_ not in asked]
    if not kept:
        id_, question = next(iter(asked.items()))
        raise SaladError(
            f"every row of {source.name} contains a question of --decontaminate; row '{id_}' contains {question}",
            "Give training samples that are not the evaluation.",
        )
    pieces = Counter(source.ids)
    return replace(
        source,
        ids=[source.ids[row] for row in kept],
        texts=[source.texts[row] for row in kept],
        words=None if source.words is None else [source.words[row] for row in kept],
        log_probs=None if source.log_probs is None else [source.log_probs[row] for row in kept],
        split=source.split - sum(pieces[id_] > 1 for id_ in asked),
        left_out=[*source.left_out, *((id_, f"{CONTAMINATED}: {question}") for id_, question in asked.items())],
    )


def _written(row: dict) -> str:
    """Return the text of a row; of a conversation, that of all turns."""
    turns = row.get("messages")
    return row["text"] if not turns else " ".join(part["text"] for turn in turns for part in turn["content"])
