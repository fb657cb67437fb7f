"""Characters of texts that engines would obey, fail on, or be spoiled by."""

import re

# For espeak-ng, which Piper and Kokoro use too, 0x01 starts an embedded command and 0x00 ends the text. Lone surrogates
# cannot be encoded.
CONTROL_TO_SPACE = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], " ")

# espeak-ng takes all letters from U+A700 to U+D7FF for Korean: it switches to the table of Korean phonemes, says
# nothing for those that are no Hangul (Javanese, Cham, Cherokee by its small letters, rare Latin...), and does not
# switch back. The rest of the text is then read by Korean's vowels. Nothing is lost by a space in place of the letter.
_TAKEN_FOR_KOREAN = [*range(0x13A0, 0x1400), *range(0xA700, 0xAC00)]
HARMFUL_TO_SPACE = CONTROL_TO_SPACE | dict.fromkeys(_TAKEN_FOR_KOREAN, " ")


def without_phonemes(text: str) -> str:
    """Return a text with "[ [" for "[[", which begins phonemes for Piper, espeak-ng's command and macOS's `say`."""
    return re.sub(r"\[(?=\[)", "[ ", text)
