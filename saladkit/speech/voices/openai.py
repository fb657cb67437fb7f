"""Voices of servers with OpenAI's speech interface: a client posts a text and receives a wav.

The `openai` package makes the requests. By default it reads answers of any size for any time, sends the key to
redirected addresses, and repeats requests that timed out; this module limits all of this.

Whether equal texts give equal samples depends on the server, and a client cannot tell whether the server has changed
its model. Only address, voice and model name identify such a voice.
"""

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import cast
from urllib.parse import urlsplit

import httpx2
from openai import APIConnectionError, APIStatusError, DefaultHttpx2Client, Omit, OpenAI, omit

from saladkit.errors import SaladError
from saladkit.speech.voices.harmful_characters import without_phonemes
from saladkit.speech.voices.ranges import DrawsSpeed, Range
from saladkit.speech.voices.received_audio import MOST_BYTES, received_utterance, shown
from saladkit.speech.voices.time_limit import parse_limit
from saladkit.speech.voices.voice import Utterance, VoiceGaveUp

KEY = "OPENAI_API_KEY"
WAITS = (1.0, 2.0, 4.0)  # s before the second, third and fourth try, unless the server names a time
LONGEST_WAIT = 60.0  # s, whatever the server names
_ERROR_BYTES = 2000  # read from an error answer; messages are shorter
_PASSES = (408, 429)  # client errors that may pass: request timeout, too many requests
_MODEL = "tts-1"  # OpenAI's model; servers with one model accept this name for it
_SPEEDS = (0.25, 4.0)  # the limits of OpenAI
_DESCRIPTION = re.compile(
    r"(?P<url>https?://[^#?\s]+)#(?P<voice>[^@,]+)(?:@(?P<speed>[^,]+))?"
    r"(?P<options>(?:,(?:model|language|limit)=[^,]+)*)"
)
_LOOK = "Check that the server runs, and the address, voice and model in the voice's name."


class OpenAIVoice(DrawsSpeed):
    """`URL#VOICE[@SPEED][,model=NAME][,language=CODE][,limit=SECONDS]`, e.g. "http://localhost:8880/v1#af_heart@0.9".

    URL is the server's base URL as OpenAI's clients take it: with "/v1", or the host alone. SPEED is 0.25 to 4, or a
    range; by default the server chooses it. NAME is the model, tts-1 by default. CODE is the language of the voice,
    which saladkit uses and does not send. A request may take SECONDS, 60 by default.

    The key in the environment variable OPENAI_API_KEY, if set, is sent to the server and never written to files.

    Raises:
        SaladError: the description has another form. The server is first asked by `speak`.
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
                "a voice's name contains a user name or password for its server, and names are written to files",
                f"Remove both from the address, and put the server's key into the environment variable {KEY}.",
            )
        self._url, self._voice = parts["url"], parts["voice"]
        self._speed = Range.parse(parts["speed"], within=_SPEEDS, what="the speed") if parts["speed"] else None
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

    def speak(self, text: str) -> Utterance:
        """Speak `text` at the server's sample rate; no word has times.

        Requests to an overloaded or unreachable server are repeated up to three times.

        Raises:
            SaladError: `text` has no words, or the key has characters that keys cannot have.
            VoiceFailed: the server refuses, does not answer in time, or sends no audio.
        """
        if not text.split():
            raise SaladError(f"there is nothing to speak in {text[:80]!r}", "Remove empty texts.")
        key = _key()
        content = self._request(without_phonemes(text).encode("utf-8", errors="replace").decode(), key)
        return received_utterance(content, text, sender=self.name, fix=_LOOK, secret=key)

    def _request(self, text: str, key: str) -> bytes:
        """Request the audio, and repeat the request after errors that may pass."""
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
                # `shown` hides the key, which servers quote in error messages
                failure = f"answered {error.status_code}: {shown(error.response.content, key)}"
                if error.status_code < 500 and error.status_code not in _PASSES:
                    raise VoiceGaveUp(f"{self.name} {failure}", _fix_for(error.status_code)) from None
                wait = wait and _named_wait(error.response.headers.get("Retry-After"), wait)
            except APIConnectionError as error:
                reason = error.__cause__
                if isinstance(reason, httpx2.ReadTimeout):  # a second try would take as long
                    raise VoiceGaveUp(
                        f"{self.name} took longer than {self._limit:g} s",
                        "Allow more time: add ,limit=SECONDS to the voice's name.",
                    ) from None
                failure = f"does not answer ({str(reason or '') or type(reason).__name__})"
            except _TooManyBytes:
                raise VoiceGaveUp(f"{self.name} sent more than {MOST_BYTES} bytes", _LOOK) from None
            if wait is not None:
                time.sleep(wait)
        raise VoiceGaveUp(f"{self.name} {failure}, {len(WAITS) + 1} times", _LOOK)


def _client(url: str, limit: float) -> OpenAI:
    """Make a client that limits the size and time of answers, and neither repeats requests nor follows redirects.

    A redirect would send the key to another server.
    """

    def start(request: httpx2.Request) -> None:
        request.extensions["deadline"] = time.monotonic() + limit

    def bound(response: httpx2.Response) -> None:
        response.headers.pop("Content-Encoding", None)  # not requested; content could unpack to any size
        response.stream = _Bounded(response)

    try:
        http_client = DefaultHttpx2Client(
            timeout=limit, follow_redirects=False, event_hooks={"request": [start], "response": [bound]}
        )
    except (ValueError, ImportError, httpx2.InvalidURL):  # without its text: a proxy's address may contain a password
        raise SaladError(
            "a proxy that the environment names cannot be used",
            "Correct or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY. A SOCKS proxy needs: pip install 'httpx2[socks]'",
        ) from None
    return OpenAI(
        api_key=lambda: "",  # each request sends the current key
        base_url=_base_url(url),
        http_client=http_client,
        max_retries=0,
        default_headers={"Accept-Encoding": "identity"},
    )


class _TooManyBytes(Exception):
    """An answer has more than `MOST_BYTES`."""


class _Bounded(httpx2.SyncByteStream):
    """The body of an answer up to the request's deadline and `MOST_BYTES`, or the beginning of an error's body."""

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
                # The client's own time limit holds for each read.
                if time.monotonic() > self._request.extensions["deadline"]:
                    raise httpx2.ReadTimeout("the whole answer takes too long", request=self._request)
        except httpx2.RequestError:
            if not self._is_error:  # an error's status is known without its message
                raise

    def close(self) -> None:
        self._stream.close()


def _is_address(url: str) -> bool:
    """Return whether a request can be sent to the URL; the libraries would raise errors of many types."""
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
    if not (key.isascii() and key.isprintable()):  # the client's own error would show the key
        raise SaladError(
            f"the environment variable {KEY} has characters that no key has", f"Set {KEY} to the key, or unset it."
        )
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
        except (TypeError, ValueError):  # neither a number nor a date with a zone
            return otherwise
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else otherwise
