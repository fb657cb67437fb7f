import io
import os
import random
import shlex
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.speech.voices import received_audio
from saladkit.speech.voices.voice import VoiceFailed, open_voice

RATE = 8000
# A voice of one's own: every character of the text lasts 1000 samples at plus and minus a level that is its code.
SPEAK = f"""
import io, struct, sys, wave
def wav(text, channels=1):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate({RATE})
        for character in text:
            level = min(ord(character) * 100, 32767)
            high, low = (struct.pack("<h", sample) * channels for sample in (level, -level))
            file.writeframes((high + low) * 500)
    return made.getvalue()
text = sys.stdin.buffer.read().decode("utf-8")
assert text.endswith("\\n")
text = text[:-1]
"""
TO_STDOUT = SPEAK + "sys.stdout.buffer.write(wav(text))"


def command(code, *arguments, limit=None):
    words = shlex.join([sys.executable, "-c", code, *arguments])
    return f"command:{f'limit={limit} ' if limit else ''}{words}"


def levels(utterance):
    return [round(float(level) * 32768 / 100) for level in utterance.samples[::1000]]


def test_a_program_speaks_through_its_standard_streams():
    voice = open_voice(command(TO_STDOUT))
    utterance = voice.speak("Grüß Gott,  ‘you’")
    assert utterance.sample_rate == RATE
    assert utterance.samples.dtype == np.float32
    assert levels(utterance)[:4] == [ord(character) for character in "Grüß"]
    assert [(word.word, word.start, word.end) for word in utterance.words] == [
        (word, None, None) for word in ("Grüß", "Gott,", "‘you’")
    ]
    assert voice.language is None
    assert voice.narrowed(random.Random(0)) is voice


def test_a_program_writes_the_file_that_an_argument_names():
    code = SPEAK + "print('Loading the model...')\nopen(sys.argv[1].removeprefix('out='), 'wb').write(wav(text, 2))"
    for argument in ("{wav}", "out={wav}"):
        utterance = open_voice(command(code, argument)).speak("hello")
        assert levels(utterance) == [ord(character) for character in "hello"]


def test_nothing_stands_for_anything_as_it_would_in_a_shell(tmp_path):
    code = SPEAK + "open(sys.argv[1], 'w').write(repr(sys.argv[2:]))\nsys.stdout.buffer.write(wav(text))"
    open_voice(command(code, str(tmp_path / "seen"), "$HOME", "a; b", "`c`", "*")).speak("hi")
    assert (tmp_path / "seen").read_text() == "['$HOME', 'a; b', '`c`', '*']"


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF])
def test_a_wav_that_does_not_know_its_length_is_read_to_its_end(length):
    code = SPEAK + (
        f"sent = bytearray(wav(text))\nsent[4:8] = sent[40:44] = struct.pack('<I', {length})\n"
        "assert sent[36:40] == b'data'\nsys.stdout.buffer.write(sent)"
    )
    assert levels(open_voice(command(code)).speak("hello")) == [ord(character) for character in "hello"]


def test_chunks_before_the_samples_are_passed_over():
    code = SPEAK + (
        "sent = wav(text)\nlist_ = b'LIST' + struct.pack('<I', 5) + b'ISFT.' + bytes(1)\n"
        "sent = sent[:4] + b'\\xff\\xff\\xff\\xff' + sent[8:36] + list_ + b'data\\xff\\xff\\xff\\xff' + sent[44:]\n"
        "sys.stdout.buffer.write(sent)"
    )
    assert levels(open_voice(command(code)).speak("hello")) == [ord(character) for character in "hello"]


def test_an_empty_wav_with_a_chunk_behind_it_is_empty():
    pcm = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + pcm + b"data" + bytes(4) + b"LIST\x04\0\0\0INFO"
    content = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    with pytest.raises(VoiceFailed, match="no samples"):
        received_audio.received_utterance(content, "hi", sender="it", fix="fix")


def test_other_audio_is_read_if_it_tells_its_length():
    made = io.BytesIO()
    soundfile.write(made, np.tile([0.5, -0.5], 500), RATE, format="FLAC")
    content = bytearray(made.getvalue())
    utterance = received_audio.received_utterance(bytes(content), "hi", sender="it", fix="fix")
    assert set(utterance.samples.tolist()) == {0.5, -0.5}
    content[21] &= 0xF0  # the number of samples: 36 bits of which 0 is "unknown"
    content[22:26] = bytes(4)
    with pytest.raises(VoiceFailed, match="does not say how long it is"):
        received_audio.received_utterance(bytes(content), "hi", sender="it", fix="fix")


def test_floats_above_full_scale_are_clipped():
    pcm = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)
    samples = struct.pack("<4f", 0.5, 2.0, -3.0, 0.0)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + pcm + b"data" + struct.pack("<I", 16) + samples
    content = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    utterance = received_audio.received_utterance(content, "hi", sender="it", fix="fix")
    assert utterance.samples.tolist() == [0.5, 1, -1, 0]


