"""A task: the questions of one source, with what belongs to them."""

from dataclasses import dataclass

from saladkit.speech.audio.audio_rows import AudioRows


@dataclass(frozen=True)
class Task:
    """The questions of one source.

    Attributes:
        source: where `rows` were read.
        rows: questions to answer.
        examples: solved questions, from whose first the few-shot examples are taken.
        dev_rows: solved questions on which a template is chosen.
        examples_source: where `examples` were read.
        excluded: rows of the source that are not to be answered, each with a reason, `excluded`.
        audio: what was found out about the recordings of the rows.
    """

    name: str
    source: str
    rows: list[dict]
    examples: list[dict]
    dev_rows: list[dict]
    examples_source: str
    excluded: list[dict]
    audio: AudioRows
