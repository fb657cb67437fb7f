"""A job: what every command that makes an artefact does around its own work, once.

    return Job("cache-speech", SCHEMA, VERSION, settings, inputs={"samples": source}).run(
        output, plan={"rows": 120}, make=lambda work: ...
    )

`run` prints a plan and stops (`--dry-run`), or returns the summary of an artefact that is finished already, or calls
`make`, which fills the parts that are missing and says what the artefact holds; then writes manifest and summary.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from saladkit.formats.artefact import ArtefactWriter, create_artefact
from saladkit.machine import is_main_process, main_process_first, processes
from saladkit.progress import progress_bar
from saladkit.settings.setting import Settings
from saladkit.sources.digests import digest_source

Filled = TypeVar("Filled")


@dataclass(frozen=True)
class Part:
    """A part of an artefact that can be made alone.

    Attributes:
        rows: how far the progress bar moves with it.
        turn: process `turn % num_shards` makes it; None for its place among the parts.
    """

    files: tuple[str, ...]
    rows: int = 1
    turn: int | None = None


@dataclass(frozen=True)
class Made:
    """What an artefact holds when it is complete.

    Attributes:
        counts: rows, tokens, seconds of audio and the like, for the manifest.
        skipped: rows that were left out, each with `id` and `reason`.
        identity: what the content depends on beyond the inputs, such as a model's and a tokenizer's digest.
        figures: what the summary says.
    """

    counts: dict
    figures: dict
    skipped: list[dict] = field(default_factory=list)
    identity: dict = field(default_factory=dict)


class OthersAtWork(Exception):
    """Parts are missing that other processes make."""


class Clock:
    """Measures one run of a command."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.workers = 1  # processes beside this one, whose memory counts

    def seconds(self) -> float:
        """Wall-clock seconds since the start."""
        return time.monotonic() - self.started

    def peak_memory_bytes(self) -> int:
        """Peak resident memory: this process's, and the largest worker's as many times as there are workers."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        kibibytes = 1 if sys.platform == "darwin" else 1024
        return (own + largest_child * (self.workers if self.workers > 1 else 1)) * kibibytes


class Work:
    """The artefact while it is made: what `make` is given."""

    def __init__(self, job: "Job", writer: ArtefactWriter, clock: Clock):
        self.writer, self.clock, self._job = writer, clock, job
        self._bar: Any = None

    @property
    def path(self) -> Path:
        """The output folder."""
        return self.writer.path

    def bytes(self) -> int:
        """The size of the files that are there."""
        return sum((self.path / name).stat().st_size for name in self.writer.files)

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """Yield a temporary path for the file `name`, which is in place when the body has succeeded."""
        return self.writer.writing(name)

    def has(self, name: str) -> bool:
        """Whether the file `name` is there."""
        return self.writer.has(name)

    def take_away(self) -> None:
        """Remove all that was made, before an error that says why none of it is of use."""
        self.writer.take_away()

    def advance(self, rows: int = 1) -> None:
        """Move the progress bar of the parts."""
        self._bar.update(rows)

    def ready(self, parts: Sequence[Part]) -> list[int]:
        """The indices of the parts that are there."""
        return [index for index, part in enumerate(parts) if self.writer.has_all(part.files)]

    def fill(self, parts: Sequence[Part], fill: Callable[[Iterator[int]], Filled], *, unit: str = "row") -> Filled:
        """Let `fill` make the parts that are missing here; it is given their indices, one after another.

        Returns:
            What `fill` returns.

        Raises:
            OthersAtWork: parts of other processes are missing still.
        """
        with progress_bar(total=sum(part.rows for part in parts), what=self._job.verb, unit=unit) as self._bar:
            filled = fill(self._missing(parts))
        if not self.writer.has_all(name for part in parts for name in part.files):
            raise OthersAtWork
        return filled

    def _missing(self, parts: Sequence[Part]) -> Iterator[int]:
        settings = self._job.settings
        shards, mine = getattr(settings, "num_shards", 1), getattr(settings, "shard_index", 0)
        for index, part in enumerate(parts):
            if self.writer.has_all(part.files):
                self.advance(part.rows)
            elif (index if part.turn is None else part.turn) % shards == mine:
                yield index


@dataclass(frozen=True)
class Job:
    """One run of a command that makes an artefact.

    Attributes:
        settings: the verb's; its `dry_run`, `overwrite`, `num_shards` and `shard_index` are obeyed where it has them.
        inputs: what is read, by its role; None where a role is not filled.
        also_read: what is read and does not change the content, such as an earlier artefact whose work is copied.
        identified: what the content depends on beyond settings and inputs, known before it is made.
        device: where the processes that train together run; others need none.
        tidy: called on the folder when the artefact is complete.
        clock: started when the job is made, unless the command has begun to work before.
    """

    verb: str
    schema: str
    version: int
    settings: Settings
    inputs: Mapping[str, str | Path | None]
    also_read: Mapping[str, str | Path] = field(default_factory=dict)
    identified: dict = field(default_factory=dict)
    device: str = "cpu"
    tidy: Callable[[Path], object] = lambda folder: None
    clock: Clock = field(default_factory=Clock)

    def run(
        self,
        output: str | Path,
        *,
        plan: dict,
        make: Callable[[Work], Made],
        foresee: Callable[[], dict] | None = None,
        examine: Callable[[Path], dict] | None = None,
    ) -> dict:
        """Plan, find finished, or make the artefact at `output`; returns the command's summary.

        Args:
            plan: what a dry run prints, and a run whose parts other processes have still to make.
            foresee: further figures of the plan that take time, for a dry run alone.
            examine: further figures of the complete artefact, measured in every run and not kept beside the manifest.

        Raises:
            SaladError: as `create_artefact`, and whatever `make` raises.
        """
        if getattr(self.settings, "dry_run", False):
            return self._summary({"dry_run": True} | plan | (foresee() if foresee else {}))
        writer = self._open(output)
        if writer.finished is not None:
            self.tidy(writer.path)  # where the run was cut off right before
            return writer.finished | (examine(writer.path) if examine else {})
        alone = processes() == 1 and getattr(self.settings, "num_shards", 1) == 1
        try:
            with writer.nothing_left_of_an_error() if alone else nullcontext():
                made = make(Work(self, writer, self.clock))
        except OthersAtWork:
            return self._summary({"shards_missing": True} | plan)
        if not is_main_process():
            return self._summary(made.figures)
        writer.finish(counts=made.counts, skipped=made.skipped, identity=made.identity)
        self.tidy(writer.path)
        return self._summary(made.figures, writer) | (examine(writer.path) if examine else {})

    def _open(self, output: str | Path) -> ArtefactWriter:
        with main_process_first(self.device):
            return create_artefact(
                output,
                schema=self.schema,
                version=self.version,
                verb=self.verb,
                settings=self.settings.recorded() | self.identified,
                inputs={role: path for role, path in self.inputs.items() if path},
                also_read=dict(self.also_read),
                overwrite=getattr(self.settings, "overwrite", False) and is_main_process(),  # others find what it began
                digest=digest_source,
            )

    def _summary(self, figures: dict, writer: ArtefactWriter | None = None) -> dict:
        """The command's JSON summary; kept beside the manifest if there is one."""
        summary = {
            "command": self.verb,
            **({"output": str(writer.path), "resumed": writer.started_before} if writer else {}),
            **figures,
            "seconds": round(self.clock.seconds(), 2),
            "peak_memory_bytes": self.clock.peak_memory_bytes(),
        }
        if writer:
            writer.record(summary)
        return summary


def numbered(role: str, paths: Iterable[str | Path]) -> dict[str, str | Path]:
    """Inputs of one role: `role 0`, `role 1` and so on."""
    return {f"{role} {index}": path for index, path in enumerate(paths)}
