"""Fold texts, so that texts that look alike to a reader are equal: NFC and NFD, full-width letters, upper case."""

import unicodedata

# Joiners, soft hyphens and marks of direction: nothing that one sees.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)]
)
_INVISIBLE[0xFEFF] = None
_HEARD = "LNMS"  # categories of letters, numbers, marks and symbols; the others are punctuation and spaces


def compatible(text: str) -> str:
    """Return a text in Unicode's NFKC, without invisible characters."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def folded(text: str) -> str:
    """Return a text in Unicode's NFKC, case folded, without invisible characters."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", compatible(text).casefold())


def without_punctuation(text: str) -> str:
    """Return a folded text without spaces and punctuation; of a text of punctuation alone, without spaces."""
    known = folded(text)
    return "".join(c for c in known if unicodedata.category(c)[0] in _HEARD) or "".join(known.split())
