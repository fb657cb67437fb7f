"""How commands share the cores of the machine with other work."""

import json
import os
import re
import subprocess
import sys

import pytest

from saladkit.machine import SPINS

CASES = [
    ({}, {"GOMP_SPINCOUNT": str(SPINS)}),
    ({"GOMP_SPINCOUNT": "5"}, {"GOMP_SPINCOUNT": "5"}),
    ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ({"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "9"}, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "9"}),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(given, expected):
    code = """
import json, os, sys
from saladkit.cli import main
try:
    main(["select", "nowhere", "-o", "out", "--strategy", "uniform"])
except SystemExit:
    pass
print(json.dumps({name: os.environ[name] for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if name in os.environ}))
"""
    others = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=others | given, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_the_command_line_sets_it_before_torch_is_loaded():
    code = "import sys; from saladkit.cli import main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_recipes_share_the_cores_as_the_command_does(repository):
    assert re.findall(r"GOMP_SPINCOUNT:-(\d+)", (repository / "recipes" / "steps.sh").read_text()) == [str(SPINS)]
