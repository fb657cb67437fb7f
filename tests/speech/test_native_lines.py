"""What libraries print on stderr is said with the row that it is about."""

import io
import os
import subprocess
import sys
import threading

import numpy as np
import soundfile

from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.native_lines import native_lines


def test_lines_are_collected_once_each_and_nothing_is_printed(capfd):
    with native_lines() as lines:
        os.write(2, b"from C\n  again  \nfrom C\n\n")
        subprocess.run([sys.executable, "-c", "import os; os.write(2, b'from a program')"])
    assert lines == ["from C", "again", "from a program"]
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_an_error_in_the_body_passes_and_stderr_is_back(capfd):
    try:
        with native_lines() as lines:
            os.write(2, b"before the error\n")
            raise ValueError
    except ValueError:
        os.write(2, b"later\n")
    assert lines == ["before the error"] and capfd.readouterr().err == "later\n"


def test_a_bar_is_passed_on(capfd):
    with native_lines() as lines:
        os.write(2, b"\rcache-speech:  50%|#### |\nfrom C\n")
    assert lines == ["from C"] and "50%" in capfd.readouterr().err


def test_threads_take_turns(capfd):
    found = {}

    def print_some(name):
        with native_lines() as lines:
            for number in range(50):
                os.write(2, f"{name} {number}\n".encode())
        found[name] = lines

    threads = [threading.Thread(target=print_some, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(lines == [f"{name} {number}" for number in range(50)] for name, lines in found.items())
    assert len(found) == 4 and capfd.readouterr().err == ""


def mp3_whose_first_frame_needs_another():
    content, noise = io.BytesIO(), np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    noise[:16_000] /= 1000
    soundfile.write(content, noise, 16_000, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    whole = content.getvalue()
    starts = [at for at in range(len(whole) - 1) if whole[at : at + 2] == whole[:2]]
    return whole[starts[len(starts) // 2] :]


def test_what_libmpg123_prints_is_said_with_the_row(capfd):
    row = {"id": "clip-3", "audio": {"bytes": mp3_whose_first_frame_needs_another(), "path": None}}
    decode_row(row, "table.parquet")
    printed = capfd.readouterr().err.splitlines()
    assert printed and all(line.startswith("table.parquet: row 'clip-3': ") for line in printed)
    assert any("libmpg123" in line for line in printed)
    decode_row(row, "table.parquet")  # a row is read in every epoch
    assert capfd.readouterr().err == ""


# A voice whose engine prints as C does, and as piper-tts does. A process of its own has the stderr of a user's.
CHATTY = """
import logging, os
import numpy as np
from saladkit.formats.words import Word
from saladkit.settings.synth import SynthSettings
from saladkit.speech.synthesis import row
from saladkit.speech.synthesis.requests import Request
from saladkit.speech.voices.voice import Utterance, VoiceFailed

class Chatty:
    name, speaker, language, identity = "chatty:voice", "chatty", None, {}

    def speak(self, text):
        os.write(2, b"a line of C\\n")
        logging.getLogger("piper").warning("Missing phoneme from id map: %s", "x")
        if "fail" in text:
            raise VoiceFailed("it failed", "Try again.")
        noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
        return Utterance(noise, 16_000, [Word(word, None, None) for word in text.split()])

row.narrowed_voice = lambda request, device: Chatty()
settings = SynthSettings(voices=("chatty:voice",))
for id_, text in (("row-1", "hello there"), ("row-2", "fail")):
    print(sorted(row.speak(Request(id_, text, "chatty:voice", 0), settings)))
"""


def test_what_an_engine_prints_is_said_with_the_row():
    done = subprocess.run([sys.executable, "-c", CHATTY], capture_output=True, text=True)
    spoken, failed = done.stdout.splitlines()
    assert "'audio'" in spoken and "'failed'" in failed
    said = ("a line of C", "Missing phoneme from id map: x")
    expected = [f"row '{id_}', chatty:voice: {line}" for id_ in ("row-1", "row-2") for line in said]
    assert done.stderr.splitlines() == expected  # once, although a voice that fails is tried again
