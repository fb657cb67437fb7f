import gzip
import io
import json
import random
import struct
import sys
import threading
import time
import wave
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.speech.voices import openai
from saladkit.speech.voices.voice import VoiceFailed, open_voice

RATE = 24000
SECRET = "sk-test-0123456789"


def wav(level=1000, length=4800, stated=None):
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(struct.pack("<hh", level, -level) * (length // 2))
    content = bytearray(made.getvalue())
    if stated is not None:
        content[4:8] = content[40:44] = struct.pack("<I", stated)
    return bytes(content)


class Server:
    """Gives `answers` in order, the last of them for ever: (status, headers, body), or a function of the handler."""

    def __init__(self):
        self.answers, self.requests, self.closing = [], [], threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.requests.append((self.path, names_capitalized(self.headers), json.loads(body)))
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                try:
                    answer(self) if callable(answer) else send(self, *answer)
                except OSError:  # the asker has gone
                    pass

            def do_GET(self):
                server.requests.append((self.path, names_capitalized(self.headers), None))
                send(self, 200, {}, wav())

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()


def names_capitalized(headers):
    """As a dict; clients may write the names in any case."""
    return {name.title(): value for name, value in headers.items()}


def send(handler, status, headers, body):
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(openai, "WAITS", (0.0, 0.0, 0.0))
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


def test_a_server_is_asked_as_openai_is(server):
    server.answers = [(200, {}, wav(8192))]
    voice = open_voice(f"openai:{server.url}/v1#alloy")
    utterance = voice.speak("Hello “world”,\nagain \ud800")
    assert utterance.sample_rate == RATE
    assert utterance.samples.dtype == np.float32
    assert set(utterance.samples.tolist()) == {0.25, -0.25}
    assert [word.word for word in utterance.words] == ["Hello", "“world”,", "again", "\ud800"]
    assert all(word.start is word.end is None for word in utterance.words)
    ((path, headers, asked),) = server.requests
    assert path == "/v1/audio/speech"
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert asked == {
        "model": "tts-1",
        "input": "Hello “world”,\nagain ?",
        "voice": "alloy",
        "response_format": "wav",
    }
    assert (voice.language, voice.identity) == (None, {"model": "tts-1"})


def test_all_that_a_name_may_say(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f" {SECRET}\n")
    server.answers = [(200, {}, wav())]
    name = f"openai:{server.url}#af_bella(2)+af_sky@0.8..1.2,model=hexgrad/Kokoro-82M,language=en-us,limit=5"
    voice = open_voice(name)
    assert voice.name == name
    assert voice.language == "en-us"
    assert voice.speaker == f"openai:{server.url}#af_bella(2)+af_sky,model=hexgrad/Kokoro-82M"
    one, other, again = (voice.narrowed(random.Random(seed)) for seed in (0, 1, 0))
    assert one.name == again.name != other.name
    assert one.narrowed(random.Random(5)).name == one.name
    assert open_voice(one.name).name == one.name
    one.speak("Hi")
    ((path, headers, asked),) = server.requests
    assert path == "/v1/audio/speech"
    assert headers["Authorization"] == f"Bearer {SECRET}"
    assert asked["model"] == voice.identity["model"] == "hexgrad/Kokoro-82M"
    assert asked["voice"] == "af_bella(2)+af_sky"
    assert f"@{asked['speed']}," in one.name
    assert 0.8 <= asked["speed"] <= 1.2
    assert SECRET not in voice.name + voice.speaker + str(voice.identity)


@pytest.mark.parametrize(
    "url, path",
    [
        ("", "/v1/audio/speech"),
        ("/", "/v1/audio/speech"),
        ("/v1/", "/v1/audio/speech"),
        ("/tts/api", "/tts/api/audio/speech"),
        ("/odd/audio/speech", "/odd/audio/speech"),
    ],
)
def test_where_a_server_is_asked(server, url, path):
    server.answers = [(200, {}, wav())]
    open_voice(f"openai:{server.url}{url}#alloy").speak("Hi")
    assert server.requests[0][0] == path


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF])
def test_a_wav_that_is_sent_while_it_is_spoken_is_read_to_its_end(server, stated):
    def chunked(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        content = wav(stated=stated)
        for begin in range(0, len(content), 1000):
            part = content[begin : begin + 1000]
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    server.answers = [chunked]
    assert len(open_voice(f"openai:{server.url}#alloy").speak("Hi").samples) == 4800


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_overloaded_server_is_asked_again(server, status):
    server.answers = [(status, {}, b"busy"), (status, {}, b"busy"), (200, {}, wav())]
    assert len(open_voice(f"openai:{server.url}#alloy").speak("Hi").samples) == 4800
    assert len(server.requests) == 3
    assert server.requests[0] == server.requests[2]


def test_a_server_that_stays_down_is_given_up(server):
    server.answers = [(500, {}, b'{"error": "out of memory \x1b[31m"}')]
    voice = open_voice(f"openai:{server.url}#alloy")
    with pytest.raises(VoiceFailed) as raised:
        voice.speak("Hi")
    assert len(server.requests) == 4
    assert voice.name in raised.value.problem
    assert r"""answered 500: '{"error": "out of memory \x1b[31m"}', 4 times""" in raised.value.problem


def test_the_waits_grow_and_the_server_may_name_its_own(server, monkeypatch):
    waited = []
    monkeypatch.setattr(openai, "WAITS", (1.0, 2.0, 4.0))
    monkeypatch.setattr(openai.time, "sleep", waited.append)
    server.answers = [(503, {}, b"")]
    voice = open_voice(f"openai:{server.url}#alloy")
    with pytest.raises(VoiceFailed):
        voice.speak("Hi")
    assert waited == [1, 2, 4]
    waited.clear()
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    for named in ("7", "3600", "never", soon, past, "-5", "nan"):
        server.answers = [(429, {"Retry-After": named}, b""), (200, {}, wav())]
        voice.speak("Hi")
    assert waited[:3] == [7, 60, 1]
    assert 20 < waited[3] <= 30
    assert waited[4:] == [0, 0, 1]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_is_refused_is_asked_once(server, status):
    server.answers = [(status, {}, b'{"error": "no voice alloy"}')]
    with pytest.raises(VoiceFailed, match=f"answered {status}: .*no voice alloy"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")
    assert len(server.requests) == 1


def test_the_key_is_told_nobody(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    voice = open_voice(f"openai:{server.url}#alloy")
    # the second cut where the key stands
    for body in (f"Incorrect key: {SECRET}", " " * 150 + "x" * 190 + SECRET):
        for status in (401, 500, 200):
            server.answers = [(status, {}, body.encode())]
            with pytest.raises(VoiceFailed) as raised:
                voice.speak("Hi")
            assert "sk-test" not in str(raised.value)
            assert "***" in str(raised.value)
    server.answers = [(401, {}, b"who are you?")]
    with pytest.raises(VoiceFailed) as raised:
        voice.speak("Hi")
    assert "OPENAI_API_KEY" in raised.value.fix


def test_a_key_that_is_none_is_refused_unseen(server, monkeypatch):
    server.answers = [(200, {}, wav())]
    for key in ("sk-ключ", "sk-one\nsk-two"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(SaladError, match="OPENAI_API_KEY") as raised:
            open_voice(f"openai:{server.url}#alloy").speak("Hi")
        assert "sk-" not in str(raised.value)
    assert not server.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(server, monkeypatch, status):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server.answers = [(status, {"Location": f"{server.url}/elsewhere"}, b"")]
    with pytest.raises(VoiceFailed, match=f"answered {status}"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")
    assert [path for path, _, _ in server.requests] == ["/v1/audio/speech"]


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"", "gave no audio at all"),
        (b"<html>Welcome</html>", "does not decode .*; it begins with '<html>Welcome</html>'"),
        (wav()[:-1001], "cut off: it has 8599 of 9600 bytes"),
        (wav(length=0), "no samples"),
        (wav(level=0), "gave silence"),
    ],
)
def test_an_answer_that_is_no_speech_is_told_of(server, body, problem):
    server.answers = [(200, {}, body)]
    with pytest.raises(VoiceFailed, match=problem):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")


def test_a_connection_that_is_cut_is_made_again(server):
    def cut(handler):
        send(handler, 200, {"Content-Length": "100000"}, wav())

    def nothing(handler):
        handler.wfile.flush()

    server.answers = [cut, nothing, (200, {}, wav())]
    assert len(open_voice(f"openai:{server.url}#alloy").speak("Hi").samples) == 4800
    assert len(server.requests) == 3
    server.answers = [cut]
    with pytest.raises(VoiceFailed, match="does not answer .*expected 100000.*, 4 times"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")


def test_an_address_at_which_nobody_listens(server):
    server.close()
    with pytest.raises(VoiceFailed, match="does not answer .*refused.*, 4 times"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")


def test_a_slow_server_is_not_waited_for(server):
    def silent(handler):
        server.closing.wait(20)

    def dripping(handler):
        handler.send_response(200)
        handler.end_headers()
        while not server.closing.wait(0.05):
            handler.wfile.write(b"RIFF")

    for answer in (silent, dripping):
        server.answers, server.requests = [answer], []
        begun = time.monotonic()
        with pytest.raises(VoiceFailed, match="took longer than 0.5 s"):
            open_voice(f"openai:{server.url}#alloy,limit=0.5").speak("Hi")
        assert time.monotonic() - begun < 5
        assert len(server.requests) == 1


def test_more_than_anybody_speaks_is_not_read(server, monkeypatch):
    monkeypatch.setattr(openai, "MOST_BYTES", 1000)
    server.answers = [(200, {}, wav())]
    with pytest.raises(VoiceFailed, match="sent more than 1000 bytes"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")


def test_an_error_without_an_end_is_read_in_part(server):
    def endless(handler):
        handler.send_response(404)
        handler.end_headers()
        while not server.closing.wait(0.01):
            handler.wfile.write(1000 * b"no voice")

    server.answers = [endless]
    with pytest.raises(VoiceFailed, match="answered 404: 'no voice"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")


def test_an_error_that_is_cut_off_keeps_its_status(server):
    server.answers = [(401, {"Content-Length": "100000"}, b"who are")]
    with pytest.raises(VoiceFailed, match="answered 401"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")
    assert len(server.requests) == 1


def test_a_compressed_answer_is_not_unpacked_to_any_size(server):
    server.answers = [(200, {"Content-Encoding": "gzip"}, gzip.compress(wav()))]
    with pytest.raises(VoiceFailed, match="does not decode"):
        open_voice(f"openai:{server.url}#alloy").speak("Hi")
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("proxy", ["ftp://me:hidden@proxy:1", "socks5://me:hidden@proxy:1"])
def test_a_proxy_that_cannot_be_used_is_refused_unseen(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(SaladError, match="a proxy that the environment names") as raised:
        open_voice("openai:http://localhost#alloy")
    assert "hidden" not in str(raised.value)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "saladkit.speech.voices.openai", raising=False)
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(SaladError, match="needs the package 'openai'") as raised:
        open_voice("openai:http://localhost#alloy")
    assert raised.value.fix == "Run: pip install 'saladkit[openai]'"


def test_nothing_is_not_sent(server):
    with pytest.raises(SaladError, match="nothing to speak"):
        open_voice(f"openai:{server.url}#alloy").speak(" \n")
    assert not server.requests


@pytest.mark.parametrize(
    "description",
    [
        "",
        "alloy",
        "localhost:8880#alloy",
        "ftp://localhost#alloy",
        "file:///etc/passwd#alloy",
        "http://#alloy",
        "http://localhost:port#alloy",
        "http://localhost:99999#alloy",
        "http://[::1#alloy",
        "http://local..host#alloy",
        "http://localhost/größe#alloy",
        "http://localhost:8880",
        "http://localhost:8880#",
        "http://localhost:8880/?key=1#alloy",
        "http://localhost:8880#alloy,speed=2",
        "http://localhost:8880#alloy,model=",
        "http://localhost:8880#alloy,model=a,model=b",
        "http://localhost:8880#alloy@",
    ],
)
def test_names_of_no_voice_are_refused(description):
    with pytest.raises(SaladError, match="does not describe a voice of a server") as raised:
        open_voice(f"openai:{description}")
    assert "openai:URL#VOICE" in raised.value.fix


@pytest.mark.parametrize(
    "rest, problem", [("@5", "the speed '5'"), ("@fast", "the speed 'fast'"), (",limit=0", "limit=0 is no number")]
)
def test_numbers_out_of_their_bounds_are_refused(rest, problem):
    with pytest.raises(SaladError, match=problem):
        open_voice(f"openai:http://localhost#alloy{rest}")


def test_a_password_in_a_name_is_refused_unseen():
    with pytest.raises(SaladError, match="user name or password") as raised:
        open_voice("openai:https://me:secret@localhost/v1#alloy")
    assert "secret" not in str(raised.value)
