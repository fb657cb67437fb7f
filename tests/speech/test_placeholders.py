"""Placeholders in the arguments of a command: two are known, and a text is never a program or an option."""

import json
import shlex
import sys

import pytest

from saladkit.errors import SaladError
from saladkit.speech.voices.placeholders import filled
from saladkit.speech.voices.voice import open_voice

# writes a wav whose name is given, and beside it the arguments that it was given
PROGRAM = """
import json, sys, wave
path, arguments = sys.argv[1], sys.argv[2:]
with wave.open(path, "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(8000), out.writeframes(b"\\0\\60\\0\\320" * 400)
json.dump(arguments, open(SEEN, "w"))
"""


@pytest.fixture
def program(tmp_path):
    """A voice with these arguments after `{wav}`; `seen` returns what its program was given."""
    script, seen = tmp_path / "voice.py", tmp_path / "seen.json"
    script.write_text(PROGRAM.replace("SEEN", repr(str(seen))))

    def voice(*arguments):
        return open_voice("command:" + shlex.join([sys.executable, str(script), "{wav}", *arguments]))

    voice.seen = lambda: json.loads(seen.read_text())
    return voice


@pytest.mark.parametrize(
    "text, expected",
    [
        ("hello world", "hello world"),
        ('it\'s $HOME; `rm` && "x" | * {wav} {text}', 'it\'s $HOME; `rm` && "x" | * {wav} {text}'),
        ("--output=/tmp/x", " --output=/tmp/x"),
        ("- a list", " - a list"),
        ("two\nlines\x00", "two lines "),
        ("if [[ $a ]]", "if [ [ $a ]]"),  # phonemes for espeak-ng's command
    ],
)
def test_a_text_is_one_argument_and_no_option(program, text, expected):
    assert len(program("-t", "{text}", "text={text}").speak(text).samples) == 800
    assert program.seen() == ["-t", expected, f"text={expected.removeprefix(' ')}"]


@pytest.mark.parametrize(
    "argument", ["{out}", "{Text}", "{wav_path}", "--file={output}", "{input}.txt", "{}", "{{tts}}", "{{text}}", "{0}"]
)
def test_an_unknown_placeholder_is_refused_with_the_list(program, argument):
    with pytest.raises(SaladError, match=r"has the placeholder \{.*\}, which is not known") as raised:
        program(argument)
    assert "{text}" in raised.value.fix and "{wav}" in raised.value.fix


@pytest.mark.parametrize("argument", ["$TEXT", "${wav}", "$1", "%s", "<text>", "[wav]"])
def test_a_placeholder_of_another_program_is_refused(program, argument):
    with pytest.raises(SaladError, match="has the placeholder .*, which is not known"):
        program(argument)


@pytest.mark.parametrize(
    "arguments", [["-c", "{text}"], ["-lc", "{text}"], ["-e", "{text}"], ["say {text} aloud"], ["--eval", "{text}"]]
)
def test_a_text_in_a_program_is_refused(program, arguments):
    with pytest.raises(SaladError, match=r"puts \{text\} into a program"):
        program(*arguments)


@pytest.mark.parametrize(
    "argument", ["${HOME}", "f'{x} and {y}'", "{1,2}", "+%s", "$PATH", "<in-2>", '{"a": 1}', "awk '{print $1}'"]
)
def test_other_braces_are_no_placeholders(program, argument):
    program(argument).speak("hi")
    assert program.seen() == [argument]


def test_placeholders_are_filled_in_one_pass():
    assert filled("{text}>{wav}", "{wav}", "/x.wav") == "{wav}>/x.wav"
