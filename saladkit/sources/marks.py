"""Marks that transcribers and tools write among the words of a transcript, and that are no words.

This is the one list of such marks. A mark is a name from it in brackets, in any case: `<sil>`, `[laughter]`,
`{BREATH}`, `<MUSIC>`, `</laugh>` (GigaSpeech, Switchboard, TED-LIUM, Fisher, Kaldi, Common Voice). Punctuation is a
mark too where GigaSpeech writes its name: `<COMMA>`. A bracket around anything else is text.
"""

import re

# Silences and noises, with `-` for a space or an underscore.
_NOISES = """
    sil silence silent pause short-pause long-pause eps noise nsn spoken-noise vocalized-noise v-noise
    background-noise background background-speech background-music static-noise human-noise non-speech music laughter
    laugh laughs laughing chuckle breath breathing loud-breath breathe inhale exhale lipsmack lip-smack smack cough
    coughs coughing sigh sneeze sniff throat-clearing clears-throat click clicks tone beep ring hum applause clapping
    cheering crosstalk cross-talk overlap other inaudible unintelligible unclear indiscernible redacted no-speech
    blank-audio silence-audio foreign foreign-language b-aside e-aside mn lg br ls ns cg ct disfluency truncated
    hes hesitation dtmf garbled sighs music-playing phone-ringing ringing
""".split()
_UNKNOWN = ["unk", "unknown", "spn", "oov"]  # a word was spoken that the tool or the transcriber does not know
_OF_TOOLS = {"", "sil", "sp", "!sil", "<s>", "</s>", "<b>"}  # and nobody in a transcript
_IN_PARENTHESES = [
    "laughter",
    "laughs",
    "laughing",
    "applause",
    "music",
    "cheering",
    "inaudible",
    "unintelligible",
    "sighs",
]
_PUNCTUATION = {
    "comma": ",",
    "period": ".",
    "fullstop": ".",
    "questionmark": "?",
    "exclamationpoint": "!",
    "exclamationmark": "!",
    "colon": ":",
    "semicolon": ";",
}


def _any(names: list[str]) -> str:
    return "|".join(re.escape(name).replace(r"\-", "[-_ ]") for name in sorted(names, key=len, reverse=True))


_NAMES = rf"(?:{_any(_NOISES + _UNKNOWN)})"
_MARK = re.compile(
    rf"<\s*(?P<point>{'|'.join(_PUNCTUATION)})\s*>"
    rf"|\[laughter-(?P<laughed>[^\]\s]+)\]"  # Switchboard: a word spoken with laughter
    rf"|</?\s*{_NAMES}\s*/?>|\[\s*{_NAMES}\s*\]|\{{\s*{_NAMES}\s*\}}|\(\s*(?:{_any(_IN_PARENTHESES)})\s*\)",
    re.IGNORECASE,
)
_UNKNOWN_MARK = re.compile(rf"[<\[{{](?:{_any(_UNKNOWN)})[>\]}}]|spn", re.IGNORECASE)
MAY_BE_MARKED = r"[<\[{(]"  # a regular expression that finds at least every text with a mark


def is_mark(word: str) -> bool:
    """Whether a word of a transcript is a mark: a silence, a noise, an unknown word or the name of a punctuation."""
    found = _MARK.fullmatch(word)
    return found is not None and found["laughed"] is None


def is_silence(word: str) -> bool:
    """Whether what a tool wrote in the place of a word is no word; the word "sp" of a text is one of these marks."""
    return not is_unknown(word) and (word.casefold() in _OF_TOOLS or is_mark(word))


def is_unknown(word: str) -> bool:
    """Whether a tool heard a word that it does not know."""
    return _UNKNOWN_MARK.fullmatch(word) is not None


def without_marks(text: str) -> str:
    """Return a transcript without its marks; the name of a punctuation becomes that punctuation, after a word.

    A text without marks is returned as it is.
    """
    if _MARK.search(text) is None:
        return text
    pieces: list[str] = []
    end = 0
    for found in _MARK.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if point := found["point"]:
            said = "".join(pieces).rstrip()
            pieces = [
                said + _PUNCTUATION[point.casefold()] if said and said[-1] not in _PUNCTUATION.values() else said,
                " ",
            ]
        else:
            pieces.append(found["laughed"] or " ")
    return " ".join("".join([*pieces, text[end:]]).split())
