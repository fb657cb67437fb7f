"""The frame of every command that makes an artefact: plan, dry run, resuming, parts, manifest and summary.

    return Job("cache-speech", SCHEMA, VERSION, settings, inputs={"samples": source}).run(
        output, plan={"rows": 120}, make=lambda work: ...
    )

`run` calls `make`, which makes the missing parts and returns a description of the whole artefact, and then writes
manifest and summary. With `--dry-run`, `run` only returns the plan; for a complete artefact, it returns the summary.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from saladkit.errors import SaladError
from saladkit.formats.artefact import BAD_AUDIO, MANIFEST, PLAN, SUMMARY, WORKING
from saladkit.formats.artefact_writer import ArtefactWriter, create_artefact
from saladkit.formats.files import read_json
from saladkit.formats.parts import Part, write_parts
from saladkit.machine import (
    is_main_process,
    main_process_first,
    peak_memory_bytes,
    peak_memory_of_a_program_bytes,
    processes,
)
from saladkit.progress import progress_bar
from saladkit.settings.setting import Settings
from saladkit.sharing import MadeByOthers, OthersAtWork, Sharing
from saladkit.sources.digests import digest_source

Filled = TypeVar("Filled")
SUMMARY_AFTER = 5.0  # s after the manifest, by which other processes have written the summary


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


class Clock:
    """Time and memory of one run of a command.

    Attributes:
        started: `time.monotonic()` at the start.
        peak_bytes_of_workers: peak memory of all worker processes together.
    """

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.peak_bytes_of_workers = 0

    def seconds(self) -> float:
        """Return the wall-clock seconds since the start."""
        return time.monotonic() - self.started

    def peak_memory_bytes(self) -> int:
        """Return the peak resident memory of this process and its workers, or of a larger program that it started.

        A smaller program that ran beside them, such as that of a `command:` voice, is not counted.
        """
        return max(peak_memory_bytes() + self.peak_bytes_of_workers, peak_memory_of_a_program_bytes())


class Work:
    """An artefact that is being made; the argument of `make`."""

    def __init__(self, job: "Job", sharing: Sharing):
        self.writer, self.clock, self._job, self._sharing = sharing.writer, job.clock, job, sharing
        self._bar: Any = None
        self._made: set[str] = set()  # names of the parts that the progress bar has counted or counts row by row

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
            but: names of files and folders in the output folder that are not part of it, beside those of the run.
        """
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            name = file.relative_to(self.path)
            if name.parts[0] not in (PLAN, SUMMARY, WORKING, *but):
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

    def busy_seconds(self) -> float:
        """Return the wall-clock seconds since the start, without those spent waiting for other processes."""
        return self.clock.seconds() - self._sharing.waited

    def fill(
        self, parts: Sequence[Part], fill: Callable[[Iterator[int]], Filled], *, unit: str = "row"
    ) -> list[Filled]:
        """Make the missing parts of this process, with a progress bar.

        With `--claim`, this process takes parts that no other makes, until all are ready. Of the processes that share
        an artefact, only one returns.

        Args:
            fill: makes parts, given an iterator over their indices; called again if others leave parts undone.
            unit: what the bar counts.

        Returns:
            What each call of `fill` returned.

        Raises:
            OthersAtWork: parts of other processes are still missing.
            MadeByOthers: another process has completed the artefact.
        """
        write_parts(self.path, parts, unit)
        left = dict(enumerate(parts))
        with progress_bar(total=sum(part.rows for part in parts), what=self._job.verb, unit=unit) as self._bar:
            filled = [fill(self._missing(left))]
            while left := self._not_ready(left):
                self._sharing.wait_for_parts(list(left.values()), lambda: not self._not_ready(left))
                filled.append(fill(self._missing(left)))
        self._sharing.begin_to_finish()
        return filled

    def _missing(self, left: dict[int, Part]) -> Iterator[int]:
        """Yield the indices of the missing parts that this process makes."""
        for index, part in left.items():
            # Another process may have made the part just before the claim.
            if not self._is_ready(part) and self._sharing.may_make(index, part) and not self._is_ready(part):
                self._made.add(part.name)
                yield index

    def _not_ready(self, parts: dict[int, Part]) -> dict[int, Part]:
        return {index: part for index, part in parts.items() if not self._is_ready(part)}

    def _is_ready(self, part: Part) -> bool:
        """Return whether a part is ready; the progress bar moves on, unless this process has made it."""
        if not self.writer.has_all(part.files):
            return False
        if part.name not in self._made:
            self._made.add(part.name)
            self.advance(part.rows)
        self._sharing.let_go(part)
        return True


@dataclass(frozen=True)
class Job:
    """One run of a command that makes an artefact.

    Attributes:
        verb: name of the command.
        schema, version: schema of the artefact.
        settings: settings of the command, of which `dry_run`, `overwrite`, `remake` and those of `Shards` are obeyed.
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
            return self._finished(writer, writer.finished, examine)
        try:
            with Sharing(writer, self.verb, self.settings) as sharing:
                alone = sharing.alone and processes() == 1
                with writer.discarded_on_error() if alone else nullcontext():
                    made = make(Work(self, sharing))
                if not is_main_process():
                    return self._summary(made.figures)
                writer.finish(counts=made.counts, skipped=made.skipped, identity=made.identity)
        except OthersAtWork:
            return self._summary({"shards_missing": True} | plan)
        except MadeByOthers:
            return self._finished(writer, self._summary_of_others(writer.path), examine)
        self.tidy(writer.path)
        return self._summary(made.figures, writer) | (examine(writer.path) if examine else {})

    def _finished(self, writer: ArtefactWriter, summary: dict, examine: Callable[[Path], dict] | None) -> dict:
        """Return the summary of the artefact, which an earlier run or another process has completed."""
        self._check_strict(writer)
        writer.sweep()
        writer.tidy()  # in case the other run was interrupted just before it, or this process came late
        self.tidy(writer.path)
        return summary | (examine(writer.path) if examine else {})

    @staticmethod
    def _summary_of_others(folder: Path) -> dict:
        """Return the summary that another process writes next after the manifest; empty if it died between."""
        end = time.monotonic() + SUMMARY_AFTER
        while not (folder / SUMMARY).exists() and time.monotonic() < end:
            time.sleep(0.05)
        return read_json(folder / SUMMARY) if (folder / SUMMARY).exists() else {}

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
                remake=getattr(self.settings, "remake", False) and is_main_process(),
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
