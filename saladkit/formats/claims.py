"""Claims: which process makes which part of an artefact that several processes make together (`--claim`).

While the artefact is not complete, `working/claims/NAME.NUMBER` is a claim on the part whose name is NAME, such as
`part-00003-of-00012.parquet`; the name `manifest` stands for what is done once after all parts. A claim is created so
that creating it again fails (O_EXCL), so of all processes one has it. It is JSON with `host`, `process`, `namespace`
(in which the process's number counts: a container's, on Linux), `token` (drawn by the process), and in seconds `since`
and `timeout` (`--claim-timeout`). The process touches the file again and again. A claim that was not touched for
`--claim-timeout` is stale: its process has died, or lost its machine or network.

NUMBER is 0, or one more than that of the stale claim that is taken over; the claim of the highest number counts. No
claim is ever removed or renamed, so of two processes that find a claim stale one takes it over. A claim that is given
up is touched with the time 0. Claims of parts that are ready have no meaning.

All times are those of the file system, which stamps the claims of all machines by one clock.
"""

import json
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from saladkit.formats.artefact import WORKING
from saladkit.formats.json_text import parse_json
from saladkit.formats.writing_process import WritingProcess, this_process

CLAIMS = "claims"
MANIFEST_CLAIM = "manifest"
USUAL_TIMEOUT = 900.0  # s; default of --claim-timeout
_WRITTEN: dict[str, type] = {"host": str, "process": int, "token": str, "since": float, "timeout": float}
_WRITTEN_AS = (_WRITTEN | {"namespace": int}, _WRITTEN)  # the second where the system has no namespaces
TOUCHES = 10  # of a claim before it is stale, so that a slow file system or a busy process does not lose it


@dataclass(frozen=True)
class Claim:
    """A claim as its file tells it.

    Attributes:
        name, number: of the part, and of the claim among all on this part.
        host, process: who made it; empty and 0 while the file is being written.
        token: differs between processes, also where host and process are the same.
        since, touched: when it was made and last touched, in s, by the clock of the file system.
        timeout: seconds after which its process wants it to be taken over; the default while the file is being written.
        namespace: in which the number of the process counts; None where the system has none.
    """

    name: str
    number: int
    host: str
    process: int
    token: str
    since: float
    touched: float
    timeout: float
    namespace: int | None = None

    @property
    def by(self) -> WritingProcess:
        """The process that made it."""
        return WritingProcess(self.host, self.process, self.namespace)

    @property
    def who(self) -> str:
        """Host and process, for people."""
        return f"{self.host} (process {self.process})" if self.host else "a process that has just begun"


def claims_folder(artefact: Path) -> Path:
    """Return the folder of an artefact's claims."""
    return artefact / WORKING / CLAIMS


def newest_claim(folder: Path, name: str) -> Claim | None:
    """Return the claim on a part that counts; None if there is none."""
    claim, number = None, 0
    while (found := _read(folder, name, number)) is not None:
        claim, number = found, number + 1
    return claim


def claims_on(folder: Path, names: Collection[str]) -> list[Claim]:
    """Return the claims that count on any of these parts, sorted by name."""
    numbers: dict[str, int] = {}
    files: list[str] = []
    with suppress(FileNotFoundError):  # there are no claims, or none any more
        files = os.listdir(folder)
    for file in files:
        name, _, number = file.rpartition(".")
        if name in names and number.isdecimal():
            numbers[name] = max(int(number), numbers.get(name, 0))
    found = [_read(folder, name, number) for name, number in sorted(numbers.items())]
    return [claim for claim in found if claim is not None]


def _read(folder: Path, name: str, number: int) -> Claim | None:
    try:
        with open(
            folder / f"{name}.{number}", errors="replace"
        ) as stream:  # NFS looks at the server when a file is opened
            touched, text = os.fstat(stream.fileno()).st_mtime, stream.read()
    except FileNotFoundError:
        return None
    try:
        told = parse_json(text)
        if not isinstance(told, dict) or {key: type(value) for key, value in told.items()} not in _WRITTEN_AS:
            raise ValueError("it is damaged")
    except ValueError:  # or it is being written
        told = {"host": "", "process": 0, "token": "", "since": touched, "timeout": USUAL_TIMEOUT}
    return Claim(name, number, touched=touched, **told)


