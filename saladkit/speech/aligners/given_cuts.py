"""Cut a text of a script without spaces where another tool has cut it."""

from itertools import accumulate

from saladkit.formats.unspaced import has_unspaced
from saladkit.formats.words import words_of_text
from saladkit.speech.aligners.readings import letters_of


def words_cut_by(text: str, labels: list[str]) -> list[str]:
    """Return the words of a text, cut where the labels of an aligner are, if these are the same text.

    Texts with spaces between words keep their own words, and so does a text of other letters than the labels have.
    Punctuation goes with the word before it; no word goes over a space.

    Args:
        labels: the aligner's words, each with a letter.
    """
    if not has_unspaced(text):
        return words_of_text(text)
    ends = set(accumulate(len(letters_of(label)) for label in labels))
    words: list[str] = []
    letters = ""
    spaced = True
    for character in text:
        letter = letters_of(character)
        if character.isspace():
            spaced = True
            continue
        if spaced or (letter and len(letters) in ends and letters_of(words[-1])):
            words.append("")
        words[-1] += character
        letters += letter
        spaced = False
    return words if letters == "".join(map(letters_of, labels)) else words_of_text(text)
