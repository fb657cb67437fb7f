"""Voices of OpenAI-compatible servers: names, requests and answers."""

import random
import sys

import numpy as np
import pytest
from speech_server import RATE, SECRET, wav

from saladkit.errors import SaladError
from saladkit.speech.voices.voice import open_voice


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
