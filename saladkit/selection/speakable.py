"""Texts that cannot be read aloud as they stand: tables, code, links, and what hardly has a word."""

import re

LINK = re.compile(r"https?://|www\.\w|\b[\w.+-]+@[\w-]+\.\w{2,}")
CODE = re.compile(
    r"```|</?\w+[^<>\n]*>|^\s*(?:def|class|import|from|function|#include|public|const|var|let|SELECT)\b[^.!?]*[({;:]\s*$"
    r"|[{};]\s*$",
    re.MULTILINE,
)
TABLE_LINE = re.compile(r"^[^\n]*(?:\|[^\n|]*\||\t[^\n\t]*\t)[^\n]*$", re.MULTILINE)
LETTERS = 0.6  # of the characters that are no spaces: in prose about 0.95


def why_unspeakable(text: str) -> str | None:
    """What stands in the way of reading a text aloud, or None."""
    if LINK.search(text):
        return "link"
    if len(TABLE_LINE.findall(text)) > 1:
        return "table"
    if CODE.search(text):
        return "code"
    characters = [character for character in text if not character.isspace()]
    if sum(map(str.isalpha, characters)) < LETTERS * len(characters):
        return "few letters"
    return None
