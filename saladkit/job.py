"""The frame of every command that makes an artefact: plan, dry run, resuming, parts, manifest and summary.

    return Job("cache-speech", SCHEMA, VERSION, settings, inputs={"samples": source}).run(
        output, plan={"rows": 120}, make=lambda work: ...
    )

`run` calls `make`, which makes the missing parts and returns a description of the whole artefact, and then writes
manifest and summary. With `--dry-run`, `run` only returns the plan; for a complete artefact, it returns the summary.
"""

import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from saladkit.errors import SaladError
from saladkit.formats.artefact import BAD_AUDIO, MANIFEST, PLAN, SUMMARY
from saladkit.formats.artefact_writer import ArtefactWriter, create_artefact
from saladkit.formats.files import read_json
from saladkit.machine import is_main_process, main_process_first, processes
from saladkit.progress import progress_bar
from saladkit.settings.setting import Settings
from saladkit.sources.digests import digest_source

Filled = TypeVar("Filled")


@dataclass(frozen=True)
class Part:
    """A part of an artefact that can be made alone.

    Attributes:
        files: names of its files.
        rows: number of rows, for the progress bar.
        turn: the part is made by the process with index `turn % num_shards`; None for its index among the parts.
    """

    files: tuple[str, ...]
    rows: int = 1
    turn: int | None = None


@dataclass(frozen=True)
class Made:
    """Describe a complete artefact.

    Attributes:
        counts: rows, tokens, seconds of audio and similar, for the manifest.
        figures: content of the summary.
        skipped: rows that were left out, each with `id` and `reason`.
        identity: what the content depends on beyond settings and inputs, such as digests of model and tokenizer.
    """

    counts: dict
    figures: dict
    skipped: list[dict] = field(default_factory=list)
    identity: dict = field(default_factory=dict)


class OthersAtWork(Exception):
    """Other processes have yet to make some parts of the artefact."""


class Clock:
    """Time and memory of one run of a command.

    Attributes:
        started: `time.monotonic()` at the start.
        workers: number of worker processes, whose memory counts.
    """

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.workers = 1

    def seconds(self) -> float:
        """Return the wall-clock seconds since the start."""
        return time.monotonic() - self.started

    def peak_memory_bytes(self) -> int:
        """Estimate the peak resident memory: that of this process, plus the largest worker's for every worker."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest_child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        kibibytes = 1 if sys.platform == "darwin" else 1024
        return (own + largest_child * (self.workers if self.workers > 1 else 1)) * kibibytes


class Work:
    """An artefact that is being made; the argument of `make`."""

    def __init__(self, job: "Job", writer: ArtefactWriter, clock: Clock):
        self.writer, self.clock, self._job = writer, clock, job
        self._bar: Any = None

    @property
    def path(self) -> Path:
        """The output folder."""
        return self.writer.path

    def bytes(self) -> int:
        """Return the size of all files that are ready."""
        return sum((self.path / name).stat().st_size for name in self.writer.files)

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """Yield a temporary path for the file `name`, which is renamed into place if the body succeeds."""
        return self.writer.writing(name)

    def has(self, name: str) -> bool:
        """Return whether the file `name` is ready."""
        return self.writer.has(name)

    def adopt_all(self, but: Sequence[str] = ()) -> None:
        """Make every file of the folder a part of the artefact, such as those that transformers has written.

        Args:
            but: names of files and folders in the output folder that are not part of it, beside plan and summary.
        """
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            name = file.relative_to(self.path)
            if name.parts[0] not in (PLAN, SUMMARY, *but):
                self.has(str(name))

    def discard(self) -> None:
        """Remove the artefact with all its files, before an error that makes them useless."""
        self.writer.discard()

    def advance(self, rows: int = 1) -> None:
        """Move the progress bar of `fill` by this many rows."""
        self._bar.update(rows)

    def ready(self, parts: Sequence[Part]) -> list[int]:
        """Return the indices of the parts that are ready."""
        return [index for index, part in enumerate(parts) if self.writer.has_all(part.files)]

    def fill(self, parts: Sequence[Part], fill: Callable[[Iterator[int]], Filled], *, unit: str = "row") -> Filled:
        """Make the missing parts of this process, with a progress bar.

        Args:
            fill: makes parts, given an iterator over their indices.
            unit: what the bar counts.

        Returns:
            What `fill` returns.

        Raises:
            OthersAtWork: parts of other processes are still missing.
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
        verb: name of the command.
        schema, version: schema of the artefact.
        settings: settings of the command, among which `dry_run`, `overwrite`, `num_shards` and `shard_index` are
            obeyed.
        inputs: paths of the inputs by role; None for an optional input that is not given.
        also_read: further paths that do not change the content, such as an earlier artefact whose work is copied.
        identified: what the content depends on beyond settings and inputs, and is known before the artefact is made.
        device: device of a distributed training.
        tidy: called with the folder when the artefact is complete.
        clock: measures the run, from the creation of the job unless a clock is given.
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
        """Plan, resume or make the artefact at `output`, unless it is complete.

        Args:
            plan: figures of the summary if nothing is made (`--dry-run`), or if parts of other processes are missing.
            make: makes the artefact's files.
            foresee: computes further figures of the plan, for a dry run only, as they take time.
            examine: computes further figures of the complete artefact, in every run; they are not stored.

        Returns:
            The summary that the command prints.

        Raises:
            SaladError: as `create_artefact`, and what `make` raises.
        """
        if getattr(self.settings, "dry_run", False):
            return self._summary({"dry_run": True} | plan | (foresee() if foresee else {}))
        writer = self._open(output)
        if writer.finished is not None:
            self._check_strict(writer)
            self.tidy(writer.path)  # in case the earlier run was interrupted just before it
            return writer.finished | (examine(writer.path) if examine else {})
        alone = processes() == 1 and getattr(self.settings, "num_shards", 1) == 1
        try:
            with writer.discarded_on_error() if alone else nullcontext():
                made = make(Work(self, writer, self.clock))
        except OthersAtWork:
            return self._summary({"shards_missing": True} | plan)
        if not is_main_process():
            return self._summary(made.figures)
        writer.finish(counts=made.counts, skipped=made.skipped, identity=made.identity)
        self.tidy(writer.path)
        return self._summary(made.figures, writer) | (examine(writer.path) if examine else {})

    def _check_strict(self, writer: ArtefactWriter) -> None:
        left_out = read_json(writer.path / MANIFEST)["counts"].get(BAD_AUDIO)
        if left_out and getattr(self.settings, "strict", False):
            raise SaladError(
                f"{writer.path} was made without --strict, and lacks {left_out} rows whose audio cannot be used",
                "Look at `skipped` in its manifest, mend or remove these rows, and make it again with --overwrite.",
            )

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
                overwrite=getattr(self.settings, "overwrite", False) and is_main_process(),  # others resume
                digest=digest_source,
            )

    def _summary(self, figures: dict, writer: ArtefactWriter | None = None) -> dict:
        """Return the summary that the command prints, and write it beside the manifest if there is a writer."""
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
    """Return several inputs of one role by the names `role 0`, `role 1`, …"""
    return {f"{role} {index}": path for index, path in enumerate(paths)}
