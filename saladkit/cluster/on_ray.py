"""Let workers on Ray make the parts of an artefact: each runs the same command line with --claim.

Ray starts the workers and tells which of them have died; parts and rows never pass through it. Only the arguments and
the last lines that a worker has printed do.
"""

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saladkit.cluster.command_line import worker_arguments
from saladkit.cluster.ray_cluster import LATE, check_shared, connected, living_nodes, workers_that_fit
from saladkit.cluster.worker import Outcome, run_command
from saladkit.errors import SaladError, first_line
from saladkit.formats.artefact import MANIFEST
from saladkit.formats.parts import Part, read_parts
from saladkit.progress import progress_bar, say
from saladkit.settings.shared import Shards

LOOK = 1.0  # s between looks at the workers
LOOKS = 20  # times what a look at the parts takes until the next one
FIRST_PAUSE = 1.0  # s before a worker that died is started again; doubled each time
GB = 1e9


def make_on_ray(arguments: list[str], output: str | Path, settings: Shards) -> dict:
    """Start the workers, and wait until all have ended.

    Args:
        arguments: of the command line, the verb first.

    Returns:
        `workers`, their number; `hosts` where they ran; `restarts` of workers that died; and `missing`, the parts that
        are not ready, as after errors of workers, whose last lines are printed.

    Raises:
        SaladError: the cluster cannot be used, or a worker ended with an error that a user can cause.
    """
    output = Path(output)
    if (output / MANIFEST).exists():
        return {"workers": 0, "hosts": [], "restarts": 0, "missing": []}
    with connected(settings.on or "ray") as ray:
        everywhere = living_nodes(ray)
        needs = {"CPU": settings.cpus, "GPU": settings.gpus, "memory": (settings.worker_memory or 0) * GB}
        room = workers_that_fit(everywhere, needs)
        nodes = [node for node, fit in zip(everywhere, room, strict=True) if fit]
        if not nodes:
            raise SaladError(
                f"no node of the cluster has what a worker needs: {_said(needs)}",
                "Give less of --cpus, --gpus or --worker-memory, or a cluster with such a node.",
            )
        check_shared(ray, output, nodes)
        own = worker_arguments(arguments, settings)
        crew = Crew(ray, own, needs, settings.retries, settings.workers or sum(room), arguments[0], output)
        where = f"{len(nodes)} node{'s' * (len(nodes) > 1)} of Ray"
        say(f"{crew.verb}: {crew.size} worker{'s' * (crew.size > 1)} on {where}")
        crew.work()
    done = {"workers": crew.size, "hosts": sorted(crew.hosts), "restarts": sum(crew.deaths.values())}
    return done | {"missing": [part.name for part in _missing(output, 0.0 if crew.failed else LATE)]}


def _said(needs: dict[str, float]) -> str:
    parts = (f"{needs['CPU']:g} CPU cores", f"{needs['GPU']:g} GPUs", f"{needs['memory'] / GB:g} GB of memory")
    return ", ".join(part for part in parts if not part.startswith("0 "))


