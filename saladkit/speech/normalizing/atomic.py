"""Atomic groups of regular expressions that every Python reads alike.

Where the last repeat of a possessive group fails, as that of `(?:,[0-9]{3})*+` in "1,000, no", Python 3.11.2 (Debian
12) keeps what the failed repeat has read: "1,000,". A single character with `++`, `*+` or `?+` is read rightly.
"""


def atomic(name: str, pattern: str) -> str:
    """Return what `(?>pattern)` means, as a group of this name: what is found first is never given back.

    A look-ahead is not entered again, and the reference reads what it has found.
    """
    return rf"(?=(?P<{name}>{pattern}))(?P={name})"


def as_many(pattern: str, least: int = 0) -> str:
    """Return what `(?:pattern){least,}+` means, for a pattern without names that matches in one way at a place."""
    return rf"(?:{pattern}){{{least},}}(?!{pattern})"
