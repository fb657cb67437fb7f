"""Placeholders in the arguments of a command that is used as a voice: `{text}` and `{wav}`."""

import re

from saladkit.errors import SaladError
from saladkit.speech.voices.harmful_characters import CONTROL_TO_SPACE

TEXT, WAV = "{text}", "{wav}"
_KNOWN = {TEXT: "the text to speak", WAV: "the path of the wav to write"}
_PLACEHOLDER = re.compile(r"(?<!\$)\{[A-Za-z0-9_][A-Za-z0-9_-]*\}|\{\{.*?\}\}")  # "${HOME}" is a shell's
# Whole arguments that are placeholders of other programs; there is no shell, which could fill in "$TEXT"
_NAMES = "text|txt|input|in|wav|file|output|out"
_OF_OTHERS = re.compile(
    rf"\{{\}}|%[a-z]|<(?:{_NAMES})>|\[(?:{_NAMES})\]|\$(?:[0-9@]|\{{?(?:{_NAMES})\}}?)", re.IGNORECASE
)
# options of shells and interpreters before a program
_CODE = re.compile(r"-[ilsux]{0,3}c|-[np]?e|--(?:eval|command|exec)")


def check_placeholders(shown: str, arguments: list[str]) -> None:
    """Check that every placeholder is known, and that no text can become a part of a program.

    Arguments with spaces are taken for programs in another language, in which braces mean something else; they may hold
    `{wav}` alone.

    Args:
        shown: the command, for errors.

    Raises:
        SaladError: a placeholder is unknown, or `{text}` stands in a program.
    """
    for place, argument in enumerate(arguments):
        is_code = any(map(str.isspace, argument))
        if not is_code and (unknown := _unknown(argument)):
            known = ", ".join(f"{name} ({meaning})" for name, meaning in _KNOWN.items())
            raise SaladError(
                f"{shown} has the placeholder {unknown}, which is not known",
                f"Use one of these: {known}. Without {TEXT}, the program reads the text on its standard input.",
            )
        if TEXT in argument and (is_code or place and _CODE.fullmatch(arguments[place - 1])):
            raise SaladError(
                f"{shown} puts {TEXT} into a program, and a text may hold commands",
                f"Give {TEXT} to the program as an argument of its own, or read the text on the standard input.",
            )


def _unknown(argument: str) -> str | None:
    """Return the first unknown placeholder of an argument; None if all are known."""
    if _OF_OTHERS.fullmatch(argument):
        return argument
    return next((name for name in _PLACEHOLDER.findall(argument) if name not in _KNOWN), None)


def filled(argument: str, text: str, wav: str) -> str:
    """Return an argument with its placeholders filled in; a text is never taken for an option.

    A space is put before a text that begins with "-", and control characters become spaces.
    """
    spoken = text.translate(CONTROL_TO_SPACE)
    if argument.startswith(TEXT) and spoken.startswith("-"):
        spoken = f" {spoken}"
    # in one pass, so that a text that holds "{wav}" is spoken as it is
    return re.sub(r"\{text\}|\{wav\}", lambda name: spoken if name[0] == TEXT else wav, argument)