@pytest.mark.parametrize(
    "code, problem",
    [
        ("", "gave no audio at all"),
        (TO_STDOUT.replace("wav(text)", "wav(text)[:-1001]"), "cut off: it has 8999 of 10000 bytes"),
        (TO_STDOUT.replace("wav(text)", "wav(text)[:30]"), "does not decode"),
        (TO_STDOUT.replace("wav(text)", "wav('')"), "no samples"),
        (TO_STDOUT.replace("wav(text)", "wav('\\0' * 5)"), "gave silence"),
        ("print('Loading the model...\\n' * 5)", r"it begins with 'Loading the model...\\n"),
        ("import sys; sys.stdout.buffer.write(b'\\x1b[2J\\xff\\0' * 9999)", r"it begins with '\\x1b\[2J�\\x00"),
        ("raise SystemExit(3)", "ended with status 3 and said nothing"),
        ("import sys; sys.stderr.write('one\\ntwo \\x1b[31m\\n\\n'); sys.exit(1)", r"status 1: 'two \\x1b\[31m'"),
        ("import sys; sys.exit('x' * 10_000)", "status 1: '" + 200 * "x" + "'\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        (TO_STDOUT + "; sys.exit(2)", "ended with status 2"),
    ],
)
def test_a_program_that_fails_is_told_of(code, problem):
    voice = open_voice(command(code))
    with pytest.raises(VoiceFailed, match=problem) as raised:
        voice.speak("hello")
    assert raised.value.fix


@pytest.mark.parametrize(
    "code, problem",
    [
        (TO_STDOUT, "did not write the file that {wav} names"),
        (SPEAK + "open(sys.argv[1], 'wb')", "gave no audio at all"),
        (SPEAK + "open(sys.argv[1], 'w').write('none')", "begins with 'none'"),
        (SPEAK + "import os; os.mkdir(sys.argv[1])", "did not write the file"),
    ],
)
def test_a_file_that_is_no_wav_is_told_of(code, problem):
    with pytest.raises(VoiceFailed, match=problem):
        open_voice(command(code, "{wav}")).speak("hello")


def test_more_than_anybody_speaks_is_not_read(monkeypatch):
    monkeypatch.setattr("saladkit.speech.voices.command.MOST_BYTES", 100_000)
    with pytest.raises(VoiceFailed, match="wrote more than 100000 bytes"):
        open_voice(command("while True: print('y')", limit=20)).speak("hello")
    with pytest.raises(VoiceFailed, match="a file of more than 100000 bytes"):
        open_voice(command("import sys; open(sys.argv[1], 'w').write('y' * 100_001)", "{wav}")).speak("hello")


@pytest.mark.parametrize("closed", ["", "os.close(1)"])
def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path, closed):
    code = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
{closed}
time.sleep(600)
"""
    begun = time.monotonic()
    with pytest.raises(VoiceFailed, match="within 1 s and was ended"):
        open_voice(command(code, limit=1)).speak("hello")
    assert time.monotonic() - begun < 10
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):  # the signal has been sent, no more is known
        if not runs(child):
            break
        time.sleep(0.05)
    assert not runs(child)


def runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_program_may_leave_its_input_unread_and_say_much():
    code = (
        TO_STDOUT.replace("text = sys.stdin.buffer.read()", "text = b'hi\\n'") + "; sys.stderr.write('x' * 1_000_000)"
    )
    assert levels(open_voice(command(code)).speak("long " * 100_000)) == [ord("h"), ord("i")]


def test_a_full_temporary_folder_is_told_of(tmp_path, monkeypatch):
    voice = open_voice(command(TO_STDOUT))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(VoiceFailed, match="cannot be given its temporary files") as raised:
        voice.speak("hello")
    assert "TMPDIR" in raised.value.fix


def test_a_script_without_an_interpreter_is_told_of(tmp_path):
    (tmp_path / "speak").write_text("no program")
    (tmp_path / "speak").chmod(0o755)
    with pytest.raises(VoiceFailed, match="does not run: Exec format error"):
        open_voice(f"command:{tmp_path}/speak").speak("hello")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_is_not_spoken(text):
    with pytest.raises(SaladError, match="nothing to speak"):
        open_voice(command("raise SystemExit(1)")).speak(text)


@pytest.mark.parametrize(
    "name, problem",
    [
        ("command:", "does not describe a command"),
        ("command:   ", "does not describe a command"),
        ("command:say 'hello", "does not describe a command"),
        ("command:no-such-program --stdout", "'no-such-program', which is not found"),
        ("command:''", "'', which is not found"),
        ("command:limit=20", "'limit=20', which is not found"),
        ("command:limit=soon true", "limit=soon is no number of seconds"),
        ("command:limit=0 true", "limit=0 is no number"),
        ("command:limit=nan true", "limit=nan is no number"),
        ("command:limit=1e9 true", "limit=1e9 is no number"),
    ],
)
def test_names_of_no_command_are_refused(name, problem):
    with pytest.raises(SaladError) as raised:
        open_voice(name)
    assert problem in raised.value.problem
    assert raised.value.fix


def test_a_file_that_may_not_be_run_is_refused(tmp_path):
    (tmp_path / "speak").write_text("#!/bin/sh\n")
    with pytest.raises(SaladError, match="may not be run"):
        open_voice(f"command:{tmp_path}/speak")


def test_a_changed_program_or_script_is_another_voice(tmp_path):
    program, script = tmp_path / "speak", tmp_path / "voice.bin"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    script.write_text("one")
    name = f"command:limit=5 {program} --model={script} --fast /dev/null"
    first = open_voice(name)
    assert first.name == name
    assert first.speaker == name.replace("limit=5 ", "")
    assert sorted(first.identity) == sorted(["program", str(script)])
    script.write_text("two")
    second = open_voice(name)
    program.write_text("#!/bin/sh\n\n")
    third = open_voice(name)
    assert first.identity != second.identity != third.identity
    assert first.identity["program"] == second.identity["program"]


def test_a_program_is_found_on_the_path_and_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "speak-here"
    program.write_text(f"#!{sys.executable}\n{TO_STDOUT}")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    relative = open_voice("command:bin/speak-here")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found = open_voice("command:speak-here")
    monkeypatch.chdir("/")
    assert relative.identity == found.identity
    assert relative.speak("hi").samples.tolist() == found.speak("hi").samples.tolist()
