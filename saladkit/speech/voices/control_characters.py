"""Control characters of texts, which engines would obey or fail on."""

# For espeak-ng, which Piper and Kokoro use too, 0x01 starts an embedded command and 0x00 ends the text. Lone surrogates
# cannot be encoded.
CONTROL_TO_SPACE = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], " ")
