"""Voices of a server that speaks OpenAI's protocol for speech: a text is posted, a wav comes back.

The `openai` package makes the requests. It reads an answer of any size for any time, follows redirects with the key,
and tries a text that timed out again; what is added here limits all of this.

Whether the same text gives the same samples is up to the server, and a client cannot tell whether the server still
runs yesterday's model: address, voice and model are all that identifies such a voice.
"""

import os
import random
import re
import time
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast
from urllib.parse import urlsplit

import httpx2
from openai import APIConnectionError, APIStatusError, DefaultHttpx2Client, Omit, OpenAI, omit

from saladkit.errors import SaladError
from saladkit.speech.voices.ranges import Range
from saladkit.speech.voices.received_audio import MOST_BYTES, received_utterance, shown
from saladkit.speech.voices.time_limit import parse_limit
from saladkit.speech.voices.voice import Utterance, VoiceGaveUp

KEY = "OPENAI_API_KEY"
WAITS = (1.0, 2.0, 4.0)  # s before the second, third and fourth try, unless the server names a time
LONGEST_WAIT = 60.0  # s, whatever the server names
_ERROR_BYTES = 2000  # of an answer that is an error; an error message needs no more
_PASSES = (408, 429)  # the client errors that may pass: too slow, too many requests
_MODEL = "tts-1"  # OpenAI's own; servers with one model accept this name for it
_SPEEDS = (0.25, 4.0)  # OpenAI's own limits
_DESCRIPTION = re.compile(
    r"(?P<url>https?://[^#?\s]+)#(?P<voice>[^@,]+)(?:@(?P<speed>[^,]+))?"
    r"(?P<options>(?:,(?:model|language|limit)=[^,]+)*)"
)
_LOOK = "Look at the server, and at the address, voice and model in the voice's name."


