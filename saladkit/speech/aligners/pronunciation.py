"""Pronounce words in the phones of CMUdict (ARPABET without stress), from its file or by espeak-ng's rules."""

import ctypes
import re
import unicodedata
from pathlib import Path

from saladkit.errors import SaladError

# The phonemes of espeak-ng's American English in 20000 words of CMUdict, except a few foreign phonemes. Length marks
# and stress are removed first. A word with a phoneme that is missing here has no pronunciation rather than a wrong one.
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
_LAST_LATIN = "\u017f"  # end of Latin Extended-A: espeak-ng reads letters up to it in English words


def read_dictionary(path: str | Path) -> dict[str, list[str]]:
    """Return each word's pronunciations in a CMUdict file ("read R EH D", "read(2) R IY D"), the usual one first."""
    pronunciations: dict[str, list[str]] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        word, _, phones = line.partition(" ")
        pronunciations.setdefault(re.sub(r"\(\d+\)$", "", word), []).append(phones.strip())
    return pronunciations


def espeak_pronunciations(words: list[str]) -> list[str | None]:
    """Return espeak-ng's pronunciation of each word, numbers and symbols included; None where espeak-ng would guess.

    espeak-ng guesses at letters of other scripts, which it names one by one ("Japanese letter"), and at sounds that
    English lacks.

    Raises:
        SaladError: the extra `espeak` is not installed.
    """
    try:
        # The process has one loader: a second handle of the library would make espeak voices unreproducible.
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
    """Convert espeak-ng's IPA (phonemes separated by "_", words by spaces) to ARPABET; None if a phoneme is unknown."""
    phones: list[str] = []
    for phoneme in re.split(r"[_\s]+", re.sub("[ˈˌː]", "", ipa)):
        if phoneme:
            if phoneme not in _PHONES_OF_IPA:
                return None
            phones.append(_PHONES_OF_IPA[phoneme])
    return " ".join(phones) or None


def _as_latin(word: str) -> str | None:
    """Remove the accents that espeak-ng does not know ("Nguyễn"); None if `word` has letters of another script."""
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
    while position.value:  # espeak-ng sets it to null after the last clause
        clause = library.espeak_TextToPhonemes(ctypes.byref(position), _CHARS_UTF8, ord("_") << 8 | _IPA)
        clauses.append((clause or b"").decode())
    return " ".join(clauses)
