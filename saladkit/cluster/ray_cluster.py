"""A Ray cluster: connect to it, and check that its nodes see the folders that this machine sees."""

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from saladkit.cluster.worker import read_probe
from saladkit.errors import SaladError, first_line

LATE = 10.0  # s after which a network file system shows a new file
LEAST_STORE = 80_000_000  # bytes
PROBE = ".saladkit-probe-"


@contextmanager
def connected(where: str) -> Iterator[Any]:
    """Connect to Ray as `--on` says, yield the module `ray`, and disconnect; a Ray of this machine alone ends then.

    Raises:
        SaladError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise SaladError("--on ray needs Ray, which is not installed", "Run: pip install 'saladkit[ray]'") from error
    address = where if "://" in where else os.environ.get("RAY_ADDRESS") or "local"
    try:
        _check_answers(address)
        # Nothing goes through the object store, which would otherwise take 30 % of the memory.
        own = {"object_store_memory": LEAST_STORE, "include_dashboard": False} if address == "local" else {}
        ray.init(address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, RuntimeError, ValueError) as error:
        raise SaladError(
            f"no Ray cluster answers at {address}: {' '.join(str(error).split())[:300]}",
            "Start one (ray start --head), correct the address, set RAY_AUTH_MODE=token if the cluster asks for tokens,"
            " or unset RAY_ADDRESS to use this machine alone.",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise an OSError if nothing answers at HOST:PORT: `ray.init` tries for two minutes, and then ends the process."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=LATE).close()


def living_nodes(ray: Any) -> list[dict]:
    """Return the nodes of the cluster, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def workers_that_fit(nodes: list[dict], needs: dict[str, float]) -> list[int]:
    """Return how many workers run at once on each node.

    Args:
        needs: what each needs, by Ray's names of resources; those of 0 count for nothing.
    """
    counted = {name: needed for name, needed in needs.items() if needed}
    return [int(min(node["Resources"].get(name, 0.0) / n for name, n in counted.items())) for node in nodes]


def _answer(ray: Any, task: Any) -> tuple[str, str | None]:
    """Return what a node answers to `read_probe`.

    Raises:
        SaladError: it does not.
    """
    try:
        return ray.get(task)
    except ray.exceptions.RayError as error:
        raise SaladError(
            f"a node of the cluster cannot run saladkit: {first_line(error)}",
            "Install this saladkit in the Python of every node, and look at `ray status`.",
        ) from error


def check_shared(ray: Any, output: Path, nodes: list[dict]) -> None:
    """Check that every node reads the file that this machine writes where the output will be.

    Raises:
        SaladError: a node does not, or has no current folder of this name.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy as At

    place = next(parent for parent in output.resolve().parents if parent.is_dir())
    probe, told = place / f"{PROBE}{secrets.token_hex(8)}", secrets.token_hex(8)
    read, here = ray.remote(read_probe), str(Path.cwd())
    try:
        probe.write_text(told)
        end = time.monotonic() + LATE
        left = [node["NodeID"] for node in nodes]
        while left:
            tasks = {
                node: read.options(num_cpus=0, scheduling_strategy=At(node, soft=True)).remote(str(probe), here)
                for node in left
            }
            found = {node: _answer(ray, task) for node, task in tasks.items()}
            left = [node for node, (_, text) in found.items() if text != told]
            if left and time.monotonic() > end:
                raise SaladError(
                    f"{place} or {here} of {socket.gethostname()} is not there on {found[left[0]][0]}",
                    "Work in a folder that all nodes mount under the same name, and give an output there.",
                )
            time.sleep(0.5 if left else 0)
    finally:
        probe.unlink(missing_ok=True)
