"""Which phonetic words of an engine are which words of the text.

Engines that work on phonemes report times for phonemes, and what stands between two spaces of the phoneme string is not
a word of the text: "1984" is spoken as three, "of the" as one.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

from saladkit.formats.words import Word

# A phoneme with its start and end in s; a phonetic word is a list of them, without punctuation
Phoneme = tuple[str, float, float]
PhoneticWord = list[Phoneme]

_STRESS = "ˈˌ"  # letters to Unicode; a sentence stresses other words than those that stand alone


def pronunciation(phonemes: str) -> list[str]:
    """The phonetic words of a phoneme string, bare of punctuation and stress."""
    words = ("".join(c for c in word if c.isalpha() and c not in _STRESS) for word in phonemes.split())
    return [word for word in words if word]


def phonetic_words(phonemes: Iterable[Phoneme]) -> list[PhoneticWord]:
    """Phonemes, spaces and punctuation among them, as phonetic words.

    Pauses, which are timed as punctuation, belong to no word. A stress mark's time is its phoneme's.
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
    """Give each word the times of the phonetic words it was spoken as.

    `alone[i]` is the pronunciation of words[i] by itself, as phonetic words. In a sentence vowels are reduced but their
    number rarely changes. Where as many phonetic words stand between two exact matches as the words have alone, they
    are paired in order; where not, but as many phonemes do ("in the" spoken as one), those are. Else ("don't you"
    with a sound lost) the words between the matches stay without times.
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
