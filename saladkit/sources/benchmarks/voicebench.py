"""Rows of VoiceBench's multiple-choice sets as our questions: the recording says the question and its options."""

import re

LETTERS = "ABCDEFGHIJ"
_MARK = r"\(?([A-J])[.):]\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_ANYWHERE = re.compile(rf"(?:^|(?<=\s)|(?<=[.?!:;,])){_MARK}")


def voicebench(row: dict) -> dict:
    """hlt-lab/voicebench, its sets of multiple choice: the recording has question and options, `reference` the letter.

    Where the options cannot be told apart, `excluded` says so: the row is counted, and not asked.
    """
    choices, letter = options_of(row["prompt"]), row["reference"].strip().upper()
    question = {
        "id": str(row.get("question_id") or row["row"]),
        "text": row["prompt"],
        "letters": True,
        "domain": row["split"],
        "audio": row["audio"],
    }
    if len(letter) != 1 or letter not in LETTERS[: len(choices)]:
        reason = f"the prompt's {len(choices)} options do not go with the answer {row['reference']!r}"
        return question | {"choices": [], "answer": -1, "excluded": reason}
    return question | {"choices": choices, "answer": LETTERS.index(letter), "excluded": None}


def options_of(prompt: str) -> list[str]:
    """The options that a prompt lists behind `A.`, `B.` and so on (or `A)`, `(A)`, `A:`).

    Of all ways to read marks from A on, those count in which no further mark of a letter stands where it might be meant
    instead ("A. Hepatitis B. B. Hepatitis C." has two); the longest, at the beginnings of lines before elsewhere, and
    the last of such. None where there is no such way.
    """
    best: list[str] = []
    for pattern in (_AT_LINES, _ANYWHERE):
        marks = list(pattern.finditer(prompt))
        for first, mark in reversed(list(enumerate(marks))):
            options = _options_from(prompt, marks[first:]) if mark[1] == "A" else []
            best = options if len(options) > len(best) else best
    return best


def _options_from(prompt: str, marks: list[re.Match]) -> list[str]:
    """The options behind A, B, C, … where the first of `marks` is A's; none where they can be read in two ways."""
    chain = marks[:1]
    for mark in marks[1:]:
        if len(chain) < len(LETTERS) and mark[1] == LETTERS[len(chain)]:
            chain.append(mark)
        elif mark[1] in LETTERS[: len(chain)]:
            return []  # a letter that has been there
    ends = [*(mark.start() for mark in chain[1:]), len(prompt)]
    options = [prompt[mark.end() : end].strip(" \n\t,;") for mark, end in zip(chain, ends, strict=True)]
    return options if len(options) > 1 and all(options) else []
