"""How commands share the cores of the machine with other work."""

import json
import os
import subprocess
import sys
import time

import pytest

from saladkit.machine import BUSY, SPINS, busy_share, waiting_variables

NAMES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
PASSIVE, SPINNING = {"OMP_WAIT_POLICY": "passive"}, {"GOMP_SPINCOUNT": str(SPINS)}
GIVEN = [
    {"GOMP_SPINCOUNT": "5"},
    {"OMP_WAIT_POLICY": "active"},
    {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "9"},
]


@pytest.mark.parametrize("busy, expected", [(0.0, SPINNING), (BUSY - 0.01, SPINNING), (BUSY, PASSIVE), (1.0, PASSIVE)])
def test_waiting_threads_sleep_at_once_on_a_busy_machine(busy, expected):
    assert waiting_variables(busy) == expected


def test_other_work_is_noticed():
    workers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        time.sleep(0.3)
        assert busy_share() > 0.5
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def set_by_a_command(given):
    code = """
import json, os
from saladkit.cli import main
try:
    main(["synth", "nowhere.jsonl", "-o", "out", "--voice", "espeak:en-us"])
except SystemExit:
    pass
print(json.dumps({name: os.environ[name] for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if name in os.environ}))
"""
    others = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run([sys.executable, "-c", code], env=others | given, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_command_decides_how_threads_wait():
    assert set_by_a_command({}) in (PASSIVE, SPINNING)


@pytest.mark.parametrize("given", GIVEN)
def test_the_variables_of_the_user_win(given):
    assert set_by_a_command(given) == given


def test_the_command_line_decides_before_torch_is_loaded():
    code = "import sys; from saladkit.cli import main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_desk_decides_before_torch_is_loaded(repository):
    code = "import os, sys, train_lm; sys.exit(not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & os.environ.keys())"
    others = {name: value for name, value in os.environ.items() if name not in NAMES}
    assert subprocess.run([sys.executable, "-c", code], env=others, cwd=repository / "examples/desk").returncode == 0
