"""Lay out conversations once by the chat template: their tokens, which of them are learned, which words may be heard.

The text LLM reads the same tokens, so a conversation with its words in is what the teacher knows. The template's own
text, system prompts and the assistant's turns are units of text between the words that may be heard.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.messages import Turn
from saladkit.formats.words import Word, place_words, words_of_text
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.tokens import TokenizedText, first_tokens

_MARK = "\ue000{}\ue001"  # stands for a content; these characters are in no text
_MARKED = re.compile("\ue000(\\d+)\ue001")
_OTHER = "Give the chat template that the model was trained with, unchanged, or one with {% generation %}."


def lay_out_conversation(
    template: ChatTemplate, turns: Sequence[Turn], where: str, words: list[str] | None = None
) -> TokenizedText:
    """Tokenize a conversation.

    The assistant's contents carry loss, with what the template writes before them after the generation prompt and with
    the token that ends the turn; or else what the template itself marks by `{% generation %}`.

    Args:
        where: the row, for errors.
        words: the words of the heard text, as an aligner may have cut them; None for those of `split_words`.

    Raises:
        SaladError: no turn is the assistant's, or the first one is; the template refuses the turns, changes a content,
            or gives other text when a conversation is continued; or a content has a special token.
    """
    if not any(turn.role == "assistant" for turn in turns):
        raise SaladError(
            f"{where} has no turn of the assistant, so there is nothing to learn from",
            "Add the answer, or remove the row.",
        )
    if turns[0].role == "assistant":
        raise SaladError(
            f"{where} begins with a turn of the assistant, before which a model has no prompt",
            "Put what it answers, or a system prompt, before it, or remove the turn.",
        )
    template.check_contents(turns, where)
    text = template.render(turns, where)
    encoded = template.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    found = _Rendered(text, encoded["input_ids"], np.array(encoded["offset_mapping"]))
    prefix = found.count_bos(template, where)
    contents = _find_contents(template, turns, text, where)
    begins, hearable = _units(turns, contents, text, words)
    word_tokens, splittable = first_tokens(text, encoded["offset_mapping"], begins)
    word_tokens[0] = prefix
    return TokenizedText(
        np.array(found.ids, dtype=np.int32),
        word_tokens,
        splittable,
        prefix,
        learned=_learned(template, turns, found, contents, where),
        hearable=hearable,
    )


@dataclass(frozen=True)
class _Rendered:
    """A conversation as text, its token ids, and the characters of each token, int [n, 2]."""

    text: str
    ids: list[int]
    offsets: np.ndarray

    def count_bos(self, template: ChatTemplate, where: str) -> int:
        """Return the number of BOS tokens at the beginning, 0 or 1."""
        bos = template.tokenizer.bos_token_id
        if bos is not None and self.ids[:2] == [bos, bos]:
            raise SaladError(f"{where} begins with two BOS tokens by the chat template of {template.name}", _OTHER)
        return int(bos is not None and self.ids[:1] == [bos])

    def end_of_turn(self, end: int, most: int, special: set[int]) -> int:
        """Return the number of tokens up to the end of a turn whose content ends at the character `end`.

        The special token behind the content, if there is one before the character `most`, belongs to the turn.
        """
        after = place = int(np.searchsorted(self.offsets[:, 0], end))
        while place < len(self.ids) and self.text[slice(*self.offsets[place])].isspace():
            place += 1
        ends = place < len(self.ids) and self.ids[place] in special and self.offsets[place, 0] < most
        return place + 1 if ends else after


def _find_contents(template: ChatTemplate, turns: Sequence[Turn], text: str, where: str) -> list[tuple[int, int]]:
    """Return where each turn's content stands in the text: begin and end, in characters.

    The turns are rendered with marks for contents. What stands around the marks must stand around the contents in the
    text, in which contents may have lost the spaces at their ends.
    """
    marked = template.render([replace(turn, content=_MARK.format(i)) for i, turn in enumerate(turns)], where)
    pieces = _MARKED.split(marked)  # text, number of a turn, text, ...
    found: dict[int, tuple[int, int]] = {}
    at = len(pieces[0])
    matches = text.startswith(pieces[0])
    for number, after in zip(map(int, pieces[1::2]), pieces[2::2], strict=True):
        content = turns[number].content
        shown = next((one for one in (content, content.strip()) if text.startswith(one + after, at)), None)
        matches &= shown is not None and number not in found
        if not matches or shown is None:
            break
        found[number] = (at, at + len(shown))
        at += len(shown) + len(after)
    if not matches or at != len(text) or len(found) < len(turns):
        raise SaladError(
            f"{where}: the chat template of {template.name} changes or leaves out what turns say",
            "Remove the row, or what the template treats in its own way, such as thoughts in tags.",
        )
    return [found[number] for number in range(len(turns))]


def _units(
    turns: Sequence[Turn], contents: list[tuple[int, int]], text: str, words: list[str] | None
) -> tuple[list[int], np.ndarray]:
    """Return where the words that may be heard begin, and the text between them; and which of these units are words."""
    begins, hearable, at = [], [], 0
    remaining = None if words is None else iter(words)
    for turn, (begin, end) in zip(turns, contents, strict=True):
        lost = len(turn.content) - len(turn.content.lstrip()) if end - begin < len(turn.content) else 0
        for first, last in turn.heard:
            part = turn.content[first:last]
            named = words_of_text(part) if remaining is None else _taken(remaining, part)
            for _, word, after in place_words(part, named):
                if text[at : begin - lost + first + word].strip():
                    begins.append(at)
                    hearable.append(False)
                begins.append(begin - lost + first + word)
                hearable.append(True)
                at = begin - lost + first + after
    if at < len(text):
        begins.append(at)
        hearable.append(False)
    return begins, np.array(hearable)


def _taken(words: Iterator[str], part: str) -> list[str]:
    """Take the words of a part: as many as have its characters."""
    taken, characters = [], len("".join(part.split()))
    while characters > 0:
        taken.append(next(words))
        characters -= len(taken[-1])
    return taken


def _learned(
    template: ChatTemplate,
    turns: Sequence[Turn],
    found: _Rendered,
    contents: list[tuple[int, int]],
    where: str,
) -> np.ndarray:
    """Return which tokens the assistant writes, bool [n + 1]; what follows the conversation is never learned."""
    learned = np.zeros(len(found.ids) + 1, dtype=bool)
    for number, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        prompt = template.render(turns[:number], where, generation_prompt=True)
        if not found.text.startswith(prompt):
            raise SaladError(
                f"{where}: the chat template of {template.name} writes the turns before an answer otherwise once the"
                " answer is there, so a model would be trained on another prompt than it gets",
                _OTHER,
            )
        whole = template.render(turns[: number + 1], where)
        most = len(whole) if found.text.startswith(whole) else len(found.text)
        end = found.end_of_turn(contents[number][1], most, template.special_ids)
        learned[:end] |= found.offsets[:end, 0] >= len(prompt)
    if not template.marks_generation:
        return learned
    ids, generated = template.generated(turns, where)
    if ids != found.ids or not any(generated):
        raise SaladError(f"{where}: {{% generation %}} of {template.name}'s chat template marks no answer", _OTHER)
    return np.array([*generated, 0], dtype=bool)


def with_units(text: TokenizedText, words: Sequence[Word]) -> list[Word]:
    """Return the words of a conversation's heard text with the units of text between them.

    A unit of text lasts from the end of the word before it to the start of the word after it.

    Args:
        words: the words of the heard text with their times.
    """
    assert text.hearable is not None, "not a conversation"
    remaining = iter(words)
    heard = [next(remaining) if is_word else None for is_word in text.hearable]
    starts = [*(word.start if word else None for word in heard[1:]), None]
    ends = [None, *(word.end if word else None for word in heard[:-1])]
    units = zip(heard, ends, starts, strict=True)
    return [Word("", before, after) if word is None else word for word, before, after in units]


def turns_in(hearable: np.ndarray) -> list[tuple[int, int]]:
    """Return the runs [begin, end) of words that may be heard."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hearable.astype(int), [0]]))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
