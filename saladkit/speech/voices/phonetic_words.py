"""Which phonetic words of an engine are which words of the text.

Engines that work on phonemes report times for phonemes, and what stands between two spaces of the phoneme string is not
a word of the text: "1984" is spoken as three, "of the" as one.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

from saladkit.formats.words import Word

# A phonetic word: its phonemes without punctuation, and where it starts and ends in s
PhoneticWord = tuple[str, float, float]


def phonetic_words(phonemes: Iterable[tuple[str, float, float]]) -> list[PhoneticWord]:
    """Phonemes with their start and end in s, spaces and punctuation among them, as phonetic words.

    Pauses, which are timed as punctuation, belong to no word.
    """
    words: list[PhoneticWord] = []
    letters, start, end = "", 0.0, 0.0
    for phoneme, phoneme_start, phoneme_end in phonemes:
        if phoneme == " " and letters:
            words.append((letters, start, end))
            letters = ""
        elif phoneme.isalpha():
            start, end = start if letters else phoneme_start, phoneme_end
            letters += phoneme
    if letters:
        words.append((letters, start, end))
    return words


def match_words(words: list[str], alone: list[list[str]], spoken: list[PhoneticWord]) -> list[Word]:
    """Give each word the times of the phonetic words it was spoken as.

    `alone[i]` is the pronunciation of words[i] by itself. In a sentence vowels are reduced but
    their number of phonetic words rarely changes: where equally many stand between two exact
    matches they are paired in order; where not (words spoken as one) they stay without times.
    """
    owner = [index for index, parts in enumerate(alone) for _ in parts]
    expected = [part for parts in alone for part in parts]
    found = [letters for letters, _, _ in spoken]
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    incomplete: set[int] = set()
    matcher = SequenceMatcher(None, expected, found, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        if left_end - left != right_end - right:
            incomplete.update(owner[left:left_end])
            continue
        for index, (_, start, end) in zip(owner[left:left_end], spoken[right:right_end], strict=True):
            starts.setdefault(index, start)
            ends[index] = end
    timed = starts.keys() - incomplete
    return [
        Word(word, starts[index], ends[index]) if index in timed else Word(word, None, None)
        for index, word in enumerate(words)
    ]
