"""Fold texts, so that texts that look alike to a reader are equal: NFC and NFD, full-width letters, upper case."""

import re
import unicodedata

# Joiners, soft hyphens and marks of direction: nothing that one sees.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065)]
)
_INVISIBLE[0xFEFF] = None
# Punctuation that changes a meaning: "-1", "1.5", "C#".
_MEANT = re.compile(r"[#%&@/\\]|(?<=\d)[.:](?=\d)|(?<![^\W\d_])-(?=\s*\d)")
_HEARD = "LNMS"  # categories of letters, numbers, marks and symbols; the others are punctuation and spaces


def compatible(text: str) -> str:
    """Return a text in Unicode's NFKC, without invisible characters."""
    return unicodedata.normalize("NFKC", text).translate(_INVISIBLE)


def folded(text: str) -> str:
    """Return a text in Unicode's NFKC, case folded, without invisible characters."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", compatible(text).casefold())


def without_punctuation(text: str) -> str:
    """Return a folded text without spaces, and without punctuation but signs that are said, such as "%" and minus.

    A text of punctuation alone keeps it.
    """
    known = folded(text).replace("\u2212", "-")
    meant = {found.start() for found in _MEANT.finditer(known)}
    kept = (c for place, c in enumerate(known) if place in meant or unicodedata.category(c)[0] in _HEARD)
    return "".join(kept) or "".join(known.split())