class OpenAIVoice:
    """`URL#VOICE[@SPEED][,model=NAME][,language=CODE][,limit=SECONDS]`, e.g. "http://localhost:8880/v1#af_heart@0.9".

    URL is the server's base URL, as OpenAI's clients take it: with "/v1", or the host alone. SPEED is 0.25 to 4, or a
    range; without SPEED the request names none. The model is tts-1 unless NAME is given. CODE is the language that the
    voice speaks, used by saladkit alone and not sent. A request may take 60 s, or SECONDS.

    The key in the environment variable OPENAI_API_KEY is sent to the server, if set, and written nowhere.

    Raises:
        SaladError: the name has another form. Whether the server answers is known at the first `speak`.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        parts = _DESCRIPTION.fullmatch(description)
        options = [option.split("=", 1) for option in parts["options"].split(",") if option] if parts else []
        if not parts or not _is_address(parts["url"]) or len(dict(options)) != len(options):
            raise SaladError(
                f"'openai:{description}' does not describe a voice of a server",
                "Write openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE][,limit=SECONDS],"
                " such as openai:http://localhost:8880/v1#af_heart.",
            )
        if "@" in urlsplit(parts["url"]).netloc:
            raise SaladError(
                "A voice's name holds a user name or password for its server, and names are written to files",
                f"Remove both from the address, and put the server's key into the environment variable {KEY}.",
            )
        self._url, self._voice = parts["url"], parts["voice"]
        self._speed = parts["speed"] and Range.parse(parts["speed"], within=_SPEEDS, what="the speed")
        self._options = dict(options)
        self._limit = parse_limit(self._options.get("limit"))
        self._client = _client(self._url, self._limit)
        self.language = self._options.get("language")
        self.identity = {"model": self._model}
        self._name()

    def _name(self) -> None:
        who = f"openai:{self._url}#{self._voice}"
        options = [f",{option}={value}" for option, value in self._options.items()]
        self.name = "".join([who, f"@{self._speed}" if self._speed else "", *options])
        self.speaker = who + (f",model={self._model}" if "model" in self._options else "")

    @property
    def _model(self) -> str:
        return self._options.get("model", _MODEL)

    def narrowed(self, draws: random.Random) -> "OpenAIVoice":
        """Return this voice with one speed, drawn from the range in its name; the client is shared."""
        voice = copy(self)
        voice._speed = self._speed and self._speed.draw(draws)
        voice._name()
        return voice

    def speak(self, text: str) -> Utterance:
        """Speak `text` at the server's sample rate; no word has times.

        An overloaded or unreachable server is asked up to four times.

        Raises:
            SaladError: `text` has no words, or the key has characters that no key has.
            VoiceFailed: the server refuses, does not answer in time, or sends no audio.
        """
        if not text.split():
            raise SaladError(f"There is nothing to speak in {text[:80]!r}", "Remove empty texts.")
        key = _key()
        content = self._request(text.encode("utf-8", errors="replace").decode(), key)
        return received_utterance(content, text, sender=self.name, fix=_LOOK, secret=key)

    def _request(self, text: str, key: str) -> bytes:
        """Return the audio; try again after errors that may pass."""
        for wait in (*WAITS, None):
            try:
                return self._client.audio.speech.create(
                    model=self._model,
                    input=text,
                    voice=self._voice,
                    response_format="wav",
                    speed=self._speed.low if self._speed else omit,
                    extra_headers={"Authorization": f"Bearer {key}" if key else Omit()},
                ).content
            except APIStatusError as error:
                # servers quote the key they were sent in their error messages
                failure = f"answered {error.status_code}: {shown(error.response.content, key)}"
                if error.status_code < 500 and error.status_code not in _PASSES:
                    raise VoiceGaveUp(f"{self.name} {failure}", _fix_for(error.status_code)) from None
                wait = wait and _named_wait(error.response.headers.get("Retry-After"), wait)
            except APIConnectionError as error:
                reason = error.__cause__
                if isinstance(reason, httpx2.ReadTimeout):  # a second try would take as long
                    raise VoiceGaveUp(
                        f"{self.name} took longer than {self._limit:g} s", "Give it longer: add ,limit=SECONDS."
                    ) from None
                failure = f"does not answer ({str(reason or '') or type(reason).__name__})"
            except _TooManyBytes:
                raise VoiceGaveUp(f"{self.name} sent more than {MOST_BYTES} bytes", _LOOK) from None
            if wait is not None:
                time.sleep(wait)
        raise VoiceGaveUp(f"{self.name} {failure}, {len(WAITS) + 1} times", _LOOK)


def _client(url: str, limit: float) -> OpenAI:
    """Make a client that neither retries nor follows redirects, and that limits what an answer may take.

    A redirect would send the key to another server.
    """

    def start(request: httpx2.Request) -> None:
        request.extensions["deadline"] = time.monotonic() + limit

    def bound(response: httpx2.Response) -> None:
        response.headers.pop("Content-Encoding", None)  # never asked for, and it could unpack to any size
        response.stream = _Bounded(response)

    try:
        http_client = DefaultHttpx2Client(
            timeout=limit, follow_redirects=False, event_hooks={"request": [start], "response": [bound]}
        )
    except (ValueError, ImportError, httpx2.InvalidURL):  # not shown: a proxy's address may hold a password
        raise SaladError(
            "a proxy that the environment names cannot be used",
            "Correct or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY. A SOCKS proxy needs: pip install 'httpx2[socks]'",
        ) from None
    return OpenAI(
        api_key=lambda: "",  # each request brings the key of its moment
        base_url=_base_url(url),
        http_client=http_client,
        max_retries=0,
        default_headers={"Accept-Encoding": "identity"},
    )


class _TooManyBytes(Exception):
    """An answer has more than `MOST_BYTES`."""


class _Bounded(httpx2.SyncByteStream):
    """The body of an answer, up to the request's deadline and `MOST_BYTES`; of an error only the beginning."""

    def __init__(self, response: httpx2.Response):
        self._stream = cast(httpx2.SyncByteStream, response.stream)  # the client is synchronous
        self._request, self._is_error = response.request, not response.is_success

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        try:
            for block in self._stream:
                received += len(block)
                if received > MOST_BYTES:
                    raise _TooManyBytes
                yield block
                if self._is_error and received >= _ERROR_BYTES:
                    return
                # The client's own time limit is one for each read.
                if time.monotonic() > self._request.extensions["deadline"]:
                    raise httpx2.ReadTimeout("the whole answer takes too long", request=self._request)
        except httpx2.RequestError:
            if not self._is_error:  # the status of an error is known, whether its message arrives or not
                raise

    def close(self) -> None:
        self._stream.close()


def _is_address(url: str) -> bool:
    """Whether a request can be sent to the URL; the libraries report the rest by many kinds of errors."""
    try:
        parts = urlsplit(url)
        httpx2.URL(url)
        return bool(parts.hostname and parts.hostname.encode("idna")) and url.isascii() and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        return False


def _base_url(url: str) -> str:
    url = url.rstrip("/").removesuffix("/audio/speech")
    return url if urlsplit(url).path else f"{url}/v1"


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):  # the client would show it in its complaint
        raise SaladError(f"The environment variable {KEY} has characters that no key has", "Set it anew, or unset it.")
    return key


def _fix_for(code: int) -> str:
    if code in (401, 403):
        return f"Put the server's key into the environment variable {KEY}."
    return _LOOK


def _named_wait(named: str | None, otherwise: float) -> float:
    """Return the seconds that the header Retry-After names, as a number or a date, between 0 and `LONGEST_WAIT`."""
    if named is None:
        return otherwise
    try:
        seconds = float(named)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(named) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):  # no date either, or one without a zone
            return otherwise
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else otherwise