def file_system_time(folder: Path) -> float:
    """Return the time in s by the clock that stamps the files of a folder, which may be another machine's.

    Raises:
        OSError: nothing can be written there.
    """
    probe = folder / f"now-{this_process()}-{threading.get_ident()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def are_alive(folder: Path) -> bool:
    """Return whether one of the claims in a folder is not stale; probes and what was given up do not count."""
    names = {file.name.rpartition(".")[0] for file in folder.glob("*.*")}
    claims = [claim for claim in claims_on(folder, names) if claim.touched]
    try:
        now = file_system_time(folder) if claims else 0.0
    except FileNotFoundError:  # the artefact was completed just now
        return True
    return any(not is_stale(claim, now, claim.timeout) for claim in claims)


class FileSystemClock:
    """The clock of `file_system_time`, which is read again after `refresh` s; between, this machine counts on."""

    def __init__(self, folder: Path, refresh: float):
        self._folder, self._refresh = folder, refresh
        self._read_at, self._offset = -math.inf, 0.0

    def now(self) -> float:
        """Return the time in s."""
        passed = time.monotonic()
        if passed - self._read_at > self._refresh:
            self._read_at, self._offset = passed, file_system_time(self._folder) - passed
        return passed + self._offset


def is_stale(claim: Claim, now: float, timeout: float) -> bool:
    """Return whether a claim was not touched for `timeout` s, or its process has ended on this machine.

    Args:
        now: the file system's time.
    """
    return now - claim.touched > timeout or claim.by.has_ended()


class Claims:
    """The claims of this process on parts of one artefact, kept alive by a thread. Use it as a context.

    Its methods raise FileNotFoundError when the folder of claims is gone, as when the artefact is complete.
    """

    def __init__(self, artefact: Path, timeout: float, on_take_over: Callable[[Claim], object]):
        """Open the claims; entering the context creates their folder.

        Args:
            timeout: seconds after which a claim of this process is stale if it was not touched.
            on_take_over: called with each claim that is taken over.
        """
        self.folder, self.timeout = claims_folder(artefact), timeout
        self._by, self._token = this_process(), secrets.token_hex(8)
        self._held, self._end = dict[str, Path](), threading.Event()
        self._lock, self._thread = threading.Lock(), threading.Thread(target=self._keep_alive, daemon=True)
        self._clock, self._on_take_over = FileSystemClock(self.folder, timeout / TOUCHES), on_take_over

    def take(self, name: str) -> bool:
        """Claim a part; return whether this process has it now. A stale claim is taken over."""
        before = newest_claim(self.folder, name)
        if before is not None and not self.is_free(before):
            return False
        path = self.folder / f"{name}.{0 if before is None else before.number + 1}"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError:
            return False
        try:
            self._write(descriptor)
        except OSError:
            os.utime(path, (0, 0))  # given up; if it were removed, a claim N + 1 on it would not be found
            raise
        with self._lock:
            self._held[name] = path
        if before is not None:
            self._on_take_over(before)
        return True

    def _write(self, descriptor: int) -> None:
        with open(descriptor, "w") as stream:
            since = os.fstat(descriptor).st_mtime
            who = {"host": self._by.host, "process": self._by.number, "token": self._token}
            if self._by.namespace is not None:
                who["namespace"] = self._by.namespace
            json.dump(who | {"since": since, "timeout": self.timeout}, stream)

    def others(self, name: str) -> Claim | None:
        """Return the claim by which another process has a part; None if the part can be taken."""
        claim = newest_claim(self.folder, name)
        return None if claim is None or self.is_free(claim) else claim

    def is_free(self, claim: Claim) -> bool:
        """Return whether a claim is stale, or was left by an earlier process that had this one's host and number."""
        if claim.by in (self._by, replace(self._by, namespace=None)):  # as in a container that began anew
            return claim.token != self._token or claim.touched == 0
        return is_stale(claim, self._clock.now(), claim.timeout if claim.host else self.timeout)

    def let_go(self, name: str) -> None:
        """Touch the claim on a part no longer, as the part is ready."""
        with self._lock:
            self._held.pop(name, None)

    def give_up(self) -> None:
        """Let others take at once what this process has claimed."""
        with self._lock:
            for path in self._held.values():
                with suppress(FileNotFoundError):  # the artefact is complete
                    os.utime(path, (0, 0))
            self._held.clear()

    def _keep_alive(self) -> None:
        while not self._end.wait(self.timeout / TOUCHES):
            with self._lock:
                for path in self._held.values():
                    with suppress(OSError):  # without a touch the claim becomes stale, which is what it then is
                        os.utime(path)

    def __enter__(self) -> "Claims":
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.give_up()
