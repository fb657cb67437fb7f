"""Published answers as an index of options: matched as a whole, never by their first letter. And ids of rows."""

from saladkit.sources.folding import folded

YES_OR_NO = ("Yes", "No")
VALID_OR_INVALID = ("valid", "invalid")


def excluded(reason: str) -> dict:
    """Return the columns of a question that cannot be asked."""
    return {"choices": [], "answer": -1, "excluded": reason}


def closed_answer(answer: str, sets: list[tuple[str, ...]]) -> dict | None:
    """Return `choices` and `answer` of the first closed set that the answer belongs to; None if it belongs to none."""
    for choices in sets:
        places = [place for place, choice in enumerate(choices) if _plain(choice) == _plain(answer)]
        if places:
            return {"choices": list(choices), "answer": places[0]}
    return None


def answer_among(answer: str, choices: list[str]) -> dict:
    """Return `choices` and `answer`, or `excluded` if the answer is none of the choices, or several.

    The answer is a choice in its own words. Where no choice is written exactly so, one that differs by case, spaces, a
    final period or Unicode's form of its letters is the answer.
    """
    for same in (str, _plain):
        places = [place for place, choice in enumerate(choices) if same(choice) == same(answer)]
        if len(places) == 1 and len(choices) > 1:
            return {"choices": choices, "answer": places[0]}
        if places:
            return excluded(f"of the {len(choices)} options {choices}, {len(places)} are the answer {answer!r}")
    return excluded(f"the answer {answer!r} is none of the options {choices}")


def own_id(row: dict, column: str = "id") -> str:
    """Return the id that a row has, or its number."""
    return str(row["row"] if row.get(column) is None else row[column])


def _plain(text: str) -> str:
    return " ".join(folded(text).split()).rstrip(". ")
