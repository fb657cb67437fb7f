"""Characters that an engine would act upon or stumble over, where a data set's text means none of it."""

# To espeak-ng, which Piper and Kokoro have too, 0x01 starts an embedded command and 0x00 ends the text; lone surrogates
# cannot be encoded.
CONTROL_TO_SPACE = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], " ")
