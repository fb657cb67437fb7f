"""Error rates of transcripts."""

from collections.abc import Iterable


def character_error_rate(said: str, written: str) -> float | None:
    """Edits a character of `said`, in lower case, letters, digits and spaces alone; None where it has none of them."""
    wanted, found = _plain(said), _plain(written)
    if not wanted:
        return None
    return edit_distance(wanted, found) / len(wanted)


def least_error_rate(forms: Iterable[str], written: str) -> float | None:
    """The lowest error rate against several forms of what was said; some recognizers write "1984", some its words."""
    known = [rate for form in forms if (rate := character_error_rate(form, written)) is not None]
    return min(known, default=None)


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower().replace("'", "")).split())


def edit_distance(first: str, second: str) -> int:
    """How many characters have to be put in, taken out or replaced to make one text of the other (Levenshtein)."""
    import torchaudio

    return torchaudio.functional.edit_distance(first, second)
