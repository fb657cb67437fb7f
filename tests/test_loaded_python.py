"""The program `loaded_python`, of tests and recipes, behaves as `python` does."""

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


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("sent", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_process_unless_it_ignores_them(sent, ignored, loaded_python):
    code = (
        "import sys\n"
        "try: print('begun', flush=True); sys.stdin.readline()\n"
        "except KeyboardInterrupt: print('interrupted', flush=True); sys.exit(7)\n"
        "print('read')"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    before = signal.signal(sent, signal.SIG_IGN if ignored else signal.SIG_DFL)  # processes begin with the same
    try:
        with subprocess.Popen([loaded_python, "-c", code], **pipes) as program:
            assert program.stdout.readline() == "begun\n"
            program.send_signal(sent)
            if ignored:
                assert program.communicate("on\n", timeout=30)[0] == "read\n"
            program.wait(timeout=30)
            assert program.returncode == (0 if ignored else 7 if sent == signal.SIGINT else -sent)
            assert ignored or program.stdout.read() == ("interrupted\n" if sent == signal.SIGINT else "")
    finally:
        signal.signal(sent, before)


def test_an_interrupt_that_nobody_handles_ends_as_in_python(loaded_python):
    code = "print('begun', flush=True); import time; time.sleep(600)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    for python in (sys.executable, loaded_python):
        with subprocess.Popen([python, "-c", code], **pipes) as program:
            assert program.stdout.readline() == "begun\n"
            program.send_signal(signal.SIGINT)
            said = program.communicate(timeout=30)[1]
            assert program.returncode == -signal.SIGINT and said.endswith("KeyboardInterrupt\n"), python


def test_what_a_process_starts_gets_its_signals(loaded_python):
    code = "import subprocess; print('begun', flush=True); subprocess.run(['sleep', '600'])"
    with subprocess.Popen([loaded_python, "-c", code], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == "begun\n"
        time.sleep(0.5)  # until it has started
        program.terminate()
        assert program.stdout.read() == ""  # closed by sleep, too
        assert program.wait(timeout=30) == -signal.SIGTERM


def test_a_server_that_cannot_load_says_so_and_leaves_the_lines_to_python(repository, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    script = ". recipes/loaded.sh; sleep 3; python -c 'print(1)'"
    broken = {name: value for name, value in os.environ.items() if name != "SALADKIT_LOADED"}
    broken |= {"PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = ["bash", "-euc", script]
    done = subprocess.run(command, cwd=repository, env=broken, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "1\n"
    assert done.stderr.count("\nImportError: no torch here") == 1
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == ["torch.py"]


@pytest.mark.parametrize("threads", ["1", "2", "2,1"])
def test_a_process_has_the_threads_that_it_is_given(threads, loaded_python):
    code = "import torch; print(torch.get_num_threads(), torch.cuda.is_initialized())"
    given = os.environ | {"OMP_NUM_THREADS": threads}
    said = subprocess.check_output([loaded_python, "-c", code], env=given, text=True)
    assert said == f"{threads[0]} False\n"


RECIPE = """
. recipes/loaded.sh
echo "$SALADKIT_LOADED" "$SERVER_PID"
bash -euc 'PATH=/usr/bin:$PATH; . recipes/loaded.sh; python -c "import os, sys; print(os.getppid(), *sys.modules)"'
read -r
"""


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_a_recipe_has_one_server_which_ends_with_it(killed, repository):
    alone = {name: value for name, value in os.environ.items() if name != "SALADKIT_LOADED"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(["bash", "-euc", RECIPE], cwd=repository, env=alone, **pipes) as recipe:
        folder, server = recipe.stdout.readline().split()
        attendant, *modules = recipe.stdout.readline().split()
        assert int(server) < int(attendant) and "saladkit.stages.distill" in modules
        recipe.kill() if killed else recipe.communicate("\n", timeout=30)
    for _ in range(100):
        if not os.path.exists(f"/proc/{server}"):
            assert not os.path.exists(folder)
            return
        time.sleep(0.1)
    pytest.fail("the server still runs")


def test_a_recipe_says_that_saladkit_is_not_installed(repository):
    bare = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-euc", ". recipes/loaded.sh"], cwd=repository, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr == "saladkit, which `make setup` installs, is not here\n"
