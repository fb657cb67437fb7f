"""Voices of a server that speaks OpenAI's protocol for speech: a text is posted, a wav comes back.

Whether the same text gives the same samples is the server's own matter, and whether it still runs the model of
yesterday nobody can tell from here: what it sends is known by its address, voice and model alone.
"""

import http.client
import json
import os
import random
import re
import time
import urllib.error
import urllib.request
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.speech.voices.ranges import Range
from saladkit.speech.voices.received_audio import MOST_BYTES, received_utterance, shown
from saladkit.speech.voices.time_limit import parse_limit
from saladkit.speech.voices.voice import Utterance, VoiceGaveUp

KEY = "OPENAI_API_KEY"
WAITS = (1.0, 2.0, 4.0)  # s before the second, third and fourth try, where the server names no time itself
LONGEST_WAIT = 60.0  # s, whatever the server names
_PASSES = (408, 429)  # of the answers that blame the asker, those that may be others a little later
_MODEL = "tts-1"  # OpenAI's own; servers with one model take it for theirs
_SPEEDS = (0.25, 4.0)  # OpenAI's own limits
_DESCRIPTION = re.compile(
    r"(?P<url>https?://[^#?\s]+)#(?P<voice>[^@,]+)(?:@(?P<speed>[^,]+))?"
    r"(?P<options>(?:,(?:model|language|limit)=[^,]+)*)"
)
_LOOK = "Look at the server and at the address, voice and model in the voice's name."


class OpenAIVoice:
    """`URL#VOICE[@SPEED][,model=NAME][,language=CODE][,limit=SECONDS]`, e.g. "http://localhost:8880/v1#af_heart@0.9".

    URL is the server's, as OpenAI's own clients take it: with "/v1", or the host alone. SPEED is 0.25 to 4, or a range;
    it is not sent where it is not given. The model is tts-1 unless NAME says another. CODE is the language that the
    voice speaks, for what depends on it here; the server is not told. An answer may take 60 s, or SECONDS.

    The environment variable OPENAI_API_KEY is sent as the key if it is set, whoever the server is, and written nowhere.
    Raises SaladError for a name of another form; whether the server is there is known when it is asked to speak.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        parts = _DESCRIPTION.fullmatch(description)
        options = [option.split("=", 1) for option in parts["options"].split(",") if option] if parts else []
        if not parts or not _is_address(parts["url"]) or len(dict(options)) != len(options):
            raise SaladError(
                f"'openai:{description}' does not describe a voice of a server.",
                "Write openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE][,limit=SECONDS],"
                " such as openai:http://localhost:8880/v1#af_heart.",
            )
        if "@" in urlsplit(parts["url"]).netloc:
            raise SaladError(
                "A voice's name holds a user name or password for its server, and names are written to files.",
                f"Leave it out of the address, and put the server's key into the environment variable {KEY}.",
            )
        self._url, self._voice = parts["url"], parts["voice"]
        self._speed = parts["speed"] and Range.parse(parts["speed"], within=_SPEEDS, what="the speed")
        self._options = dict(options)
        self._limit = parse_limit(self._options.get("limit"))
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
        """With one speed where the name gives a range."""
        voice = copy(self)
        voice._speed = self._speed and self._speed.draw(draws)
        voice._name()
        return voice

    def speak(self, text: str) -> Utterance:
        """Speak `text` at the server's sample rate; no word has times.

        An overloaded or unreachable server is asked four times.

        Raises:
            SaladError: there is nothing to speak in `text`, or the key is none.
            VoiceFailed: the server refuses, does not answer, or sends no audio.
        """
        if not text.split():
            raise SaladError(f"There is nothing to speak in {text[:80]!r}.", "Remove empty texts.")
        asked = {
            "model": self._model,
            "input": text.encode("utf-8", errors="replace").decode(),
            "voice": self._voice,
            "response_format": "wav",
            **({"speed": self._speed.low} if self._speed else {}),
        }
        content = self._answer(json.dumps(asked).encode())
        return received_utterance(content, text, sender=self.name, fix=_LOOK, secret=_key())

    def _answer(self, body: bytes) -> bytes:
        for wait in (*WAITS, None):
            try:
                return self._post(body)
            except urllib.error.HTTPError as error:
                with error:
                    # a server may well say in its answer which key it was sent
                    failure = f"answered {error.code}: {shown(_body_of(error), _key())}"
                if error.code < 500 and error.code not in _PASSES:
                    raise VoiceGaveUp(f"{self.name} {failure}", _fix_for(error.code)) from None
                wait = wait and _named_wait(error.headers.get("Retry-After"), wait)
            except TimeoutError:  # once more would take as long
                raise VoiceGaveUp(
                    f"{self.name} took longer than {self._limit:g} s.", "Give it longer: add ,limit=SECONDS."
                ) from None
            except (OSError, http.client.HTTPException) as error:
                failure = f"does not answer ({getattr(error, 'reason', error) or type(error).__name__})"
            if wait is not None:
                time.sleep(wait)
        raise VoiceGaveUp(f"{self.name} {failure}, {len(WAITS) + 1} times.", _LOOK)

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "User-Agent": f"saladkit/{__version__}"}
        if key := _key():
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(_speech_address(self._url), data=body, headers=headers, method="POST")
        deadline = time.monotonic() + self._limit
        content = bytearray()
        with _OPENER.open(request, timeout=self._limit) as answer:
            while block := answer.read1(1 << 16):
                content += block
                if time.monotonic() > deadline:  # the timeout above is one of each read
                    raise TimeoutError
                if len(content) > MOST_BYTES:
                    raise VoiceGaveUp(f"{self.name} sent more than {MOST_BYTES} bytes.", _LOOK)
            if answer.length:  # read1 says nothing of a connection that was cut
                raise http.client.IncompleteRead(b"", answer.length)
        return bytes(content)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: following one would send the key to whom it names, and turn the POST into a GET."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def _is_address(url: str) -> bool:
    """Whether a request can be made of it, which http.client and socket would tell by many kinds of errors."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname and parts.hostname.encode("idna")) and url.isascii() and parts.port != 0
    except ValueError:
        return False


def _speech_address(url: str) -> str:
    url = url.rstrip("/")
    if url.endswith("/audio/speech"):
        return url
    return f"{url}/audio/speech" if urlsplit(url).path else f"{url}/v1/audio/speech"


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):  # http.client would print it with its complaint
        raise SaladError(f"The environment variable {KEY} has characters that no key has.", "Set it anew, or unset it.")
    return key


def _body_of(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(2000)
    except (OSError, http.client.HTTPException):
        return b""


def _fix_for(code: int) -> str:
    if code in (401, 403):
        return f"Put the server's key into the environment variable {KEY}."
    return _LOOK


def _named_wait(named: str | None, otherwise: float) -> float:
    """Seconds that the header Retry-After names, as a number or a date."""
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
