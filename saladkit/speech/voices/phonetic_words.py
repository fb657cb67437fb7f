"""Pair the phonetic words of an engine with the words of the text.

Engines that speak phonemes report times of phonemes. The phonetic words between the spaces of a phoneme string are not
the words of the text: "1984" is spoken as three phonetic words, "of the" as one.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

from saladkit.formats.words import Word

# A phoneme with its start and end in s; a phonetic word is a list of phonemes without punctuation
Phoneme = tuple[str, float, float]
PhoneticWord = list[Phoneme]

_STRESS = "ˈˌ"  # letters to Unicode; removed because stress differs between a word alone and in a sentence


def pronunciation(phonemes: str) -> list[str]:
    """Return the phonetic words of a phoneme string without punctuation and stress."""
    words = ("".join(c for c in word if c.isalpha() and c not in _STRESS) for word in phonemes.split())
    return [word for word in words if word]


def phonetic_words(phonemes: Iterable[Phoneme]) -> list[PhoneticWord]:
    """Group phonemes, among them spaces and punctuation, into phonetic words.

    Pauses, which have the times of punctuation, belong to no word. A stressed phoneme starts at its stress mark.
    """
    words: list[PhoneticWord] = [[]]
    stressed_from = None
    for phoneme, start, end in phonemes:
        if phoneme == " ":
            words.append([])
        elif phoneme in _STRESS:
            stressed_from = start if stressed_from is None else stressed_from
            continue
        elif phoneme.isalpha():
            words[-1].append((phoneme, start if stressed_from is None else stressed_from, end))
        stressed_from = None
    return [word for word in words if word]


def match_words(words: list[str], alone: list[list[str]], spoken: list[PhoneticWord]) -> list[Word]:
    """Give each word the times of its phonetic words.

    In a sentence vowels are reduced, but the number of phonemes rarely changes. Between two exact matches, phonetic
    words are paired in order if there are as many as the words have alone. If not, phonemes are paired in order if
    there are as many as the words have alone ("in the" spoken as one). Else ("don't you" with a lost sound) the words
    between the matches have no times.

    Args:
        words: the words of the text.
        alone: the phonetic words of each word when it is spoken alone.
        spoken: the phonetic words of the sentence with their times.
    """
    owner = [index for index, parts in enumerate(alone) for _ in parts]
    expected = [part for parts in alone for part in parts]
    found = ["".join(phoneme for phoneme, _, _ in word) for word in spoken]
    times: dict[int, tuple[float, float]] = {}
    incomplete: set[int] = set()

    def give(index: int, phonemes: list[Phoneme]) -> None:
        start = times[index][0] if index in times else phonemes[0][1]
        times[index] = (start, phonemes[-1][2])

    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        between = [phoneme for word in spoken[right:right_end] for phoneme in word]
        if left_end - left == right_end - right:
            for index, phonemes in zip(owner[left:left_end], spoken[right:right_end], strict=True):
                give(index, phonemes)
        elif sum(map(len, expected[left:left_end])) == sum(len(phoneme) for phoneme, _, _ in between) == len(between):
            begin = 0
            for index, part in zip(owner[left:left_end], expected[left:left_end], strict=True):
                give(index, between[begin : begin + len(part)])
                begin += len(part)
        else:
            incomplete.update(owner[left:left_end])
    return [
        Word(word, *times[index]) if index in times and index not in incomplete else Word(word, None, None)
        for index, word in enumerate(words)
    ]
