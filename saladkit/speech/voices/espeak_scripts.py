"""Find letters that espeak-ng, or a voice that speaks its phonemes, does not read as a part of a word.

espeak-ng reads a letter outside its language in one of four ways, measured for each of its 140 languages:

- It reads the word by another language: Korean in an English text. This is speech.
- It names the script: every character of a Chinese word in English becomes "Chinese letter", with word times.
- It spells the code point: "letter e 1 9" for a Thai one.
- It says nothing, and reads the vowels of the rest by Korean's table, most as a schwa: see `harmful_characters`.
"""

import unicodedata
from functools import lru_cache

from saladkit.speech.normalizing.characters import EUROPEAN, LAST_LETTER, language_code

# Scripts, by the first word of their letters' Unicode names, that are read in every language
_ANYWHERE = set("ARMENIAN BENGALI DEVANAGARI GEORGIAN GUJARATI GURMUKHI HANGUL KANNADA MALAYALAM SINHALA TAMIL".split())
_BY_LANGUAGE = {
    "CYRILLIC": set("ba be bg bs cv hr ka kk ky lfn ltg lv mk nog ru sr tt uk uz".split()),
    "HEBREW": {"he"},
    "ARABIC": set("ar fa sd ug ur".split()),
    "ORIYA": {"or"},
    "TELUGU": {"te"},
    "THAI": {"th"},
    "MYANMAR": {"my", "shn"},
    "ETHIOPIC": {"am", "ti"},
    "HIRAGANA": {"ja"},
    "KATAKANA": {"ja"},
    "CJK": {"cmn", "yue", "zh"},
    "BOPOMOFO": {"cmn", "zh"},
    "SHAVIAN": {"en-shaw"},
}
# Languages that spell Greek words by the names of their letters; the others read them as Greek. A letter or two are
# names in any text: "α-helix", "Δx".
_SPELL_GREEK = set("af bs en hr lt mk sr vi".split())
_FEW_LETTERS = 2
_DIGITS = {
    "DEVANAGARI": {"hi", "kok", "mr", "ne"},
    "BENGALI": {"as", "bn", "bpy"},
    "GURMUKHI": {"pa"},
    "GUJARATI": {"gu"},
    "ORIYA": {"or"},
    "TAMIL": {"ta"},
    "TELUGU": {"te"},
    "KANNADA": {"kn"},
    "MALAYALAM": {"ml"},
    "THAI": {"th"},
    "MYANMAR": {"my", "shn"},
    "ARABIC-INDIC": {"ar"},
    "EXTENDED": {"fa"},  # Arabic-Indic
}
_SAME_SCRIPT = {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "KATAKANA", "HALFWIDTH": "KATAKANA"}
_BLOCKS_OF_LATIN = ("\u024f", "\u1e00", "\u1eff")  # up to Latin Extended-B, and Latin Extended Additional


def unread_word(text: str, language: str | None) -> tuple[str, str] | None:
    """Return the first word of `text` that is not read in `language`, with its script; None if all words are read."""
    if language is None or text.isascii() or max(text) <= LAST_LETTER:
        return None
    languages = frozenset((language.lower(), language_code(language)))
    for word in text.split():
        if word.isascii():
            continue
        greek = 0  # letters in succession
        for character in word:
            script = _script(character)
            greek = greek + 1 if script == "GREEK" else 0
            if greek > _FEW_LETTERS and languages & _SPELL_GREEK or not _is_read(character, script, languages):
                return word, "Han" if script == "CJK" else script.title()
    return None


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """Return the script of a letter or digit, "" for other characters and letters of no script, such as "ʼ"."""
    if unicodedata.category(character)[0] != "L" and not character.isdecimal():
        return ""
    script = unicodedata.name(character, "UNKNOWN").partition(" ")[0]
    return "" if script in ("MODIFIER", "MICRO", "FEMININE", "MASCULINE") else _SAME_SCRIPT.get(script, script)


@lru_cache(maxsize=16_384)
def _is_read(character: str, script: str, languages: frozenset[str]) -> bool:
    if character.isdecimal():
        return character.isascii() or bool(languages & _DIGITS.get(script, set()))
    if script == "LATIN":
        last, first_more, last_more = _BLOCKS_OF_LATIN
        if languages & EUROPEAN:
            return character <= LAST_LETTER  # else a letter of phonetic transcriptions
        return character <= last or first_more <= character <= last_more or character in "əɛɔɓɗɖɣɩɨʃʋʼ"
    return script in ("", "GREEK") or script in _ANYWHERE or bool(languages & _BY_LANGUAGE.get(script, set()))
