"""Questions as prompts: read or heard, behind as many examples as fit."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from string import ascii_uppercase

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.words import split_words
from saladkit.rows.prompt_parts import Part, join_parts
from saladkit.rows.sequences import Sequence
from saladkit.rows.tokens import bos_of
from saladkit.scoring.spoken_prompts import Hearing
from saladkit.scoring.templates import Wording, word_question

BETWEEN_EXAMPLES = "\n\n"  # as in lm-evaluation-harness


@dataclass(frozen=True)
class Example:
    """A solved question: in words, and as parts of a prompt, in which it may be heard; the same for every prompt."""

    id: str
    source: str
    asked: str
    text: str
    parts: tuple[Part, ...]

    def is_of(self, id_: str, asked: str, source: str) -> bool:
        """Whether it is this question's own solution: the same row, or the same words."""
        return (self.source == source and self.id == id_) or (self.asked != "" and self.asked == asked)


@dataclass(frozen=True)
class Question:
    """One question, ready to be scored.

    Attributes:
        prompt: as the model reads or hears it.
        answers: token ids of what is scored after it, and in `wording` its words.
        context: the prompt in words.
        shots: how many examples stand before it.
        words_dropped: words of the question, from its beginning, that the model's context had no room for.
    """

    prompt: Sequence
    answers: list[list[int]]
    wording: Wording
    context: str
    shots: int
    words_dropped: int


@dataclass(frozen=True)
class Asking:
    """How questions are put to a model.

    Attributes:
        tokenizer: the model's.
        max_length: so many items, tokens or speech vectors, are the most that the model is given.
        template: one of `wording.TEMPLATES`.
        hearing: None where questions are read.
        spoken_options: options that are listed are heard too.
        spoken_examples: examples are heard where the question is.
        shots: so many examples before a question are the most.
    """

    tokenizer: PreTrainedTokenizerBase
    max_length: int
    template: str = "continuation"
    hearing: Hearing | None = None
    spoken_options: bool = False
    spoken_examples: bool = True
    shots: int = 0
    _known: dict[str, list[int]] = field(default_factory=dict, repr=False)  # text -> token ids

    def prepare(self, rows: list[dict], where: str) -> None:
        """Tokenize what `lay_out` is about to ask for, at once: a call a text took an eighth of `eval`'s time."""
        wordings = [word_question(row, self.template, where) for row in rows]
        texts = [wording.text.rstrip() for wording in wordings]
        texts += [f"{wording.text} {answer}" for wording in wordings for answer in wording.answers]
        self._known.clear()
        self._known.update(zip(texts, self.tokenizer(texts, add_special_tokens=False)["input_ids"], strict=True))

    def example(self, row: dict, where: str) -> Example:
        """A row and its right answer.

        Raises:
            SaladError: audio that cannot be heard; more options than letters.
        """
        wording = word_question(row, self.template, where)
        solution = f" {wording.answers[row['answer']]}{BETWEEN_EXAMPLES}"
        parts, rest = self._put(row, wording, 0, where) if self.spoken_examples else ([], wording.text)
        return Example(
            row["id"],
            where,
            row["text"],
            wording.text + solution,
            (*parts, self._ids_behind(rest + solution) if parts else self._ids(rest + solution)),
        )

    def lay_out(self, row: dict, examples: list[Example], where: str, new_tokens: int | None = None) -> Question | None:
        """A row behind the first examples that are other questions, with room for its answers, or `new_tokens`.

        The last examples are left out until the rest fits, then words from the question's beginning.

        Returns:
            None where it fits in no way: what is listed is too long, or no word times tell where to cut its recording.

        Raises:
            SaladError: audio that cannot be heard; more options than letters; one that adds no token to the prompt.
        """
        wording = word_question(row, self.template, where)
        answers = self._answers(row, wording, where) if new_tokens is None else []
        room = self.max_length - (new_tokens or max(len(answer) for answer in answers)) + 1
        asked = row.get("said", row["text"])  # also where a recognizer has written it down otherwise
        others = [e for e in examples if not e.is_of(row["id"], asked, where)][: self.shots]
        parts, rest = self._put(row, wording, 0, where)
        for shots in range(len(others), -1, -1):
            before = others[:shots]
            words = "".join(example.text for example in before)
            if self.hearing is None:  # in one piece: a token may reach across the end of an example
                prompt = self._join([], words + rest)
            else:
                prompt = self._join([part for example in before for part in example.parts] + parts, rest)
            if len(prompt) <= room:
                return Question(prompt, answers, wording, words + wording.text, shots, 0)
        return self._truncated(row, wording, answers, room, where)

    def _truncated(
        self, row: dict, wording: Wording, answers: list[list[int]], room: int, where: str
    ) -> Question | None:
        if self.hearing and not row.get("words"):
            return None
        words = split_words(row["text"])
        fewest, most, found = 1, len(words) - 1, None
        while fewest <= most:
            dropped = (fewest + most) // 2
            cut = replace(wording, asked=row["text"][words[dropped][1] :])
            prompt = self._join(*self._put(row, cut, dropped, where))
            if len(prompt) <= room:
                found, most = Question(prompt, answers, cut, cut.text, 0, dropped), dropped - 1
            else:
                fewest = dropped + 1
        return found

    def _put(self, row: dict, wording: Wording, first_word: int, where: str) -> tuple[list[Part], str]:
        """The question from a word on: what of it is heard, with what is read in between, and the text after that."""
        if self.hearing is None:
            return [], wording.text
        lead = self._ids(wording.lead.rstrip(" "))  # a space before speech is a part of what is heard
        parts: list[Part] = [*([lead] if lead else []), self.hearing.question(row, self.tokenizer, first_word, where)]
        if not (self.spoken_options and wording.options):
            return parts, wording.listed
        before = wording.trail
        for index, letter in zip(range(len(wording.options)), ascii_uppercase, strict=False):
            parts += [self._ids_behind(f"{before}\n{letter}."), self.hearing.option(row, index, where)]
            before = ""
        return parts, wording.cue

    def _join(self, parts: list[Part], rest: str) -> Sequence:
        """Parts and a text after them, whose last space belongs to what is scored."""
        read = self._ids(rest.rstrip()) if not parts else self._ids_behind(rest.rstrip())
        layout = self.hearing.layout if self.hearing else None
        return join_parts(self._bos, [*parts, read] if read else parts, layout)

    def _answers(self, row: dict, wording: Wording, where: str) -> list[list[int]]:
        """Token ids of each answer as it goes on from the question.

        They are what question, a space and answer together have beyond the question's own, as in
        lm-evaluation-harness; so they are the same whether the question is read or heard.
        """
        own = len(self._ids(wording.text.rstrip()))
        found = []
        for answer, choice in zip(wording.answers, row["choices"], strict=True):
            ids = self._ids(f"{wording.text} {answer}")[own:]
            if not ids:
                raise SaladError(
                    f"{where}: row '{row['id']}' has a choice {choice!r} that adds no token to its prompt",
                    "Word the choice in characters that the model's tokenizer keeps.",
                )
            found.append(ids)
        return found

    @cached_property
    def _bos(self) -> list[int]:
        return bos_of(self.tokenizer)

    def _ids_behind(self, text: str) -> list[int]:
        """Token ids of a text that follows something: some tokenizers begin a text of its own with a space."""
        return self._ids(f"a{text}")[len(self._ids("a")) :]

    def _ids(self, text: str) -> list[int]:
        known = self._known.get(text)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"] if known is None else known
