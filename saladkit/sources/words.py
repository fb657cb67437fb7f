"""Split texts of any script into words, to compare texts and to count what is common.

Where a script has no spaces between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), each sign with its marks is a
word, and `count_words` counts how many words of other scripts they are worth.
"""

import re
from functools import cache

import regex

from saladkit.formats.unspaced import SIGNS, has_unspaced
from saladkit.sources.folding import folded

_WORD = regex.compile(rf"[{SIGNS}]\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}]--[{SIGNS}]]+", regex.V1)
_ASCII_WORD = re.compile(r"[a-z0-9]+")
# Mean length of a word: about 1.5 signs in Chinese, 2 in Japanese, where kana stand among kanji, and 4 in Thai.
_SIGNS_PER_WORD = {
    regex.compile(r"\p{Han}"): 1.5,
    regex.compile(r"[\p{Hiragana}\p{Katakana}ー]"): 2.0,
    regex.compile(r"\p{Line_Break=SA}"): 4.0,
}


def words_of(text: str) -> list[str]:
    """Return the folded words of a text, without punctuation; accents and vowel signs stay with their letters."""
    plain = folded(text)
    return _ASCII_WORD.findall(plain) if plain.isascii() else _WORD.findall(plain)


def count_spoken_words(text: str) -> float:
    """Return the words between spaces; in scripts without spaces, the words that the signs are worth."""
    return count_words(words_of(text)) if has_unspaced(text) else len(text.split())


def count_words(words: list[str]) -> float:
    """Return how many words they are worth, counting signs of scripts without spaces as parts of words."""
    return sum(_worth(word[0]) for word in words)


@cache
def _worth(character: str) -> float:
    return next((1 / signs for script, signs in _SIGNS_PER_WORD.items() if script.match(character)), 1.0)
