"""Use any program as a voice: it is given the text on its standard input or as an argument, and writes a wav.

Whether equal texts give equal samples depends on the program alone.
"""

import os
import random
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, BinaryIO

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_file
from saladkit.speech.voices.harmful_characters import without_phonemes
from saladkit.speech.voices.placeholders import WAV, check_placeholders, filled
from saladkit.speech.voices.received_audio import MOST_BYTES, received_utterance, shown
from saladkit.speech.voices.time_limit import parse_limit
from saladkit.speech.voices.voice import Utterance, VoiceFailed

_DESCRIPTION = re.compile(r"\s*(?:limit=(?P<limit>\S+)\s+)?(?P<command>\S.*)", re.DOTALL)
_SHOWN = 100  # characters of a command in errors
_TRY_IT = "Try the command in a shell, with a text on its standard input."


class CommandVoice:
    """`[limit=SECONDS] PROGRAM [ARGUMENT...]`, quoted as in a shell, e.g. "limit=20 espeak-ng -v en --stdout".

    The program is run once for every text, without a shell. It reads the text on its standard input (UTF-8, ended by a
    line feed) and writes a wav, or other audio that libsndfile reads, to its standard output. If an argument contains
    `{wav}`, the program writes to a file instead, whose path takes the place of `{wav}`, and `{text}` is replaced by
    the text, as in "flite -t {text} -o {wav}". After `limit` (60 s by default) the program is killed together with all
    processes that it started.

    The voice's identity is the digests of the program and of every file among its arguments: a changed script is
    another voice.

    Raises:
        SaladError: the description is no command, it has an unknown placeholder, or the program does not exist.
    """

    language = None

    def __init__(self, description: str, *, device: str = "cpu"):
        self.name = f"command:{description}"
        parts = _DESCRIPTION.fullmatch(description)
        command, limit = (parts["command"], parts["limit"]) if parts else ("", None)
        try:
            program, *arguments = shlex.split(command)
        except ValueError as error:  # an open quote, or no program
            raise SaladError(
                f"{self.name!r} does not describe a command",
                "Write command:[limit=SECONDS] PROGRAM ARGUMENTS, quoted as in a shell; {text} is the text, {wav} names"
                " the file to write.",
            ) from error
        self.speaker = f"command:{command}"
        self._limit = parse_limit(limit)
        found = shutil.which(program)
        if found is None:
            raise SaladError(
                f"{self.name!r} needs the program {program!r}, which is not found or may not be run",
                "Install the program, or write its whole path; ~ and variables are not expanded.",
            )
        self._program, self._arguments = os.path.abspath(found), arguments
        self._shown = self.name if len(self.name) <= _SHOWN else f"{self.name[: _SHOWN - 1]}…"
        check_placeholders(self._shown, arguments)
        self.identity = {"program": _identity(Path(self._program)), **_files_among(arguments)}

    def narrowed(self, draws: random.Random) -> "CommandVoice":
        """Return this voice: its name has no ranges."""
        return self

    def speak(self, text: str) -> Utterance:
        """Speak `text`; no word has times.

        Raises:
            SaladError: `text` has no words.
            VoiceFailed: the program failed, took too long, or wrote no audio.
        """
        if not text.split():
            raise SaladError(f"there is nothing to speak in {text[:80]!r}", "Remove empty texts.")
        try:
            content = self._audio_of(without_phonemes(text))
        except OSError as error:
            raise VoiceFailed(
                f"{self._shown} cannot be given its temporary files: {error.strerror}",
                f"Free space in {tempfile.gettempdir()}, or set TMPDIR to another folder.",
            ) from error
        return received_utterance(content, text, sender=self._shown, fix=_TRY_IT)

    def _audio_of(self, text: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="saladkit-") as folder:
            wav = Path(folder) / "speech.wav"
            content = self._run([filled(argument, text, str(wav)) for argument in self._arguments], text)
            return self._written(wav) if any(WAV in argument for argument in self._arguments) else content

    def _run(self, arguments: list[str], text: str) -> bytes:
        """Run the program and return what it writes to its standard output."""
        # Input and stderr are files, not pipes: a program may leave its input unread, and write much to stderr.
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
            stdin.write(text.rstrip("\n").encode("utf-8", errors="replace") + b"\n")
            stdin.seek(0)
            try:
                status, content = _finish([self._program, *arguments], stdin, stderr, self._limit)
            except TimeoutError as error:
                raise VoiceFailed(
                    f"{self._shown} did not finish within {self._limit:g} s and was ended",
                    "Allow more time by command:limit=SECONDS PROGRAM..., or try the command in a shell.",
                ) from error
            except OSError as error:
                raise VoiceFailed(f"{self._shown} does not run: {error.strerror}", _TRY_IT) from error
            if content is None:
                raise VoiceFailed(f"{self._shown} wrote more than {MOST_BYTES} bytes and was ended", _TRY_IT)
            if status != 0:
                raise VoiceFailed(f"{self._shown} {_how_it_ended(status)}{_last_line(stderr)}", _TRY_IT)
        return content

    def _written(self, wav: Path) -> bytes:
        if not wav.is_file():
            raise VoiceFailed(f"{self._shown} did not write the file that {WAV} names", _TRY_IT)
        if wav.stat().st_size > MOST_BYTES:
            raise VoiceFailed(f"{self._shown} wrote a file of more than {MOST_BYTES} bytes", _TRY_IT)
        return wav.read_bytes()


def _finish(argv: list[str], stdin: BinaryIO, stderr: BinaryIO, limit: float) -> tuple[int, bytes | None]:
    """Run a program and return its exit status and its output, which is None if it is too long.

    Raises:
        TimeoutError: the program took longer than `limit` seconds.
        OSError: the program could not be started.
    """
    deadline = time.monotonic() + limit
    # A new session is a new process group, so that the processes that the program starts are killed with it.
    with subprocess.Popen(
        argv, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, bufsize=0, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None  # PIPE opens it
            content = _read(process.stdout, deadline)
            if content is None:
                _end(process)
            return process.wait(max(deadline - time.monotonic(), 0.0)), content
        except BaseException as error:  # nothing is left running after an interrupt either
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError from error
            raise


def _read(stream: IO[bytes], deadline: float) -> bytes | None:
    content = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (seconds := deadline - time.monotonic()) > 0 and selector.select(seconds):
            block = stream.read(1 << 20)
            if not block:
                return bytes(content)
            content += block
            if len(content) > MOST_BYTES:
                return None
    raise TimeoutError


def _end(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError, PermissionError):  # all processes of the group have ended
        os.killpg(process.pid, signal.SIGKILL)


def _how_it_ended(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:  # a real-time signal has no name
        return f"was ended by signal {-status}"


def _last_line(stderr: BinaryIO) -> str:
    """Return the last line of stderr, which mostly says why the program failed."""
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(stderr.tell() - 4096, 0))
    lines = [line for line in stderr.read().splitlines() if line.strip()]
    return f": {shown(lines[-1])}" if lines else " and said nothing"


def _files_among(arguments: list[str]) -> dict[str, str]:
    """Return the digests of files that arguments name, alone or after `=`; devices are left out."""
    pieces = (argument.split("=") for argument in arguments)
    paths = sorted({"=".join(parts[begin:]) for parts in pieces for begin in range(len(parts))})
    named = [path for path in paths if not path.startswith(("/dev/", "/proc/"))]
    return {path: _identity(Path(path)) for path in named if os.path.isfile(path)}


def _identity(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError:  # the file may be run but not read
        return f"{path.stat().st_size} bytes"
