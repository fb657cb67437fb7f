"""Find the options that a prompt lists: "Which one? A. this B. that What is the answer? Select A or B." has two."""

import re
from dataclasses import dataclass

LETTERS = "ABCDEFGHIJ"
_MARK = r"(?:[Oo]ption[ \t]+(?P<named>[A-J])\b[.):\]]?|[(\[]?(?P<letter>[A-J])[.):\]])\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_ANYWHERE = re.compile(rf"(?:^|(?<=\s)|(?<=[.?!:;,])(?<![A-Z]\.)(?<![A-Z]\w\.))(?<!\w [Oo]ption ){_MARK}")

# A closing sentence asks for the answer. It opens with one of these words, and speaks of answers or lists the letters.
_ASKS = (
    r"\b(?:what|which|so,? what|please|kindly|now|select|choose|pick|answers?|respond|reply|indicate|identify|give"
    r"|provide|state|tell|say|write|output|return|only|just|can you|could you|do not|don't|think|explain"
    r"|(?:the|your) (?:correct |right |best )?(?:answers?|options?|choices?|letter)|(?:options|choices)(?= are|:))\b"
)
_ANSWERS = (
    r"\b(?:answers?|options?|choices?|alternatives?|letters?|multiple[- ]choice|step by step|explain|your reasoning"
    r"|(?:one|which|any) of the (?:above|following)|(?:correct|right|best) one"
    r"|(?:is|are) (?:the )?(?:correct|right|best))\b"
)
_LISTED = (  # "A, B, C, or D", "A/B/C/D", "(A), (B) or (C)", "A B C D", "A-D"
    r"\(?\bA\b\)?(?:(?:\s*[,/|]\s*(?:or\s+|and\s+)?|\s+(?:or\s+|and\s+|to\s+|through\s+)?|\s*[-–]\s*)"
    r"\(?\b[B-J]\b\)?)+"
)
_OPENING = re.compile(_ASKS, re.IGNORECASE)
_SENTENCE_START = re.compile(r"[.?!:)\"”’]\s+$")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_MENTIONED = re.compile(rf"{_ANSWERS}|(?-i:{_LISTED})", re.IGNORECASE)
_LIST_OF_LETTERS = re.compile(_LISTED)
_SMALL = re.compile(r"(?<!\w)\([a-j]\)")  # "(a) this (b) that"
_SMALL_LIST = re.compile(r"(?:^|[:?.\n])\s*\(a\)")
_CONJUNCTION = re.compile(r"[,;]\s*(?:or|and)$")  # "A. this, or B. that"
_LAST_LETTER = re.compile(r"[B-J]\b")


@dataclass(frozen=True)
class _List:
    """Options as one reading of a prompt finds them; `first` and `last` are where the first and the last mark begin."""

    options: list[str]
    first: int
    last: int


def options_of(prompt: str) -> list[str]:
    """Return the options that a prompt lists after `A.`, `B.` and so on (or `A)`, `(A)`, `A:`, `Option A:`).

    Sentences at the end that ask for the answer belong to no option; if they list the letters, only these are marks.
    A list is read from a mark of A on, and from its latest such mark. It is skipped if it can be read in two ways,
    since either mark of a letter could be meant ("A. Hepatitis B. B. Hepatitis C."), unless the other way leaves an
    option empty. Marks at the beginning of lines come first. Marks elsewhere count if no line begins with a mark, or if
    the last option found by lines holds a longer list. Marks with small letters, `(a)`, count if the prompt has no
    marks with capitals. The result is [] if the prompt has no list.
    """
    found = _options_of(prompt)
    if not found and _SMALL_LIST.search(prompt):
        return _options_of(_SMALL.sub(lambda mark: mark[0].upper(), prompt))
    return found


def _options_of(prompt: str) -> list[str]:
    asked, closing = _without_closing(prompt)
    listed = _LIST_OF_LETTERS.search(closing)
    letters = LETTERS[: LETTERS.index(_LAST_LETTER.findall(listed[0])[-1]) + 1] if listed else LETTERS
    lines, anywhere = (_longest(asked, pattern, letters) for pattern in (_AT_LINES, _ANYWHERE))
    if lines is None or (anywhere and anywhere.first > lines.last and len(anywhere.options) > len(lines.options)):
        return anywhere.options if anywhere else []
    return lines.options


def _without_closing(prompt: str) -> tuple[str, str]:
    """Return a prompt without the sentences at its end that ask for the answer, and these sentences."""
    for opening in _OPENING.finditer(prompt):
        before, closing = prompt[: opening.start()], prompt[opening.start() :]
        if _may_close(before, closing) and all(map(_asks, _SENTENCE_END.split(closing.strip()))):
            return before, closing
    return prompt, ""


def _may_close(before: str, closing: str) -> bool:
    """Whether a closing may begin here: after an option, and where a line begins, if the options begin lines.

    A closing that lists the letters may begin anywhere: "D. fuel What is the answer? Select A, B, C or D."
    """
    marks = list(_ANYWHERE.finditer(before))
    if len(marks) < 2 or not before[marks[-1].end() :].strip():
        return False
    begins_line = before.rstrip(" \t").endswith(("\n", "\r"))
    begins_sentence = _SENTENCE_START.search(before) is not None
    if _LIST_OF_LETTERS.search(closing):
        return begins_line or begins_sentence or closing[0].isupper()
    return begins_line or (begins_sentence and _AT_LINES.search(before) is None)


def _asks(sentence: str) -> bool:
    if _OPENING.match(sentence) and _MENTIONED.search(sentence):
        return True
    return _LIST_OF_LETTERS.fullmatch(sentence.rstrip(".")) is not None


def _longest(prompt: str, pattern: re.Pattern, letters: str) -> _List | None:
    """Return the longest list of a prompt; of equally long lists the last."""
    marks = [
        mark for mark in pattern.finditer(prompt) if _letter(mark) in letters and _option(prompt, mark, len(prompt))
    ]
    best = None
    for first in reversed([place for place, mark in enumerate(marks) if _letter(mark) == "A"]):
        found = _only_reading(prompt, marks[first:], letters)
        if found and (best is None or len(found.options) > len(best.options)):
            best = found
    return best


def _only_reading(prompt: str, marks: list[re.Match], letters: str) -> _List | None:
    """Return the list that begins with the first mark, which is of A; None if there is not exactly one."""
    ways: dict[int, list[list[int]]] = {}  # place of a mark: at most two ways to go on from it, each a list of places
    for place in reversed(range(len(marks))):
        following = letters[letters.index(_letter(marks[place])) + 1 :][:1]
        others = [other for other in range(place + 1, len(marks)) if _letter(marks[other]) == following]
        after = [(marks[other].start(), way) for other in others for way in ways[other]]
        after = after if others else [(len(prompt), [])]
        ways[place] = [[place, *way] for end, way in after if _option(prompt, marks[place], end)][:2]
    if len(ways[0]) != 1 or len(ways[0][0]) < 2:
        return None
    chosen = [marks[place] for place in ways[0][0]]
    ends = [*(mark.start() for mark in chosen[1:]), len(prompt)]
    options = [_option(prompt, mark, end) for mark, end in zip(chosen, ends, strict=True)]
    options = [*(_CONJUNCTION.sub("", option) for option in options[:-1]), options[-1]]
    return _List(options, chosen[0].start(), chosen[-1].start())


def _letter(mark: re.Match) -> str:
    return mark["letter"] or mark["named"]


def _option(prompt: str, mark: re.Match, end: int) -> str:
    return prompt[mark.end() : end].strip(" \r\n\t,;")
