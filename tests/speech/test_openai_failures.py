"""Servers that fail, refuse, redirect, stall or send too much, and keys that no one else may see."""

import gzip
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from speech_server import SECRET, send, wav

from saladkit.errors import SaladError
from saladkit.speech.voices import openai
from saladkit.speech.voices.voice import VoiceFailed, open_voice


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
