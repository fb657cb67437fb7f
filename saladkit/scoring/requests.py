"""What prompts are made of and give: few-shot examples, and requests that are ready to be scored or answered."""

from dataclasses import dataclass

from saladkit.rows.prompt_sequences import Part
from saladkit.rows.sequences import Sequence
from saladkit.scoring.chat import Piece
from saladkit.scoring.templates import FilledTemplate
from saladkit.sources.folding import without_punctuation

EXAMPLE_SEPARATOR = "\n\n"  # as in lm-evaluation-harness


@dataclass(frozen=True)
class Example:
    """A few-shot example: a question with its right answer, the same in every prompt.

    Attributes:
        id, source: the row of the question, and where the row was read.
        question: text of the question alone.
        text: all of the example as text.
        parts: the example as parts of a prompt, in which the question may be speech.
        asked: all text before the answer.
        pieces: the same, in which the question may be speech.
        answer: the right answer.
    """

    id: str
    source: str
    question: str
    text: str
    parts: tuple[Part, ...]
    asked: str
    pieces: tuple[Piece, ...]
    answer: str

    def solves(self, id_: str, question: str, source: str) -> bool:
        """Return whether the example answers this question: it is the same row, or has the same text.

        Texts are the same if they differ in case, spaces, punctuation or Unicode's compatible forms alone.
        """
        if self.source == source and self.id == id_:
            return True
        return self.question != "" and without_punctuation(self.question) == without_punctuation(question)


@dataclass(frozen=True)
class Request:
    """One question, ready to be scored or answered.

    Attributes:
        prompt: the model's input, text and speech.
        continuations: token ids of each continuation that is scored after the prompt.
        template: the question as text.
        context: the whole prompt as text.
        shots: number of few-shot examples in the prompt.
        words_dropped: words removed from the beginning of the question to fit the prompt into the model's context.
    """

    prompt: Sequence
    continuations: list[list[int]]
    template: FilledTemplate
    context: str
    shots: int
    words_dropped: int
