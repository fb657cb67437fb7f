"""The tests' program `loaded_python` behaves as `python` does."""

import os
import signal
import subprocess
import sys
import time

import pytest

SAYS = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ.get("TOLD"), sys.stdin.read(), __name__)
print("apart", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(params=["-c", "-m", "-u script"])
def called(request, tmp_path):
    (tmp_path / "says.py").write_text(SAYS)
    return {"-c": ["-c", SAYS], "-m": ["-m", "says"], "-u script": ["-u", str(tmp_path / "says.py")]}[request.param]


def test_a_call_gives_what_python_gives(called, loaded_python, tmp_path):
    given = {"cwd": tmp_path, "env": os.environ | {"TOLD": "yes"}, "input": "in", "capture_output": True, "text": True}
    found, expected = (
        subprocess.run([python, *called, "3", "a b", "ä"], **given) for python in (loaded_python, sys.executable)
    )
    assert (found.returncode, found.stdout, found.stderr) == (3, expected.stdout, expected.stderr)


def test_a_process_is_one_of_its_own_with_torch_imported(loaded_python):
    code = "import os, sys; print(os.getpid(), 'torch' in sys.modules, 'left' in sys.modules); sys.modules['left'] = 1"
    lines = [subprocess.check_output([loaded_python, "-c", code], text=True).split() for _ in range(2)]
    assert lines[0][0] != lines[1][0] and lines[0][1:] == lines[1][1:] == ["True", "False"]


def test_every_end_is_that_of_python(loaded_python):
    bug = subprocess.run([loaded_python, "-c", "1 / 0"], capture_output=True, text=True)
    assert bug.returncode == 1 and bug.stderr.endswith("ZeroDivisionError: division by zero\n")
    said = subprocess.run([loaded_python, "-c", "import sys; sys.exit('no such file')"], capture_output=True, text=True)
    assert (said.returncode, said.stderr) == (1, "no such file\n")
    late = "import atexit; atexit.register(print, 'the end'); print('begun')"
    assert subprocess.check_output([loaded_python, "-c", late], text=True) == "begun\nthe end\n"
    killed = subprocess.run([loaded_python, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert killed.returncode == -signal.SIGKILL
    assert subprocess.run([loaded_python, "-c", "import os; os._exit(9)"]).returncode == 9


def test_a_process_ends_with_the_program_that_asked_for_it(loaded_python):
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with subprocess.Popen([loaded_python, "-c", code], stdout=subprocess.PIPE, text=True) as program:
        process = int(program.stdout.readline())
        program.terminate()
    for _ in range(100):
        if not os.path.exists(f"/proc/{process}"):
            return
        time.sleep(0.1)
    pytest.fail("the process still runs")
