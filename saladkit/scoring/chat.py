"""Questions as turns of a user, which the assistant answers, as lm-evaluation-harness has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from saladkit.formats.messages import Turn
from saladkit.rows.chat_prompts import SPEECH, chat_prompt
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.prompt_sequences import Part
from saladkit.rows.sequences import SpeechSpan

Piece = str | SpeechSpan  # of a question, as text or speech


@dataclass(frozen=True)
class Chat:
    """How questions become prompts of an instruct model.

    Few-shot examples are turns of their own before the question, each with its answer.

    Attributes:
        system: the system prompt; None for the template's own, if it has one.
    """

    template: ChatTemplate
    system: str | None = None

    def parts(
        self, solved: Sequence[tuple[Sequence[Piece], str]], pieces: Sequence[Piece], where: str, *, scored: bool
    ) -> list[Part]:
        """Return the parts of a prompt.

        Args:
            solved: few-shot examples, each with its answer.
            pieces: the question.
            where: the row, for errors.
            scored: whether continuations are scored: white space at the prompt's end is then a part of them, as the
                harness has it.

        Raises:
            SaladError: the template refuses the turns, such as a system prompt, or a text has a special token.
        """
        contents = [*(content for content, _ in solved), pieces]
        spans = [piece for content in contents for piece in content if isinstance(piece, SpeechSpan)]
        asked = [
            "".join(SPEECH if isinstance(piece, SpeechSpan) else piece for piece in content) for content in contents
        ]
        return chat_prompt(
            self.template, self._turns(asked, [answer for _, answer in solved]), spans, where, stripped=scored
        )

    def text(self, solved: Sequence[tuple[str, str]], question: str, where: str) -> str:
        """Return a prompt in which all is text."""
        turns = self._turns([*(content for content, _ in solved), question], [answer for _, answer in solved])
        return self.template.render(turns, where, generation_prompt=True)

    @cached_property
    def tail(self) -> str:
        """The text of a prompt behind its question: the end of the user's turn, the beginning of the answer."""
        return self.text([], SPEECH, "a question").rpartition(SPEECH)[2]

    def _turns(self, asked: list[str], answers: list[str]) -> list[Turn]:
        system = [] if self.system is None else [Turn("system", self.system)]
        solved = zip(asked, answers, strict=False)
        turns = [turn for question, answer in solved for turn in (Turn("user", question), Turn("assistant", answer))]
        return [*system, *turns, Turn("user", asked[-1])]
