"""Find the option with which a written text begins: how an answer is judged that a model writes on from a question."""

import regex

_OPENED = regex.compile(r"[\s\"'“”‘’«»「」(\[]*")
# Letters and digits go on to be another word, or another number. Scripts without spaces between words do not.
_GOES_ON = regex.compile(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\p{M}_]|[.,]\d")
_WORD = regex.compile(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\p{M}_]$")


def option_at_beginning(response: str, options: list[str]) -> int | None:
    """Return the index of the option with which a text begins, the longest of several; None if it begins with none.

    Case, spaces and quotation marks before the option do not count. What follows the option does not count either, as
    long as the option's last word ends there: "Paris, and" begins with Paris, "Parisians" does not.
    """
    text = _folded(response[_OPENED.match(response).end() :])
    found = [index for index, option in enumerate(options) if _begins(text, _folded(option))]
    return max(found, key=lambda index: len(_folded(options[index])), default=None)


def _begins(text: str, option: str) -> bool:
    if not text.startswith(option):
        return False
    return not _WORD.search(option) or not _GOES_ON.match(text, len(option))


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
