"""`--on ray` while workers, drivers and nodes are killed at random: the folder has the bytes of an undisturbed run.

`FAULTS=long` kills twenty times instead of three.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from ray_nodes import NODE, cluster_of

from saladkit.cli import main
from saladkit.formats.claims import claims_folder, claims_on
from saladkit.stages.synth import ROWS_PER_PART

pytestmark = pytest.mark.faults
KILLS = 20 if os.environ.get("FAULTS") == "long" else 3
KINDS = ("worker", "driver", "node")
LONGEST = 240.0  # s until a part is ready


class Driver:
    """Runs a command line with `--on ray`, again and again until its folder is complete."""

    def __init__(self, line, folder, log):
        self.line, self.folder, self.log = [*map(str, line), "-o", str(folder), "--on", "ray"], folder, log
        self.process = self.start()

    def start(self):
        return subprocess.Popen(
            [sys.executable, "-m", "saladkit", *self.line], stdout=self.log, stderr=self.log, start_new_session=True
        )

    @property
    def is_complete(self):
        return (self.folder / "manifest.json").exists()

    def goes_on(self):
        """Start the driver again if it has ended, as by a kill, or because a worker was killed too often."""
        if self.process.poll() is not None and not self.is_complete:
            assert self.process.returncode in (0, 1, -signal.SIGKILL), self.process.returncode
            self.process = self.start()

    def workers(self):
        """The processes that have claimed parts and run."""
        folder = claims_folder(self.folder)
        names = {path.name.rpartition(".")[0] for path in folder.glob("part-*.*")}
        return {claim.process for claim in claims_on(folder, names) if claim.host and not claim.by.has_ended()}

    def wait_until(self, happens):
        ready, end = 0, time.monotonic() + LONGEST
        while not (happens() or self.is_complete):
            if (now := len(list(self.folder.glob("part-*.parquet")))) > ready:
                ready, end = now, time.monotonic() + LONGEST
            assert time.monotonic() < end, self.log.name
            self.goes_on()
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def kill(kind, driver, cluster, draws):
    """Kill a process or a node; return whether there was one."""
    if kind == "driver":
        running = driver.process.poll() is None
        driver.process.kill()
        return running
    if kind == "worker":
        workers = sorted(driver.workers())
        if workers:
            os.kill(draws.choice(workers), signal.SIGKILL)
        return bool(workers)
    cluster.remove_node(cluster.others.pop(draws.randrange(len(cluster.others))), allow_graceful=False)
    cluster.others.append(cluster.add_node(**NODE))
    return True


def test_kills_of_workers_drivers_and_nodes(contents, tmp_path):
    draws, kills, began = random.Random(7), Counter(), time.monotonic()
    rows = (KILLS + 3) * ROWS_PER_PART
    texts = {"id": [f"row {i}" for i in range(rows)], "text": [f"number {i}" for i in range(rows)]}
    pq.write_table(pa.table(texts), tmp_path / "texts.parquet")
    line = ["synth", tmp_path / "texts.parquet", "--voice", "espeak:en-us"]
    folder, planned = tmp_path / "out", [KINDS[number % 3] for number in range(KILLS)]
    draws.shuffle(planned)
    with cluster_of(NODE | {"num_cpus": 0}, NODE, NODE) as cluster, open(tmp_path / "log", "w") as log:
        with Driver(line, folder, log) as driver:
            for kind in planned:
                driver.wait_until(driver.workers)
                time.sleep(draws.uniform(0, 1))
                kills[kind] += kill(kind, driver, cluster, draws)
            driver.wait_until(lambda: False)
    print(f"synth --on ray: {dict(kills)} killed, {time.monotonic() - began:.1f} s")
    assert kills.total() >= 0.7 * KILLS
    CliRunner().invoke(main, [*map(str, line), "-o", str(tmp_path / "plain"), "--workers", "2"], catch_exceptions=False)
    assert contents(folder) == contents(tmp_path / "plain")
