"""Numbers that may have a fraction: "3/4", "2 1/2", "2½"."""

from saladkit.speech.normalizing.numbers import NUMBER, cardinal, number, ordinal

_VULGAR = {
    **{"½": ("1", "2"), "⅓": ("1", "3"), "⅔": ("2", "3"), "¼": ("1", "4"), "¾": ("3", "4"), "⅕": ("1", "5")},
    **{"⅖": ("2", "5"), "⅗": ("3", "5"), "⅘": ("4", "5"), "⅙": ("1", "6"), "⅚": ("5", "6"), "⅛": ("1", "8")},
    **{"⅜": ("3", "8"), "⅝": ("5", "8"), "⅞": ("7", "8")},
}
SIGNS = tuple(_VULGAR)
# other denominators stand in dates or names
_DIVIDED_BY = ("2", "3", "4", "5", "6", "7", "8", "9", "12", "16", "20", "32", "64")
VALUE = (
    rf"(?:[0-9]{{1,3}}[ -][1-9][0-9]?/(?:{'|'.join(_DIVIDED_BY)})(?![0-9])|[0-9]{{1,2}}/[0-9]{{1,3}}"
    rf"|(?:[0-9]{{1,3}} ?)?[{''.join(SIGNS)}]|{NUMBER})"
)
_MARKED_OUT_OF = {"5", "10", "20", "100"}


def is_one(written: str) -> bool:
    """Return whether a unit after the number is in the singular: "1", "1/2"."""
    whole, numerator, _ = _split(written) or ("", written, "")
    return not whole and numerator == "1"


def is_part(written: str) -> bool:
    """Return whether the number is a fraction without a whole number: "3/4" of a mile."""
    parts = _split(written)
    return parts is not None and not parts[0]


def value(written: str) -> str | None:
    """Return "two and a half" for "2 1/2", "eight out of ten" for "8/10"; None if it may be no fraction ("9/11")."""
    parts = _split(written)
    if parts is None:
        return number(written)
    whole, numerator, denominator = parts
    if not whole and (denominator in ("10", "100") or numerator == denominator and denominator in _MARKED_OUT_OF):
        return f"{cardinal(numerator)} out of {cardinal(denominator)}" if numerator[0] != "0" else None
    if denominator not in _DIVIDED_BY or numerator.startswith("0"):
        return None
    part = {"2": "half", "4": "quarter"}.get(denominator) or ordinal(denominator)
    if numerator != "1":
        part = "halves" if part == "half" else f"{part}s"
    if not whole:
        return f"{cardinal(numerator)} {part}"
    count = "a" if numerator == "1" and denominator in ("2", "4") else cardinal(numerator)
    return f"{cardinal(whole)} and {count} {part}"


def _split(written: str) -> tuple[str, str, str] | None:
    """Return whole number ("" if it has none), numerator and denominator; None if there is no fraction."""
    before, _, last = written.replace("-", " ").rpartition(" ")
    if last[-1:] in _VULGAR:
        return before or last[:-1], *_VULGAR[last[-1]]
    numerator, slash, denominator = last.partition("/")
    return (before, numerator, denominator) if slash else None
