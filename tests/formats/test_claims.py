"""Claims on parts: one process has each, its touches keep it, and one of several takes over what is stale."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from saladkit.formats.claims import Claims, claims_folder, file_system_time, newest_claim

TIMEOUT = 900.0
HOUR = 3600.0
RACE = """
import sys
from pathlib import Path
from saladkit.formats.claims import Claims
with Claims(Path(sys.argv[1]), 900.0, lambda claim: None) as claims:
    print("ready", flush=True)
    sys.stdin.readline()
    taken = [name for name in sys.argv[2].split() if claims.take(name)]
    print(" ".join(taken), flush=True)
    sys.stdin.readline()
"""
NAMES = [f"part-{index:05d}-of-00100.bin" for index in range(100)]


def claimed(artefact, name, number=0, *, age=0.0, **told):
    """Write a claim of another machine, touched `age` s ago."""
    folder = claims_folder(artefact)
    folder.mkdir(parents=True, exist_ok=True)
    now = file_system_time(folder)
    path = folder / f"{name}.{number}"
    usual = {"host": "elsewhere", "process": 7, "token": "x", "since": now - age, "timeout": TIMEOUT}
    path.write_text(json.dumps(usual | told))
    os.utime(path, (now - age, now - age))
    return path


@pytest.fixture
def claims(tmp_path):
    with Claims(tmp_path, TIMEOUT, lambda claim: None) as opened:
        yield opened


@pytest.mark.parametrize("before", ["nothing", "stale", "given up", "stale twice"])
def test_of_many_processes_one_takes_each_part(before, tmp_path):
    for name in NAMES:
        if before != "nothing":
            claimed(tmp_path, name, age=2 * TIMEOUT)
        if before == "stale twice":
            claimed(tmp_path, name, 1, age=2 * TIMEOUT)
        if before == "given up":
            os.utime(claims_folder(tmp_path) / f"{name}.0", (0, 0))
    command = [sys.executable, "-c", RACE, str(tmp_path), " ".join(NAMES)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racing = [subprocess.Popen(command, **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in racing] == ["ready\n"] * 4
    for process in racing:
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = [process.stdout.readline().split() for process in racing]
    for process in racing:
        process.communicate("end\n")
    assert sorted(name for names in taken for name in names) == NAMES


def test_a_claim_says_who_and_since_when(claims, tmp_path):
    assert claims.take("part")
    claim = newest_claim(claims.folder, "part")
    assert (claim.name, claim.number, claim.host, claim.process) == ("part", 0, socket.gethostname(), os.getpid())
    assert abs(claim.since - file_system_time(claims.folder)) < 60
    assert not claims.take("part")  # it is ours already


@pytest.mark.parametrize("clock", [-HOUR, 0.0, HOUR, 1e9], ids=["behind", "equal", "ahead", "far ahead"])
@pytest.mark.parametrize(("age", "free"), [(0.0, False), (TIMEOUT - 60, False), (TIMEOUT + 60, True), (HOUR, True)])
def test_only_the_file_systems_clock_counts(clock, age, free, claims, tmp_path, monkeypatch):
    """The other machine's clock, which it wrote down, may be wrong; so may ours."""
    path = claimed(tmp_path, "part", age=age, since=time.time() + clock)
    ours = time.time
    monkeypatch.setattr(time, "time", lambda: ours() + clock)
    assert (claims.others("part") is None) is free
    assert claims.take("part") is free
    assert path.exists() and (claims.folder / "part.1").exists() is free


def test_a_claim_of_the_future_is_kept(claims, tmp_path):
    claimed(tmp_path, "part", age=-HOUR)
    assert not claims.take("part")


def test_touches_keep_a_claim(tmp_path):
    with Claims(tmp_path, 0.5, lambda claim: None) as claims:
        claims.take("part")
        os.utime(claims.folder / "part.0", (1, 1))
        end = time.monotonic() + 30
        while newest_claim(claims.folder, "part").touched == 1 and time.monotonic() < end:
            time.sleep(0.02)
        assert abs(newest_claim(claims.folder, "part").touched - file_system_time(claims.folder)) < 20
        claims.let_go("part")
        os.utime(claims.folder / "part.0", (1, 1))
        time.sleep(0.2)
    assert newest_claim(claims.folder, "part").touched == 1


def test_what_is_given_up_is_free_at_once(claims, tmp_path):
    claims.take("part")
    claims.give_up()
    assert newest_claim(claims.folder, "part").touched == 0
    assert claims.others("part") is None and claims.take("part")
    assert newest_claim(claims.folder, "part").number == 1


def test_the_claim_of_a_process_that_has_ended_here_is_free_at_once(claims, tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    here = socket.gethostname()
    claimed(tmp_path, "dead", host=here, process=int(ended.stdout))
    claimed(tmp_path, "alive", host=here, process=os.getppid())
    claimed(tmp_path, "same number", host=here, process=os.getpid())  # a container that began anew has it
    claimed(tmp_path, "elsewhere", process=int(ended.stdout))
    free = {name for name in ("dead", "alive", "same number", "elsewhere") if claims.take(name)}
    assert free == {"dead", "same number"}


@pytest.mark.parametrize("text", ["", '{"host": "else'])
def test_a_claim_that_is_being_written_counts(text, claims, tmp_path):
    path = claimed(tmp_path, "part")
    path.write_text(text)
    assert not claims.take("part")
    os.utime(path, (1, 1))
    assert claims.take("part")


def test_taking_over_is_told(tmp_path):
    told = []
    with Claims(tmp_path, TIMEOUT, told.append) as claims:
        claimed(tmp_path, "part", age=HOUR)
        claims.take("new")
        assert told == []
        claims.take("part")
    assert [claim.who for claim in told] == ["elsewhere (process 7)"]
