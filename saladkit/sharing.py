"""Share the parts of an artefact among processes: a process makes all, every n-th one, or those that it claims."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN
from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.claims import MANIFEST_CLAIM, Claim, Claims, claims_folder, file_system_time
from saladkit.formats.parts import Part
from saladkit.progress import say
from saladkit.settings.setting import Settings
from saladkit.settings.shared import Shards

SHORTEST_POLL, LONGEST_POLL = 0.05, 5.0  # s between looks at what others have made
LOOKS, LONGEST_LOOK = 10, 30.0  # at the claims of others before one of them is stale, and s between them at most
NAMED = 3  # processes in a note


class OthersAtWork(Exception):
    """Other processes have yet to make some parts of the artefact."""


class MadeByOthers(Exception):
    """Another process has completed the artefact."""


class Sharing(AbstractContextManager):
    """What part of the work on one artefact this process does. Use it as a context.

    Attributes:
        alone: whether this process makes the whole artefact.
        waited: seconds that were spent waiting for other processes.
    """

    def __init__(self, writer: ArtefactWriter, verb: str, settings: Settings):
        shards = settings if isinstance(settings, Shards) else Shards()
        self.writer, self.verb, self.claiming = writer, verb, shards.claim
        self.index, self.count = shards.shard
        self.alone = not self.claiming and self.count == 1
        by_slurm = shards.num_shards is None and shards.shard_index is None
        self._why = ", by the Slurm array; --num-shards 1 makes all" if by_slurm else ""
        self.waited, self.timeout = 0.0, shards.claim_timeout
        self.claims = None if self.alone else Claims(writer.path, shards.claim_timeout, self._say_taken)

    def __enter__(self) -> "Sharing":
        if self.claims is not None:
            with _two_lines(self.writer.path):
                self.claims.__enter__()
            if not self.claiming:
                say(f"{self.verb}: shard {self.index} of {self.count}, counted from 0{self._why}")
        return self

    def __exit__(self, *_: object) -> None:
        if self.claims is not None:
            self.claims.__exit__()

    def may_make(self, index: int, part: Part) -> bool:
        """Return whether this process makes a part that is not ready; it then has claimed it, if it claims parts."""
        if self.claiming:
            return self._take(part.name)
        return (index if part.turn is None else part.turn) % self.count == self.index

    def let_go(self, part: Part) -> None:
        """Keep the claim on a part no longer, because the part is ready."""
        if self.claims is not None:
            self.claims.let_go(part.name)

    def wait_for_parts(self, parts: Sequence[Part], are_ready: Callable[[], bool]) -> None:
        """Wait until all parts are ready, or this process may claim one of them.

        Raises:
            OthersAtWork: this process claims no parts.
            SaladError: another process has removed the folder.
        """
        if not self.claiming or self.claims is None:
            raise OthersAtWork
        self.claims.give_up()  # what this process could not make
        self._wait([part.name for part in parts], are_ready)

    def begin_to_finish(self) -> None:
        """Claim what is done once after all parts; wait while another process does it.

        Raises:
            MadeByOthers: it has been done.
            SaladError: another process has removed the folder.
        """
        if self.alone:
            return
        while not self._take(MANIFEST_CLAIM) and not self._is_complete():
            self._wait([MANIFEST_CLAIM], self._is_complete)
        if self._is_complete():
            raise MadeByOthers
        with _two_lines(self.writer.path):
            self.writer.sweep(file_system_time(claims_folder(self.writer.path)) - self.timeout)

    def _wait(self, names: list[str], is_over: Callable[[], bool]) -> None:
        """Wait until `is_over`, or one of the names is free to be claimed."""
        began, poll, looked = time.monotonic(), SHORTEST_POLL, -math.inf
        while not is_over():
            if time.monotonic() - looked > min(LONGEST_LOOK, self.timeout / LOOKS):
                claims = self._others(names)
                if None in claims:
                    break
                if looked == -math.inf:
                    self._say_for_whom([claim for claim in claims if claim is not None])
                looked = time.monotonic()
            time.sleep(poll)
            poll = min(2 * poll, LONGEST_POLL)
        self.waited += time.monotonic() - began

    def _take(self, name: str) -> bool:
        assert self.claims is not None
        try:
            with _two_lines(self.writer.path):
                return self.claims.take(name)
        except FileNotFoundError:
            return self._claims_again() and self._take(name)

    def _others(self, names: list[str]) -> list[Claim | None]:
        """Return the claims of other processes on parts; None for a part that is free."""
        assert self.claims is not None
        try:
            with _two_lines(self.writer.path):
                return [self.claims.others(name) for name in names]
        except FileNotFoundError:
            self._claims_again()
            return [None for _ in names]

    def _claims_again(self) -> bool:
        """Return whether claims are still of use, after their folder was not there; if so, there is one again."""
        assert self.claims is not None
        if self._is_complete():
            return False
        if not (self.writer.path / PLAN).exists():
            raise SaladError(
                f"another process has removed {self.writer.path}",
                "Look at what the other processes print, and run the same command again.",
            )
        self.claims.folder.mkdir(parents=True, exist_ok=True)
        return True

    def _say_for_whom(self, claims: list[Claim]) -> None:
        everyone = sorted({claim.who for claim in claims})
        others = f" and {len(everyone) - NAMED} others" if len(everyone) > NAMED else ""
        parts = "1 part" if len(claims) == 1 else f"{len(claims)} parts"
        what = "the manifest" if claims[0].name == MANIFEST_CLAIM else parts
        say(f"{self.verb}: waiting for {what} by {', '.join(everyone[:NAMED])}{others}")

    def _say_taken(self, claim: Claim) -> None:
        if claim.touched:  # else it was given up
            say(f"{self.verb}: taking over {claim.name} of {claim.who}, which shows no sign of life")

    def _is_complete(self) -> bool:
        return (self.writer.path / MANIFEST).exists()


@contextmanager
def _two_lines(folder: Path) -> Iterator[None]:
    """Report what the file system refuses as a SaladError; that a file is missing is left as it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SaladError(
            f"no part can be claimed in {folder}: {error.strerror}",
            "Make the folder writable for this machine, with room on its disk, and run the same command again.",
        ) from error
