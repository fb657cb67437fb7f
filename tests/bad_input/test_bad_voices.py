"""Bad voices are refused before anything is written; rows that a voice fails on are listed with their reason."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from saladkit.speech.voices import openai


@pytest.fixture
def texts(write_rows, tmp_path):
    return write_rows(tmp_path / "texts.parquet", [{"id": f"row {i}", "text": f"Water boils {i}."} for i in range(3)])


def listed(shell, texts, voice, output):
    """What is said of a run in which no row could be spoken."""
    result = shell("synth", texts, "--voice", voice, "--workers", 1, "-o", output)
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    assert not (output / "manifest.json").exists()
    return result.stderr


@pytest.mark.parametrize(
    "options, named",
    [
        (["--max-cer", 0.3], "needs a recognizer"),
        (["--duration-ratio", 3, 0.5], "the first factor is above the second"),
        (["--aligner", "nope"], "names no aligner"),
        (["--asr", "nowhere/at/all"], "nowhere/at/all"),
        (["--voice", "espeak:en-us+nope"], "no variant 'nope'"),
        (["--voice", "espeak:en-us@450..80"], "words per minute"),
        (["--voice", "command:no-such-program --loud"], "no-such-program"),
        (["--voice", "command:"], "does not describe a command"),
        (["--voice", "openai:localhost#alloy"], "does not describe a voice"),
        (["--voice", "kokoro:nowhere/af_heart"], "nowhere"),
        (["--voice", "piper:nowhere.onnx"], "does not exist"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(options, named, refused, texts, tmp_path):
    problem, _ = refused("synth", texts, "--voice", "espeak:en-us", "--workers", 1, *options)
    assert named in problem
    assert not (tmp_path / "output").exists()


def test_a_voice_file_of_the_wrong_kind(refused, texts, tmp_path):
    for name in ("voice.onnx", "voice.onnx.json"):
        (tmp_path / name).write_bytes(b"RIFF....WAVE")
    problem, _ = refused("synth", texts, "--voice", f"piper:{tmp_path / 'voice.onnx'}", named=["voice.onnx"])
    assert "no Piper voice" in problem


@pytest.mark.parametrize("reused", ["texts.parquet", "nowhere"])
def test_what_cannot_be_reused(reused, refused, texts, tmp_path):
    refused("synth", texts, "--voice", "espeak:en-us", "--reuse", tmp_path / reused, named=[reused])


def test_a_command_that_hangs_is_ended_and_its_rows_are_listed(shell, texts, tmp_path):
    voice = f"command:limit=0.5 {sys.executable} -c 'import time; time.sleep(60)'"
    said = listed(shell, texts, voice, tmp_path / "output")
    assert "could be spoken" in said and "did not finish within 0.5 s" in said


@pytest.mark.parametrize(
    "code, reason",
    [("pass", "gave no audio"), ('print("hello")', "does not decode"), ("import sys; sys.exit(3)", "status 3")],
)
def test_a_command_that_writes_no_wav(code, reason, shell, texts, tmp_path):
    said = listed(shell, texts, f"command:{sys.executable} -c '{code}'", tmp_path / "output")
    assert reason in said


def test_a_server_that_answers_500_is_asked_again_and_then_its_rows_are_listed(shell, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(openai, "WAITS", (0.0, 0.01, 0.01))
    asked = []

    class Failing(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"])
            self.send_error(500, "on fire")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = listed(shell, texts, f"openai:http://127.0.0.1:{server.server_port}/v1#alloy", tmp_path / "output")
        server.shutdown()
    assert "500" in said
    assert sorted(asked) == sorted(4 * [f"Water boils {row}." for row in range(3)])  # no language, so as written


def test_rows_without_a_speakable_character_are_listed(shell, write_rows, tmp_path):
    rows = [{"id": "a/b", "text": "Water boils."}, {"id": "c", "text": "—"}, {"id": "d", "text": "🙂 🙂"}]
    texts = write_rows(tmp_path / "texts.parquet", rows)
    result = shell("synth", texts, "--voice", "espeak:en-us", "--workers", 1, "-o", tmp_path / "output")
    assert result.exit_code == 0
    manifest = json.loads((tmp_path / "output" / "manifest.json").read_text())
    assert {row["id"]: row["reason"] for row in manifest["skipped"]} == {
        "c": "there is no letter or digit in '—'",
        "d": "there is no letter or digit in '🙂 🙂'",
    }
