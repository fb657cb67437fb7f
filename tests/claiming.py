"""Processes that make one artefact together by claims, and what they claim meanwhile."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from saladkit.formats.claims import claims_folder, claims_on, file_system_time

# Small parts; every rename comes late, as on a network file system; and perhaps a wrong clock, little room or no
# privileges.
SCRIPT = """
import ctypes, json, os, random, resource, sys, time
from saladkit.caching import filling
from saladkit.cli import main
from saladkit.rollouts import filling as rollouts
from saladkit.stages import synth

late, clock, room, without_privileges = json.loads(sys.argv[1])
synth.ROWS_PER_PART = filling.ROWS_PER_PART = rollouts.ROLLOUTS_PER_PART = 2
replace, now = os.replace, time.time

def replaced(*names):
    time.sleep(late * random.random())
    replace(*names)

os.replace, time.time = replaced, lambda: now() + clock
if room:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
if without_privileges:  # as root one may write into every folder
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(header, none) == 0
main(sys.argv[2:])
"""
TIMEOUT = 2.0  # s, of claims


@dataclass
class Watched:
    """What was seen in the folder of claims: the processes, and parts that were claimed more than once."""

    processes: set[int] = field(default_factory=set)
    again: set[str] = field(default_factory=set)


class Together:
    """Starts processes that run one command line with `--claim` on one folder; use as a context, which ends them."""

    def __init__(self, python, line, folder: Path):
        self.python, self.folder = python, folder
        self.line = [*map(str, line), "-o", str(folder), "--claim"]
        self.processes: list[subprocess.Popen] = []

    def start(self, *, late=0.05, clock=0.0, room=0, without_privileges=False, timeout=TIMEOUT):
        conditions = json.dumps([late, clock, room, without_privileges])
        command = [str(self.python), "-c", SCRIPT, conditions, *self.line, "--claim-timeout", str(timeout)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    @property
    def is_complete(self):
        return (self.folder / "manifest.json").exists()

    def parts(self):
        return {path.name for path in self.folder.glob("part-*.parquet")}

    def claims(self):
        folder = claims_folder(self.folder)
        return claims_on(folder, {path.name.rpartition(".")[0] for path in folder.glob("part-*.*")})

    def wait_for_parts(self, count, seconds=300.0):  # the first process may wait for the imports
        end = time.monotonic() + seconds
        while len(self.parts()) < count and not self.is_complete:
            assert time.monotonic() < end, "no process makes parts"
            time.sleep(0.005)

    def watch(self, until, seconds=300.0):
        """Look at the claims until `until()`."""
        seen, end = Watched(), time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "the processes do not end"
            for path in claims_folder(self.folder).glob("*.*"):
                name, _, number = path.name.rpartition(".")
                try:
                    seen.processes.add(json.loads(path.read_text())["process"])
                except (OSError, ValueError):  # gone or being written, or no claim
                    continue
                seen.again |= {name} if int(number) else set()
            time.sleep(0.005)
        return seen


def have_ended(*processes):
    return lambda: all(process.poll() is not None for process in processes)


def claim_by_another_machine(folder, part, *, age=0.0, timeout=TIMEOUT):
    """Write the claim of a machine that has not touched it for `age` s."""
    claims = claims_folder(folder)
    claims.mkdir(parents=True, exist_ok=True)
    now = file_system_time(claims)
    told = {"host": "elsewhere", "process": 7, "token": "x", "since": now - age, "timeout": timeout}
    path = claims / f"{part}.0"
    path.write_text(json.dumps(told))
    os.utime(path, (now - age, now - age))
    return path
