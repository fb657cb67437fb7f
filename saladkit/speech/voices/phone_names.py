"""Which of the phones of `phone_frames` each phoneme of espeak-ng's English voices is."""

import re

from saladkit.speech.phone_frames import PHONES

_MARKS = re.compile(r"^[',%=|]+|[#2^\-]+$")  # stress before, variants behind
_OTHERS = {
    "": "_",
    ":": "_",
    "_": "_",
    "_:": "_",
    "_!": "_",
    ";": "j",
    "?": "t",  # the glottal stop stands for a t
    "x": "k",
    "i": "i:",
    "u": "u:",
    "e": "eI",
    "o": "oU",
    "aa": "a",
    "@L": "l",
    "o@": "O@",
    "O": "O:",
    "A": "A:",
    "aI@": "aI",
    "aI3": "aI",
    "aU@": "aU",
    "i@3": "i@",
    "IR": "3",
    "VR": "3",
}


def phone_of(phoneme: str) -> str:
    """Return the phone of one of espeak-ng's phonemes; one that no English word has becomes a schwa."""
    bare = _MARKS.sub("", phoneme)
    if bare in PHONES:
        return bare
    return _OTHERS.get(bare, "@")
