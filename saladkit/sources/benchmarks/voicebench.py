"""Rows of VoiceBench's multiple-choice sets as our questions: the recording says the question and its options."""

import re

LETTERS = "ABCDEFGHIJ"
_MARK = r"\(?([A-J])[.):]\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_ANYWHERE = re.compile(rf"(?:^|(?<=\s)|(?<=[.?!:;,])){_MARK}")


def voicebench(row: dict) -> dict:
    """Convert a row of hlt-lab/voicebench: the recording says question and options, `reference` is the right letter.

    If the options cannot be told apart, the question has `excluded`, and is counted but not asked.
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
    """Return the options that a prompt lists after `A.`, `B.` and so on (or `A)`, `(A)`, `A:`).

    A list is read from a mark of A on. It is skipped if one of its letters is marked twice, since either mark could be
    meant ("A. Hepatitis B. B. Hepatitis C."). Of the other lists the longest is returned; of equally long lists one
    whose marks begin lines, and then the last. No list: [].
    """
    best: list[str] = []
    for pattern in (_AT_LINES, _ANYWHERE):
        marks = list(pattern.finditer(prompt))
        for first, mark in reversed(list(enumerate(marks))):
            options = _options_from(prompt, marks[first:]) if mark[1] == "A" else []
            best = options if len(options) > len(best) else best
    return best


def _options_from(prompt: str, marks: list[re.Match]) -> list[str]:
    """Return the options after A, B, C, …, the first of `marks` being A's; [] if they can be read in two ways."""
    chain = marks[:1]
    for mark in marks[1:]:
        if len(chain) < len(LETTERS) and mark[1] == LETTERS[len(chain)]:
            chain.append(mark)
        elif mark[1] in LETTERS[: len(chain)]:
            return []  # the letter was marked before
    ends = [*(mark.start() for mark in chain[1:]), len(prompt)]
    options = [prompt[mark.end() : end].strip(" \n\t,;") for mark, end in zip(chain, ends, strict=True)]
    return options if len(options) > 1 and all(options) else []
