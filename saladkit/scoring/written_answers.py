"""Find the options that a written answer names: letters and options' own words, where the answer declares them."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from string import ascii_uppercase

import regex

from saladkit.scoring.answer_phrases import (
    AND,
    BULLET,
    DENIAL,
    OPENING,
    OPTION,
    REASON,
    RIGHT,
    STRONG,
    VERBS,
    WEAK,
    WRONG,
)
from saladkit.scoring.answer_text import spoken_answer, without_markup

_OPENED = r"[\s\"'“”‘’«»「」_(\[{<]*"
_LETTER = regex.compile(
    rf"{_OPENED}{OPTION}{_OPENED}([A-Z])(?!['’]\p{{L}})[\"'“”‘’«»「」_]*"
    r"(\s*[)\]}>])?[\"'“”‘’»」_]*(?![\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\p{M}])",
    regex.IGNORECASE,
)
_ALONE = regex.compile(rf"{BULLET.pattern}{_LETTER.pattern}[.:,;!\s]*", regex.IGNORECASE)
_LABEL = regex.compile(r"[\s.:;,)\]\"'”’]*(?:[–—-]+\s+)?")  # between a letter and the option's words
# What ends a letter or an option's words: punctuation, a dash, the end, or another script.
_END = regex.compile(
    r"\s*(?:$|\n|[✅✔✓☑]|[:;,!?…。、()\[\]{}|\"”’»」]|\.(?![\p{L}\p{N}]|\s*[A-Z]\.)|[-–—=→]+(?=\s|$)"
    r"|[^\P{L}\p{Latin}\p{Cyrillic}\p{Greek}])"
)
_WORD_ENDS = r"(?![\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\p{M}_]|[.,]\d)"
_SIGNS_END = r"(?=\W|$|です|だ|である|입니다|이다|[是がは이가은는]\s?(?:正|对|對|맞))"  # no spaces separate words here
_ARTICLE = regex.compile(r"\s*(?:the|an?)\s+", regex.IGNORECASE)
_LOOK_BACK = 200  # characters in which a clause, or an option's words, begin
_CLAUSE = regex.compile(r"[,.;:!?\n。]")
_IS_AFTER = regex.compile(rf"\s+{VERBS}\s", regex.IGNORECASE)
_IS_BEFORE = regex.compile(rf"\b{VERBS}\s+(?:(?:the|an?|called|named)\s+)*$", regex.IGNORECASE)
_SENTENCE_END = regex.compile(r"\s*(?:[.!…。]|$)")
_PRONOUNS = "AI"  # letters that are words as well: a following word makes them an article or a pronoun


class WrittenAnswer:
    """One answer to a question with options."""

    def __init__(self, response: str, choices: list[str]):
        self._text = without_markup(spoken_answer(response)).strip()
        self._letters = ascii_uppercase[: len(choices)]
        self._choices = [" ".join(without_markup(choice).split()).rstrip(".") for choice in choices]

    def choice(self) -> int | None:
        """Return the index of the option that the answer names; None if it names none, or several."""
        listed = self._at_lines()
        declared = self._declared(lists=len(listed) > 1)
        if len(listed) == 1:
            declared |= listed
        if not declared and not listed:
            declared = self._restated()
        return declared.pop() if len(declared) == 1 else None

    def _declared(self, *, lists: bool) -> set[int]:
        """Return the options of all phrases that declare an answer.

        Args:
            lists: whether lines list options; then no phrase declares the first of them ("Answer:" before the list).
        """
        found: set[int] = set()
        for line in self._text.split("\n"):
            alone = _ALONE.fullmatch(line)
            found |= self._named_by([alone[1]]) if alone else set()
        for phrases, is_strong in ((STRONG, True), (WEAK, False)):
            for phrase in phrases:
                for match in phrase.finditer(self._text, overlapped=True):
                    is_list = lists and match[0].rstrip(" ").endswith("\n")
                    if not is_list and not self._is_denied(match.start(), match[0]):
                        found |= self._read(match.end(), is_strong=is_strong, may_ask=False)
        return found | self._called_right()

    def _at_lines(self) -> set[int]:
        """Return the options with which lines begin."""
        found: set[int] = set()
        begin = 0
        for line in self._text.split("\n"):
            for start in (begin, BULLET.match(self._text, begin).end()):
                opening = OPENING.match(self._text, start)
                named = self._read(start) or (self._read(opening.end()) if opening else set())
                if named:
                    break
            found |= named
            begin += len(line) + 1
        return found

    def _called_right(self) -> set[int]:
        """Return the options of "B is correct", "Both B and C are right" and "London is the right answer"."""
        found: set[int] = set()
        for match in RIGHT.finditer(self._text):
            before = self._text[max(0, match.start() - _LOOK_BACK) : match.start()]
            clause = before[max((cut.end() for cut in _CLAUSE.finditer(before)), default=0) :]
            if DENIAL.search(clause):
                continue
            letters = regex.search(rf"(?:\b|\()([A-Z])(?:\)?{AND.pattern}\(?([A-Z]))*\)?$", before, regex.I)
            if letters:
                named = [*letters.captures(1), *letters.captures(2)]
                found |= self._named_by([n for n in named if n.isupper() or letters[0].endswith(")")])
            found |= {index for index, words in self._ends.items() if words.search(before)}
        return found

    def _restated(self) -> set[int]:
        """Return the option of "The capital is London" or "London is the capital", unless others are mentioned."""
        found = {index: match for index, words in self._anywhere.items() if (match := words.search(self._text))}
        if len(found) != 1:
            return set()
        (index, match), *_ = found.items()
        before, after = self._text[: match.start()], self._text[match.end() :]
        begins = not before.strip() and _IS_AFTER.match(after) is not None
        ends = _IS_BEFORE.search(before) is not None and _SENTENCE_END.match(after) is not None
        clause = _CLAUSE.split(before)[-1] + _CLAUSE.split(after)[0]
        return {index} if (begins or ends) and not DENIAL.search(clause) else set()

    def _is_denied(self, start: int, phrase: str) -> bool:
        """Return whether a phrase stands in a clause that denies or supposes it: "the answer is not", "if it is"."""
        if phrase.lower().startswith("not"):  # "not B but C"
            return False
        before = self._text[max(0, start - _LOOK_BACK) : start]
        begin = max((cut.end() for cut in _CLAUSE.finditer(before)), default=0)
        return DENIAL.search(before[begin:] + phrase) is not None

    def _read(self, at: int, *, is_strong: bool = False, may_ask: bool = True) -> set[int]:
        """Return the options that are named at one place of the text, "A or B" included.

        Args:
            is_strong: whether only an option can stand here, so that "B" needs no punctuation after it.
            may_ask: whether an option may be followed by a question mark.
        """
        found: set[int] = set()
        is_joined = False  # by a word: "A and B"
        while True:
            named, end = self._option_at(at, is_strong)
            if is_joined and not named and end > at:  # "A and B are wrong"
                return set()
            asks = self._text[end : end + 1] == "?" and (not may_ask or self._text[end + 1 :].strip())
            if not named or asks:
                return found
            found |= named
            joined = AND.match(self._text, end)
            if not joined:
                return found
            at, is_joined = joined.end(), joined[0].strip(" ,") != ""

    def _option_at(self, at: int, is_strong: bool) -> tuple[set[int], int]:
        """Return the options of one letter or of an option's words, and where they end."""
        named, end = self._words_at(at)
        if named and (_END.match(self._text, end) or self._goes_on(end)):
            return (set(), end) if WRONG.match(self._text, end) else (named, end)
        match = _LETTER.match(self._text, at)
        if not match or match[1].upper() not in self._letters:
            return set(), at
        index, end = self._letters.index(match[1].upper()), match.end()
        is_word = match[1].upper() in _PRONOUNS
        words, words_end = self._words_at(_LABEL.match(self._text, end).end())
        if words and ((index in words and not is_word) or _END.match(self._text, words_end)):
            return set() if WRONG.match(self._text, words_end) else words | {index}, words_end
        if WRONG.match(self._text, end):
            return set(), end
        is_marked = bool(match[2]) or bool(_END.match(self._text, end))
        if match[1].upper() == "I" and self._text[end : end + 1] == "," and not match[2]:
            is_marked = False
        is_free = is_strong and match[1].isupper() and not is_word and self._text[end : end + 1] == " "
        return ({index}, end) if is_marked or is_free or self._goes_on(end) else (set(), end)

    def _goes_on(self, end: int) -> bool:
        """Return whether an answer goes on with a reason, a verdict or another option."""
        if REASON.match(self._text, end) or RIGHT.match(self._text, end):
            return True
        joined = AND.match(self._text, end)
        if not joined:
            return False
        letter = _LETTER.match(self._text, joined.end())
        ends = (_END, AND, REASON, RIGHT, WRONG)
        is_letter = letter is not None and any(pattern.match(self._text, letter.end()) for pattern in ends)
        return is_letter or bool(self._words_at(joined.end())[0])

    def _words_at(self, at: int) -> tuple[set[int], int]:
        """Return the options whose words stand at one place, of several the longest, and where these end."""
        article = _ARTICLE.match(self._text, at)
        places = (at, article.end()) if article else (at,)
        for place, patterns in product(places, (self._literal, self._worded)):
            ends = {index: m.end() for index, words in patterns.items() if (m := words.match(self._text, place))}
            if ends:
                longest = max(ends.values())
                return {index for index, end in ends.items() if end == longest}, longest
        return set(), at

    def _named_by(self, letters: list[str]) -> set[int]:
        return {self._letters.index(letter.upper()) for letter in letters if letter.upper() in self._letters}

    @cached_property
    def _literal(self) -> dict[int, regex.Pattern]:
        """Options as they are written: "-5" is not "5"."""
        return dict(self._patterns(map(_literally, self._choices)))

    @cached_property
    def _worded(self) -> dict[int, regex.Pattern]:
        """Options by their words alone, without an article at the beginning."""
        return dict(self._patterns(map(_by_words, self._choices)))

    @cached_property
    def _anywhere(self) -> dict[int, regex.Pattern]:
        """Options by their words within a text."""
        return {index: regex.compile(rf"(?<![\w-]){p.pattern}", regex.I) for index, p in self._worded.items()}

    @cached_property
    def _ends(self) -> dict[int, regex.Pattern]:
        """Options by their words at the end of a text."""
        return {index: regex.compile(rf"(?<!\w){p.pattern}$", regex.I) for index, p in self._worded.items()}

    def _patterns(self, patterns: Iterator[str]) -> Iterator[tuple[int, regex.Pattern]]:
        for index, (pattern, choice) in enumerate(zip(patterns, self._choices, strict=True)):
            if regex.search(r"\w", choice) and not regex.fullmatch(r"[A-Za-z]", choice):  # a letter is an option's name
                end = _WORD_ENDS if regex.search(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\W]$", choice) else _SIGNS_END
                yield index, regex.compile(rf"{_OPENED}{pattern}{end}", regex.IGNORECASE)


def _literally(choice: str) -> str:
    """Return a pattern of an option as it is written, but for spaces beside signs."""
    tokens = regex.findall(r"\w+|\s+|[^\w\s]", choice)
    words = [regex.escape(token) if token.strip() else r"\s+" for token in tokens]
    return r"\s*".join(words)


def _by_words(choice: str) -> str:
    words = regex.findall(r"\w+", choice)
    article = rf"(?:{words.pop(0)}\s+)?" if len(words) > 1 and words[0].lower() in ("a", "an", "the") else ""
    return article + r"[^\w\n+-]+".join(words)
