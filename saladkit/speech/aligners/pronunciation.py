"""Pronunciations in the phones of CMUdict (ARPABET without stress): from its file, and from espeak-ng's rules."""

import ctypes
import re
import unicodedata
from pathlib import Path

from saladkit.errors import SaladError

# The phonemes of espeak-ng's American English, counted over 20000 words of CMUdict: these are all but a few foreign
# ones. Length marks and stress are taken off first; what is missing here makes a word unpronounceable, not wrong.
_PHONES_OF_IPA = {
    **{"p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "ɡ": "G", "f": "F", "v": "V", "θ": "TH", "ð": "DH"},
    **{"s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH", "h": "HH", "m": "M", "n": "N", "ŋ": "NG", "l": "L", "ɹ": "R"},
    **{"w": "W", "j": "Y", "tʃ": "CH", "dʒ": "JH", "ɾ": "T", "ʔ": "T", "n̩": "AH N", "əl": "AH L"},
    **{
        "ɪ": "IH",
        "i": "IY",
        "ᵻ": "IH",
        "iə": "IY AH",
        "ɛ": "EH",
        "æ": "AE",
        "ɑ": "AA",
        "ɔ": "AO",
        "ʊ": "UH",
        "u": "UW",
    },
    **{
        "ʌ": "AH",
        "ə": "AH",
        "ɐ": "AH",
        "ɜ": "ER",
        "ɚ": "ER",
        "eɪ": "EY",
        "aɪ": "AY",
        "ɔɪ": "OY",
        "aʊ": "AW",
        "oʊ": "OW",
    },
    **{
        "ɑɹ": "AA R",
        "ɔɹ": "AO R",
        "oɹ": "AO R",
        "ɛɹ": "EH R",
        "ɪɹ": "IH R",
        "ʊɹ": "UH R",
        "aɪə": "AY AH",
        "aɪɚ": "AY ER",
    },
    # in names and loans: loch, croissant, jalapeño
    **{"x": "K", "r": "R", "ɑ̃": "AA N", "ɔ̃": "AO N", "nʲ": "N Y"},
}
_ESPEAK_VOICE = b"gmw/en-US"
_IPA, _CHARS_UTF8 = 2, 1
_LAST_LATIN = "\u017f"  # what espeak-ng reads in English words: Latin-1 and Latin Extended-A


def read_dictionary(path: str | Path) -> dict[str, list[str]]:
    """The pronunciations of each word of a CMUdict file ("read R EH D", "read(2) R IY D"), the usual one first."""
    pronunciations: dict[str, list[str]] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        word, _, phones = line.partition(" ")
        pronunciations.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(phones.strip())
    return pronunciations


def espeak_pronunciations(words: list[str]) -> list[str | None]:
    """How espeak-ng says each of `words`, numbers and symbols included; None where it would only guess.

    It would guess letters of other scripts, which it names one by one ("Japanese letter"), and sounds that English
    lacks.

    Raises SaladError if the extra `espeak` is not installed.
    """
    try:
        # one loader for the whole process: a library that stays open would make the voices unreproducible
        from saladkit.speech.voices.espeak_library import fresh_library
    except ModuleNotFoundError as error:
        if error.name != "espeakng_loader":
            raise
        raise SaladError("espeak-ng is not installed", "Run: pip install 'saladkit[espeak]'") from error
    with fresh_library() as library:
        if library.espeak_SetVoiceByName(_ESPEAK_VOICE) != 0:
            raise SaladError(
                "espeak-ng lacks its American English voice", "Run: pip install --force-reinstall espeakng-loader"
            )
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        latin = [_as_latin(word) for word in words]
        return [arpabet_of_ipa(_ipa(library, word)) if word else None for word in latin]


def arpabet_of_ipa(ipa: str) -> str | None:
    """espeak-ng's IPA, phonemes parted by "_" and words by spaces, as ARPABET; None if a phoneme has no counterpart."""
    phones: list[str] = []
    for phoneme in re.split(r"[_\s]+", re.sub("[ˈˌː]", "", ipa)):
        if phoneme:
            if phoneme not in _PHONES_OF_IPA:
                return None
            phones.append(_PHONES_OF_IPA[phoneme])
    return " ".join(phones) or None


def _as_latin(word: str) -> str | None:
    """`word` without the accents that espeak-ng does not know ("Nguyễn"); None if it has letters of another script."""
    folded = "".join(
        character
        if character <= _LAST_LATIN
        else "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
        for character in word
    )
    return None if any(c > _LAST_LATIN and c.isalnum() for c in folded) else folded


def _ipa(library: ctypes.CDLL, word: str) -> str:
    text = ctypes.create_string_buffer(word.encode(errors="replace"))
    position = ctypes.c_void_p(ctypes.addressof(text))
    clauses = []
    while position.value:  # set to null behind the last clause
        clause = library.espeak_TextToPhonemes(ctypes.byref(position), _CHARS_UTF8, ord("_") << 8 | _IPA)
        clauses.append((clause or b"").decode())
    return " ".join(clauses)