@dataclass
class Crew:
    """The workers of one command.

    Attributes:
        ray: the module, connected.
        arguments: the command line of each worker.
        needs: as `workers_that_fit`.
        retries: how often each is started again after it died.
        size: number of workers.
        verb, output: for the progress bar.
        deaths: how often each worker has died.
        hosts: where workers have ended their work.
        failed: whether one of them has ended without having done it.
    """

    ray: Any
    arguments: list[str]
    needs: dict[str, float]
    retries: int
    size: int
    verb: str
    output: Path
    deaths: dict[int, int] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    failed: bool = False

    def work(self) -> None:
        """Run all workers to their end.

        Raises:
            SaladError: as `make_on_ray`.
        """
        running: dict[Any, int] = {}
        waiting = [(0.0, number) for number in range(self.size)]  # when to start which worker
        bar = _Progress(self.verb, self.output)
        try:
            while running or waiting:
                due = [number for at, number in waiting if at <= time.monotonic()]
                waiting = [(at, number) for at, number in waiting if number not in due]
                running |= {self._start(): number for number in due}
                for task in self._wait(list(running)):
                    number = running.pop(task)
                    if (pause := self._ended(task, number)) is not None:
                        waiting.append((time.monotonic() + pause, number))
                bar.look()
        except ConnectionError as error:  # of a client, whose server has gone
            raise SaladError(
                f"the Ray cluster does not answer any more: {first_line(error)}",
                "Look at `ray status`, and run the same command again; what is ready is kept.",
            ) from error
        finally:
            if self.ray.is_initialized():  # else `cancel` would connect again
                for task in running:
                    self.ray.cancel(task, force=True)
            bar.close()

    def _wait(self, running: list[Any]) -> list[Any]:
        """Return the workers that end within LOOK seconds; one of them at most."""
        if running:
            return self.ray.wait(running, timeout=LOOK)[0]
        time.sleep(LOOK)
        return []

    def _start(self) -> Any:
        resources = {"num_cpus": self.needs["CPU"], "num_gpus": self.needs["GPU"], "memory": self.needs["memory"]}
        run = self.ray.remote(run_command).options(max_retries=0, scheduling_strategy="SPREAD", **resources)
        return run.remote(self.arguments, str(Path.cwd()), max(1, math.floor(self.needs["CPU"])))

    def _ended(self, task: Any, number: int) -> float | None:
        """Look at how a worker ended; return after how many seconds it is started again, None if it is not.

        Raises:
            SaladError: it ended with an error that a user can cause.
        """
        try:
            outcome: Outcome = self.ray.get(task)
        except self.ray.exceptions.RayError as error:  # the worker or its node has died
            return self._again(number, first_line(error))
        self.hosts.add(outcome.host)
        if outcome.code == 2:
            raise _error_of(outcome)
        if outcome.code < 0:
            return self._again(number, f"a process on {outcome.host} was killed by signal {-outcome.code}")
        if outcome.code:
            self.failed = True
            lines = "\n".join(f"  {line}" for line in outcome.lines)
            say(f"{self.verb}: worker {number} on {outcome.host} failed with code {outcome.code}:\n{lines}")
        return None

    def _again(self, number: int, why: str) -> float | None:
        died = self.deaths[number] = self.deaths.get(number, 0) + 1
        if died > self.retries:
            self.failed = True
            say(f"{self.verb}: worker {number} has died {died} times and is not started again: {why}")
            return None
        say(f"{self.verb}: worker {number} has died, and is started again: {why}")
        return FIRST_PAUSE * 2 ** (died - 1)


def _error_of(outcome: Outcome) -> SaladError:
    """Return the error that a worker ended with, of the two lines that it printed."""
    starts = [place for place, line in enumerate(outcome.lines) if line.startswith("error: ")]
    if not starts:  # click's own words on a wrong option
        return SaladError(f"a worker on {outcome.host} refused: {' '.join(outcome.lines[-1:])}", "Correct the command.")
    problem, fix = (outcome.lines[starts[-1] :] + [""])[:2]
    return SaladError(f"{problem.removeprefix('error: ')} (on {outcome.host})", fix.strip().removeprefix("fix: "))


def _missing(output: Path, patience: float) -> list[Part]:
    """Return the parts that are not ready; a folder without a list of parts has one, the manifest.

    Args:
        patience: seconds after which a network file system shows what the workers have written.
    """
    end = time.monotonic() + patience
    while not (output / MANIFEST).exists() and time.monotonic() < end:
        time.sleep(0.5)
    if (output / MANIFEST).exists():
        return []
    listed = read_parts(output)
    if listed is None:
        return [Part((MANIFEST,))]
    return [part for part in listed[1] if not all((output / file).exists() for file in part.files)]


class _Progress:
    """One progress bar for all workers, of the parts that are ready."""

    def __init__(self, verb: str, output: Path):
        self._verb, self._output, self._rows = verb, output, 0
        self._bar: Any = None
        self._parts: list[Part] = []
        self._next = 0.0  # when to look again: a look at a folder of many files takes seconds

    def look(self) -> None:
        """Move the bar to what is ready now, if the last look is long enough ago."""
        began = time.monotonic()
        if began < self._next or (self._output / MANIFEST).exists() or not self._output.is_dir():
            return
        if self._bar is None:
            unit, self._parts = read_parts(self._output) or ("", [])
            if not self._parts:
                return
            self._bar = progress_bar(total=sum(part.rows for part in self._parts), what=self._verb, unit=unit)
        there = set(os.listdir(self._output))
        ready = max(self._rows, sum(part.rows for part in self._parts if there.issuperset(part.files)))
        self._bar.update(ready - self._rows)
        self._rows = ready
        self._next = time.monotonic() + LOOKS * (time.monotonic() - began)

    def close(self) -> None:
        """Close the bar, full if the artefact is complete."""
        if self._bar is not None:
            if (self._output / MANIFEST).exists():
                self._bar.update(self._bar.total - self._rows)
            self._bar.close()
