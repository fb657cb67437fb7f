"""Find texts that cannot be read aloud as they are: tables, code, links, and texts with few letters."""

import re
import unicodedata

LINK = re.compile(r"https?://|www\.\w|\b[\w.+-]{1,64}@[\w-]{1,63}\.\w{2,}")
CODE = re.compile(
    r"```|</?[a-z]+(?: [^<>\n]{0,200})?>"
    r"|^[^\S\n]*(?:def \w+\(|class \w+[(:]|#include\b|function \w*\(|(?:const|var|let) \w+ =)"
    r"|(?:[{}]|\w\([^\n()]*\);|\w [-+*/]?= ?[^\n;]{1,80};)[^\S\n]*$",
    re.MULTILINE,
)
TABLE_LINE = re.compile(r"^[^\n|\t]*(?:\|[^\n|]*\||\t[^\n\t]*\t)", re.MULTILINE)
LETTERS = 0.6  # least share of letters among characters other than spaces; prose has about 0.95


def why_unspeakable(text: str) -> str | None:
    """Return why a text cannot be read aloud, or None if it can."""
    if LINK.search(text):
        return "link"
    if len(TABLE_LINE.findall(text)) > 1:
        return "table"
    if CODE.search(text):
        return "code"
    characters = [character for character in text if not character.isspace()]
    # Marks (M) are vowel signs, as in Hindi.
    spoken = sum(character.isalpha() or unicodedata.category(character)[0] == "M" for character in characters)
    return "few letters" if spoken < LETTERS * len(characters) else None
