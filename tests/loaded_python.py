"""A program like `python` whose processes start with torch, transformers and the stages imported.

These imports are 4 to 5 s of a CPU in every new process. Here a server imports them once and forks a process for each
call. The program passes on its arguments, environment, working folder and standard streams, and ends as that process
ends; if the program is killed, so is the process. What a test says about the imports themselves needs a real `python`.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

PROGRAM = """#!/bin/sh
exec {python} -I -S {file} {socket} "$@"
"""


@contextmanager
def serving(folder: Path, repository: Path) -> Iterator[Path]:
    """Start a server that ends with the block, and yield the path of the program."""
    address, program = folder / "socket", folder / "python"
    program.write_text(PROGRAM.format(python=sys.executable, file=__file__, socket=address))
    program.chmod(0o755)
    places = [str(repository), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-P", __file__, "--serve", str(address)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "listening\n"
        yield program
        server.stdin.close()  # the server ends when its stdin does, also if this process is killed


def bash_functions(program: Path) -> dict[str, str]:
    """Environment in which bash calls the program as `python`, and runs `saladkit` by it, whatever is first in PATH."""
    bodies = {"python": f"'{program}'", "saladkit": f"'{program}' -m saladkit"}
    return {f"BASH_FUNC_{name}%%": f'() {{ {body} "$@"; }}' for name, body in bodies.items()}


def request(address: str, arguments: list[str]) -> int:
    """Have the server run `python ARGUMENTS`; return the exit code, or minus the signal that ended it."""
    asked = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"+"], [0, 1, 2])
        with connection.makefile("rw") as stream:
            print(json.dumps(asked), file=stream, flush=True)
            return int(stream.readline() or 1)


def serve(address: str) -> None:
    """Answer requests until stdin ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("listening", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        load()
        while listener in select.select([listener, 0], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    attend(connection)
            with suppress(ChildProcessError):  # none is left
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def load() -> None:
    """Import what the commands import; nothing may be computed, as threads do not survive a fork."""
    import gc
    import importlib
    import pkgutil

    import saladkit.model  # before transformers, which a torchaudio that does not load would break
    import saladkit.stages

    for module in pkgutil.iter_modules(saladkit.stages.__path__, "saladkit.stages."):
        importlib.import_module(module.name)
    for name in ("accelerate.commands.launch", "torch.distributed.run", "transformers.trainer"):
        importlib.import_module(name)
    gc.freeze()  # or each process would copy the memory of all objects when it collects garbage


def attend(connection: socket.socket) -> NoReturn:
    """Fork a process for one request, and tell the program how it ended."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    with connection.makefile("rw") as stream:
        asked = json.loads(stream.readline())
        process = os.fork()
        if process == 0:
            stream.close()
            connection.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            end_with(run, **asked)
        ended = os.pidfd_open(process)
        if ended not in select.select([ended, connection], [], [])[0]:
            os.kill(process, signal.SIGKILL)  # the program is gone
        _, status = os.waitpid(process, 0)
        with suppress(BrokenPipeError):
            print(os.waitstatus_to_exitcode(status), file=stream, flush=True)
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
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # waits for threads, as multiprocessing does in the processes that it forks
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Do what `python ARGUMENTS` does in a new process: -u, -c, -m or a script."""
    import runpy

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
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
        serve(sys.argv[2])
        sys.exit()
    code = request(sys.argv[1], sys.argv[2:])
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)
