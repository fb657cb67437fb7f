"""The groups of questions by which results are split: the values of columns that the user names."""

from collections.abc import Sequence

from saladkit.errors import SaladError

MOST_GROUPS = 20  # of one column: more are unreadable in a table, and have few questions each


def add_groups(rows: list[dict], source: str, columns: Sequence[str]) -> None:
    """Add `groups` to each question, a list of `column` and `value`; a row without a value is in no group of a column.

    Booleans become "yes" and "no".

    Args:
        rows: questions of `source`.

    Raises:
        SaladError: no row has a value of a column, a value is neither a text nor a boolean, or there are more than
            `MOST_GROUPS` different ones.
    """
    for column in columns:
        _check(column, [row.get(column) for row in rows], source)
    for row in rows:
        values = {column: row.get(column) for column in columns}
        row["groups"] = [
            {"column": column, "value": _text(value)} for column, value in values.items() if value not in (None, "")
        ]


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else "yes" if value else "no"


def _check(column: str, values: list, source: str) -> None:
    present = [value for value in values if value not in (None, "")]
    if not present:
        raise SaladError(
            f"--by {column}: no question of {source} has a value in a column '{column}'",
            "Name a column of the questions, or leave out --by.",
        )
    odd = next((value for value in present if not isinstance(value, str | bool)), None)
    if odd is not None:
        raise SaladError(
            f"--by {column}: {source} has the value {odd!r} there, neither a text nor a boolean",
            "Name a column of texts or booleans.",
        )
    different = len(set(present))
    if different > MOST_GROUPS:
        raise SaladError(
            f"--by {column}: {source} has {different} different values there, for {len(present)} questions",
            f"Name a column that sorts the questions into at most {MOST_GROUPS} groups.",
        )
