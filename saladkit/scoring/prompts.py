"""Build prompts from questions: as text or speech, after as many few-shot examples as fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from string import ascii_uppercase

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.words import place_words, words_of_text
from saladkit.rows.model_limits import ModelLimits, check_most_are_known, largest_id
from saladkit.rows.prompt_sequences import Part, join_parts
from saladkit.rows.sequences import Sequence, SpeechSpan
from saladkit.rows.tokens import bos_of, ids_after_text
from saladkit.scoring.chat import Chat, Piece
from saladkit.scoring.requests import EXAMPLE_SEPARATOR, Example, Request
from saladkit.scoring.spoken_prompts import SpeechInput
from saladkit.scoring.templates import FilledTemplate, fill_template


@dataclass(frozen=True)
class PromptBuilder:
    """Builds the requests of one model in one modality.

    Attributes:
        tokenizer: the model's tokenizer.
        max_length: most positions of prompt and continuation together, tokens or speech vectors.
        template: one of `templates.TEMPLATES`.
        speech_input: reads recordings; None gives questions as text.
        spoken_options: whether listed options are speech as well.
        spoken_examples: whether few-shot examples are speech where the question is.
        shots: most few-shot examples before a question.
        limits: what the model can read; None judges no text.
        paired_shots: most few-shot examples before a question, by its id, where this is less than `shots`.
        chat: lays out questions as turns of a user; None gives the model plain text.
        apart: ids of the questions with a continuation that was tokenized apart from its prompt, in the order built.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int
    template: str = "continuation"
    speech_input: SpeechInput | None = None
    spoken_options: bool = False
    spoken_examples: bool = True
    shots: int = 0
    limits: ModelLimits | None = None
    paired_shots: Mapping[str, int] = field(default_factory=dict, repr=False)
    chat: Chat | None = None
    apart: list[str] = field(default_factory=list, repr=False)
    _known: dict[str, list[int]] = field(default_factory=dict, repr=False)  # text -> token ids

    def tokenize_ahead(self, rows: list[dict], source: str) -> None:
        """Tokenize all texts of these rows in one call: a call for each text took an eighth of `eval`'s time."""
        if self.chat is not None:  # a question is a part of a text
            return
        filled = [fill_template(row, self.template, source) for row in rows]
        texts = [template.text.rstrip() for template in filled]
        texts += [f"{template.text} {continuation}" for template in filled for continuation in template.continuations]
        self._known.clear()
        self._known.update(zip(texts, self.tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True))

    def unreadable(self, rows: list[dict], source: str) -> dict[str, str]:
        """Return the ids of the rows of `source` with a token that the model does not know, each with the reason.

        Raises:
            SaladError: as `check_most_are_known`.
        """
        if self.limits is None or largest_id(self.tokenizer) < self.limits.vocabulary:
            return {}
        found = {}
        for row in rows:
            template = fill_template(row, self.template, source)
            read = [template.text if self.speech_input is None else template.lead + template.after_question]
            for text in (*read, *template.continuations):
                if reason := self.limits.why_not_tokens(self._ids(text)):
                    found[row["id"]] = reason
        check_most_are_known(self.tokenizer, self.limits, source, list(found), len(rows))
        return found

    def example(self, row: dict, source: str) -> Example:
        """Return a row of `source` with its right answer as a few-shot example.

        Raises:
            SaladError: the recording cannot be decoded, or there are more options than letters.
        """
        template = fill_template(row, self.template, source)
        answer = template.continuations[row["answer"]] if row.get("choices") else row["reference"]
        solution = f" {answer}{EXAMPLE_SEPARATOR}"
        pieces: list[Piece] = [template.text]
        if self.spoken_examples:
            pieces = self._pieces(row, template, 0, source)
        parts, rest = self._parts(pieces)
        return Example(
            row["id"],
            source,
            row["text"],
            template.text + solution,
            (*parts, self._ids_after_text(rest + solution) if parts else self._ids(rest + solution)),
            template.text,
            tuple(pieces),
            answer,
        )

    def build(
        self, row: dict, examples: list[Example], source: str, new_tokens: int = 0, *, scored: bool = True
    ) -> Request | None:
        """Build the request of a row of `source`, after the first few-shot examples that are other questions.

        The prompt leaves room for the continuations, if they are to be `scored`, and for `new_tokens` that the model
        writes. If it is too long, it loses examples from the last to the first, then words from the beginning of the
        question.

        Returns:
            None if the prompt cannot be made short enough: the text after the question is too long, or a recording has
            no word times by which to cut it.

        Raises:
            SaladError: a recording cannot be decoded, there are more options than letters, or a continuation has no
                token.
        """
        template = fill_template(row, self.template, source)
        continuations = self._continuations(row, template, source) if scored else []
        room = self.max_length - max(new_tokens, *(len(ids) for ids in continuations), 1) + 1
        question = row.get("said", row["text"])  # a cascade's transcript may differ from the example's text
        others = [example for example in examples if not example.solves(row["id"], question, source)]
        most = min(len(others), self.shots, self.paired_shots.get(row["id"], self.shots))
        pieces = self._pieces(row, template, 0, source)
        for shots in range(most, -1, -1):
            prompt = self._prompt(others[:shots], pieces, f"{source}: row '{row['id']}'", scored=bool(continuations))
            if len(prompt) <= room:
                context = self._context(others[:shots], template, f"{source}: row '{row['id']}'")
                return Request(prompt, continuations, template, context, shots, 0)
        return self._truncated(row, template, continuations, room, source)

    def _prompt(self, before: list[Example], pieces: list[Piece], where: str, *, scored: bool) -> Sequence:
        layout = self.speech_input.layout if self.speech_input else None
        if self.chat is not None:
            solved = [(example.pieces, example.answer) for example in before]
            return join_parts([], self.chat.parts(solved, pieces, where, scored=scored), layout)
        parts, rest = self._parts(pieces)
        if self.speech_input is None:  # tokenized as one text: a token may reach across the end of an example
            return self._join([], "".join(example.text for example in before) + rest)
        return self._join([part for example in before for part in example.parts] + parts, rest)

    def _context(self, before: list[Example], template: FilledTemplate, where: str) -> str:
        if self.chat is not None:
            return self.chat.text([(example.asked, example.answer) for example in before], template.text, where)
        return "".join(example.text for example in before) + template.text

    def _truncated(
        self, row: dict, template: FilledTemplate, continuations: list[list[int]], room: int, source: str
    ) -> Request | None:
        """Return the request with the fewest words removed that fits, by binary search.

        A recording can begin only at a word whose time is known.
        """
        if self.speech_input and not row.get("words"):
            return None
        words = place_words(row["text"], _words_of(row))
        beginnings = [
            at for at in range(1, len(words)) if not self.speech_input or row["words"][at]["start"] is not None
        ]
        fewest, most, found = 0, len(beginnings) - 1, None
        while fewest <= most:
            middle = (fewest + most) // 2
            dropped = beginnings[middle]
            cut = replace(template, question=row["text"][words[dropped][1] :])
            where = f"{source}: row '{row['id']}'"
            pieces = self._pieces(row, cut, dropped, source)
            prompt = self._prompt([], pieces, where, scored=bool(continuations))
            if len(prompt) <= room:
                context = self._context([], cut, where)
                found, most = Request(prompt, continuations, cut, context, 0, dropped), middle - 1
            else:
                fewest = middle + 1
        return found

    def _pieces(self, row: dict, template: FilledTemplate, first_word: int, source: str) -> list[Piece]:
        """Return the question from a word on: a text, or texts and recordings in turn."""
        if self.speech_input is None:
            return [template.text]
        question = self.speech_input.question_span(row, self.tokenizer, first_word, source)
        pieces: list[Piece] = [template.lead, question]
        if not (self.spoken_options and template.options):
            return [*pieces, template.after_question]
        before = template.trail
        for index, letter in zip(range(len(template.options)), ascii_uppercase, strict=False):
            pieces += [f"{before}\n{letter}.", self.speech_input.option_span(row, index, source)]
            before = ""
        return [*pieces, template.cue]

    def _parts(self, pieces: list[Piece]) -> tuple[list[Part], str]:
        """Return a question as parts up to the last recording, and the text after them."""
        *before, rest = pieces
        parts: list[Part] = []
        for piece in before:
            if isinstance(piece, SpeechSpan):
                parts.append(piece)
            elif parts:
                parts.append(self._ids_after_text(piece))
            elif lead := self._ids(piece.rstrip(" ")):  # in training, speech includes the space before it
                parts.append(lead)
        assert isinstance(rest, str)  # a question ends with text, which may be empty
        return parts, rest

    def _join(self, parts: list[Part], rest: str) -> Sequence:
        """Join parts and the text after them; a space at its end belongs to the continuation."""
        text = self._ids(rest.rstrip()) if not parts else self._ids_after_text(rest.rstrip())
        layout = self.speech_input.layout if self.speech_input else None
        return join_parts(self._bos, [*parts, text] if text else parts, layout)

    def _continuations(self, row: dict, template: FilledTemplate, source: str) -> list[list[int]]:
        """Return the token ids of each continuation after the question.

        They are the tokens of question, space and continuation together beyond the question's own, as in
        lm-evaluation-harness, so they are the same for a question as text and as speech. Where a token spans the join
        of both, as ": C" in "Answer: Canada", a part of the continuation would not be scored, or all of it. There the
        continuation with its space is tokenized apart, and the row's id is noted in `apart`. A chat's answer begins
        without a space.
        """
        question = (self.chat.tail if self.chat else template.text).rstrip()
        own, found, is_apart = self._ids(question), [], False
        for continuation, choice in zip(template.continuations, row["choices"], strict=True):
            whole = f"{self.chat.tail}{continuation}" if self.chat else f"{template.text} {continuation}"
            ids = self._ids(whole)
            spans = ids[: len(own)] != own
            ids = self._ids_after_text(whole[len(question) :]) if spans else ids[len(own) :]
            is_apart |= spans
            if not ids:
                raise SaladError(
                    f"{source}: row '{row['id']}' has a choice {choice!r} that adds no token to its prompt",
                    "Word the choice in characters that the model's tokenizer keeps.",
                )
            found.append(ids)
        self.apart.extend([row["id"]] if is_apart else [])
        return found

    @cached_property
    def _bos(self) -> list[int]:
        return bos_of(self.tokenizer)

    def _ids_after_text(self, text: str) -> list[int]:
        """Return token ids of a text in the middle of a prompt."""
        return ids_after_text(self.tokenizer, text)

    def _ids(self, text: str) -> list[int]:
        known = self._known.get(text)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if known is None else known


def _words_of(row: dict) -> list[str]:
    """Return the words of a question: those whose times are known, or else those of its text."""
    return [word["word"] for word in row["words"]] if row.get("words") else words_of_text(row["text"])
