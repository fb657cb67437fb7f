"""Programs like `python` and `saladkit` whose processes start with torch, transformers and the stages imported.

These imports are 4 to 5 s of a CPU in every new process, and 0.55 GB of its own memory. Here a server imports them once
and forks a process for each call. A program passes on its arguments, environment, working folder, standard streams and
signals, and ends as its process ends; if the program is killed, so is the process.

python -P recipes/loaded_python.py --serve FOLDER    make FOLDER/python and FOLDER/saladkit, and serve until stdin ends
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

PROGRAMS = {"python": "", "saladkit": "-m saladkit"}
PROGRAM = """#!/bin/sh
exec '{python}' -I -S '{file}' '{socket}' {arguments} "$@"
"""
PASSED_ON = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


@contextmanager
def serving(folder: Path, repository: Path) -> Iterator[Path]:
    """Start a server that ends with the block, and yield the path of its `python`; its `saladkit` lies beside it.

    Args:
        folder: empty; gone at the end.
        repository: where saladkit is imported from.
    """
    places = [str(repository), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-P", __file__, "--serve", str(folder)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "listening\n"
        yield folder / "python"
        server.stdin.close()  # the server ends when its stdin does, also if this process is killed


def request(address: str, arguments: list[str]) -> int:
    """Have the server run `python ARGUMENTS`; return the exit code, or minus the signal that ended it."""
    ignored = [number for number in PASSED_ON if signal.getsignal(number) is signal.SIG_IGN]  # as by `nohup`
    asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ), "ignored": ignored}
    message = json.dumps(asked).encode()
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # until there is somebody to pass them on to
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            sys.exit("the process that has loaded torch for this program has ended; its error stands above")
        socket.send_fds(connection, [len(message).to_bytes(8)], [0, 1, 2])
        connection.sendall(message)

        def pass_on(number: int, _: object) -> None:
            with suppress(BrokenPipeError):  # the process has ended
                connection.send(bytes([number]))

        for number in set(PASSED_ON).difference(ignored):
            signal.signal(number, pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        with connection.makefile() as stream:
            code = int(stream.readline() or 1)
        for number in set(PASSED_ON).difference(ignored):
            signal.signal(number, signal.SIG_DFL)
        return code


def serve(folder: Path) -> None:
    """Answer requests until stdin ends."""
    address = str(folder / "socket")
    for name, arguments in PROGRAMS.items():
        words = {"python": sys.executable, "file": __file__, "socket": address, "arguments": arguments}
        (folder / name).write_text(PROGRAM.format(**words))
        (folder / name).chmod(0o755)
    os.setsid()  # a terminal's signals are for the programs, which pass them on
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("listening", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            load()
            answer(listener)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def answer(listener: socket.socket) -> None:
    """Fork a process for each connection, until stdin ends."""
    while listener in select.select([listener, 0], [], [])[0]:
        connection, _ = listener.accept()
        with connection:
            if os.fork() == 0:
                listener.close()
                end_with(attend, connection=connection)
        with suppress(ChildProcessError):  # none is left
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def load() -> None:
    """Import what the commands import; nothing may be computed, as threads and a GPU's state do not survive a fork."""
    import gc
    import importlib
    import pkgutil

    from saladkit.machine import share_cores

    # OpenMP reads it when torch is imported: once, for all processes. So look for a whole second: a moment's work of
    # another program must not decide for all of a recipe.
    chosen = os.environ.get("OMP_WAIT_POLICY")
    share_cores(watched=1.0)
    if os.environ.get("OMP_WAIT_POLICY") != chosen:
        print("note: other work uses the cores, so that torch's threads sleep while they wait", file=sys.stderr)
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # who asks for a GPU in an import does not initialize it
    import saladkit.model  # before transformers, which a torchaudio that does not load would break
    import saladkit.stages

    for module in pkgutil.iter_modules(saladkit.stages.__path__, "saladkit.stages."):
        importlib.import_module(module.name)
    for name in ("accelerate.commands.launch", "torch.distributed.run", "transformers.trainer"):
        importlib.import_module(name)
    gc.freeze()  # or each process would copy the memory of all objects when it collects garbage


def attend(connection: socket.socket) -> NoReturn:
    """Fork a process for one request, and tell the program how it ended."""
    length, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
    asked = json.loads(connection.recv(int.from_bytes(length), socket.MSG_WAITALL))
    process = os.fork()
    if process == 0:
        connection.close()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        end_with(run, **asked)
    os.setpgid(process, process)  # so that what it starts gets its signals too, as in a terminal
    ended = os.pidfd_open(process)
    while ended not in (found := select.select([ended, connection], [], [])[0]):
        passed_on = connection.recv(1) if connection in found else b""
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(process, passed_on[0] if passed_on else signal.SIGKILL)  # SIGKILL: the program is gone
        if not passed_on:
            break
    _, status = os.waitpid(process, 0)
    with suppress(BrokenPipeError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def end_with(function: Callable[..., None], **arguments: object) -> NoReturn:
    """End as Python does, but without freeing what was imported, which takes longer than most commands."""
    import atexit
    import threading

    code = 0
    try:
        function(**arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        code = 1
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
    threading._shutdown()  # waits for threads, as multiprocessing does in the processes that it forks
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


def run(arguments: list[str], folder: str, environment: dict[str, str], ignored: list[int]) -> None:
    """Do what `python ARGUMENTS` does in a new process that ignores these signals: -u, -c, -m or a script."""
    import runpy

    import torch

    for number in PASSED_ON:  # the server itself may ignore some
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in ignored else usual)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    threads = environment.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads.isdigit() and int(threads):  # OpenMP has read the variable in the server
        torch.set_num_threads(int(threads))
    if arguments[0] == "-u":
        sys.stdout.reconfigure(write_through=True)
        arguments = arguments[1:]
    first, *rest = arguments
    sys.path.insert(0, str(Path(first).resolve().parent) if first not in ("-c", "-m") else folder)
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(Path(sys.argv[2]))
        sys.exit()
    code = request(sys.argv[1], sys.argv[2:])
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)
