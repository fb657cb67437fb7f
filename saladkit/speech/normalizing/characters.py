"""Write the characters of a text in the forms that voices and dictionaries know.

Letters are composed ("é" as one character) and plain ("𝐛𝐨𝐥𝐝", "ｆｕｌｌ", "ﬃ" and "Ⓐ" are styled), and no character is
invisible. What is written otherwise because it is spoken otherwise stays: "²", "½", "™", "…", "µ".
"""

import re
import unicodedata
from functools import lru_cache

# Languages whose letters all have code points below LAST_LETTER. Their readers drop the marks of other letters: an
# English reader says "Nguyễn" as "Nguyen", while espeak-ng's English voices read "letter 1 e c 5" for the "ễ".
EUROPEAN = frozenset("af ca cs da de en eo es et eu fi fr hr hu it la lb lt lv nb nl no pl pt sk sl sv tr".split())
LAST_LETTER = "\u017f"  # of the block Latin Extended-A

# Styles of Unicode's compatibility forms whose plain form is spoken alike; others mean something ("x²", "½")
_STYLES = set("<font> <wide> <narrow> <circle> <square> <sub> <initial> <medial> <final> <isolated>".split())
_NAMED_STYLE = re.compile(
    r"(?:NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER|LATIN LETTER SMALL CAPITAL) (?P<letter>[A-Z])"
)
_HYPHENS = {"\u2010": "-", "\u2011": "-", "\ufe58": "-", "\ufe63": "-", "\uff0d": "-"}
_MEANT = set("µªº™℠ⁿ№")  # read as they are: in units, ordinals, formulas and numbers
_MAYBE_APOSTROPHES = set("`´ʹʼ′‘")  # where a letter is on both sides: "don´t" is spelled out by some voices
_APOSTROPHE = re.compile(rf"(?<=[^\W\d_])[{''.join(sorted(_MAYBE_APOSTROPHES))}](?=[^\W\d_])")
_RAISED_N = re.compile("ⁿ(?=[ᵃ-ᵿʰ-ʸ])|(?<=[ᵃ-ᵿʰ-ʸ])ⁿ")  # of "2ⁿᵈ"; elsewhere it is a power, as in "xⁿ"
_BLANK = set("\u034f\u115f\u1160\u2800\u3164\uffa0")  # a joiner, and letters and a Braille sign without ink
_JOINERS = "\u200b\u200c\u200d"  # zero width space, non-joiner and joiner
# words of composed letters and usual punctuation, in which nothing is styled or invisible
_PLAIN_WORD = re.compile(r"[!-~\u00a1-\u00ac\u00ae-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e\u2013-\u201f\u2026€]*")
_PAUSES = "，．：；！？"  # engines take the wide forms for pauses anywhere, and plain ones before a space alone
_WIDE_PAUSE = re.compile(rf"[{_PAUSES}](?![^\W\d_])")  # not before a letter


def language_code(language: str | None) -> str:
    """Return "en" for "en-us" and "EN_GB", "" for None."""
    return re.split(r"[-_]", (language or "").lower(), maxsplit=1)[0]


def plain_word(word: str, language: str | None) -> str:
    """Return a word in plain characters.

    It may be several words (a control character becomes a space), or none (a word of invisible characters alone).
    """
    is_european = language_code(language) in EUROPEAN
    if is_european and not _MAYBE_APOSTROPHES.isdisjoint(word):
        word = _APOSTROPHE.sub("'", word)
    if (word.isascii() and word.isprintable()) or _PLAIN_WORD.fullmatch(word):
        return word
    word = _RAISED_N.sub("n", word)
    visible = "".join(_visible(word, place) for place in range(len(word)))
    styled = "".join(_plain(character) for character in unicodedata.normalize("NFC", visible))
    plain = _WIDE_PAUSE.sub(lambda pause: unicodedata.normalize("NFKC", pause[0]), unicodedata.normalize("NFC", styled))
    if is_european:
        plain = "".join(map(_without_marks, plain))
    return " ".join(plain.split())


def _visible(word: str, place: int) -> str:
    """Return the character of a word at a place, "" if it is invisible, " " if it is a control character."""
    character = word[place]
    if character in _JOINERS:
        # they shape the letters of some scripts, and part words in others that write no spaces
        neighbours = word[max(0, place - 1) : place + 2].replace(character, "")
        return character if any(map(_is_shaped, neighbours)) else ""
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cs"):
        return " "
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return "" if kind == "Cf" or is_selector or character in _BLANK else character


@lru_cache(maxsize=4096)
def _is_shaped(character: str) -> bool:
    if character < "\u0590" or unicodedata.category(character)[0] == "P":
        return False
    return not unicodedata.name(character, "").startswith(("LATIN", "GREEK", "CYRILLIC", "COPTIC", "COMBINING"))


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """Return the plain form of a styled character; any other character stays."""
    if character in _HYPHENS:
        return "-"
    style, _, codes = unicodedata.decomposition(character).partition(" ")
    if not style.startswith("<"):
        named = _NAMED_STYLE.fullmatch(unicodedata.name(character, ""))
        return character if not named else named["letter"] if "NEGATIVE" in named.string else named["letter"].lower()
    plain = "".join(_plain(chr(int(code, 16))) for code in codes.split())
    if character in _MEANT or not _is_spoken_alike(style, plain):
        return character
    return character if character in _PAUSES else plain


def _is_spoken_alike(style: str, plain: str) -> bool:
    first = unicodedata.name(plain[0], "")
    if style == "<compat>":  # ligatures, Roman numerals, "℃", "⒈"; not "…" nor a mark on a space
        has_letter = any(map(str.isalnum, plain)) and " " not in plain
        return has_letter and not first.startswith(("THAI", "LAO", "HANGUL"))
    if style in ("<circle>", "<square>"):  # "㊗" is read as a sign
        return plain[0].isascii() or first.startswith("KATAKANA")
    if style == "<super>":  # "1ˢᵗ", but not "x²"
        return plain.isascii() and plain.isalpha()
    return style in _STYLES


@lru_cache(maxsize=4096)
def _without_marks(character: str) -> str:
    """Return "e" for "ễ", a letter beyond `LAST_LETTER`; "" for a mark; other characters stay."""
    if character <= LAST_LETTER:
        return character
    if unicodedata.category(character) in ("Mn", "Me") and unicodedata.name(character, "").startswith("COMBINING"):
        return ""
    first = unicodedata.normalize("NFD", character)[0]
    return first if first.isascii() and first.isalpha() else character
