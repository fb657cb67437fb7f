"""Train on several nodes of a Ray cluster: start `accelerate launch` once on each, as processes of one training.

    ray job submit --working-dir . -- python recipes/cluster/accelerate_on_ray.py --nodes 2 --gpus 8 \\
        -- -m saladkit distill LLM -o /shared/stage1 --data /shared/natural …

What follows `--` is what `accelerate launch` runs; all nodes need saladkit, and folders of the same names. Without
GPUs (`--gpus 0`) each node has one process. Prints what the first process prints; exits with the code of the node that
fails first, and then stops the others. The same line run again resumes the training.
"""

import argparse
import os
import socket
import subprocess
import sys

import ray
from ray.util.placement_group import PlacementGroup, placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy as In


def accelerate_line(command: list[str], nodes: int, gpus: int, rank: int, address: tuple[str, int]) -> list[str]:
    """Return the line of one node. `--multi_gpu` also means several processes on CPUs, where no GPU is seen."""
    (host, port), processes = address, nodes * max(1, gpus)
    shape = ["--num_machines", nodes, "--num_processes", processes, "--machine_rank", rank]
    where = ["--main_process_ip", host, "--main_process_port", port]
    rest = [*(["--multi_gpu"] if processes > 1 else []), "--mixed_precision", "no", "--dynamo_backend", "no"]
    return [str(word) for word in (sys.executable, "-m", "accelerate.commands.launch", *shape, *where, *rest, *command)]


@ray.remote
def free_address() -> tuple[str, int]:
    """Return this node's address, and a port that is free on it."""
    with socket.socket() as found:
        found.bind(("", 0))
        return ray.util.get_node_ip_address(), found.getsockname()[1]


@ray.remote(max_retries=0)
def run_line(line: list[str], folder: str) -> tuple[int, str]:
    """Run a line; return its exit code and what it printed."""
    done = subprocess.run(line, cwd=folder, stdout=subprocess.PIPE, text=True)
    return done.returncode, done.stdout


def run_nodes(group: PlacementGroup, command: list[str], nodes: int, gpus: int, cpus: int) -> int:
    """Run the training, and return the exit code: that of the first node that ended with another than 0."""
    places = [In(group, placement_group_bundle_index=rank) for rank in range(nodes)]
    address = ray.get(free_address.options(num_cpus=0, scheduling_strategy=places[0]).remote())
    lines = [accelerate_line(command, nodes, gpus, rank, address) for rank in range(nodes)]
    running = {
        run_line.options(num_cpus=cpus, num_gpus=gpus, scheduling_strategy=place).remote(line, os.getcwd()): rank
        for rank, (place, line) in enumerate(zip(places, lines, strict=True))
    }
    while running:
        [ended], _ = ray.wait(list(running))
        rank = running.pop(ended)
        code, printed = ray.get(ended)
        if rank == 0:
            sys.stdout.write(printed)
        if code:
            for task in running:
                ray.cancel(task, force=True)
            print(f"node {rank} of {nodes} ended with code {code}", file=sys.stderr)
            return code
    return 0


def main() -> int:
    """Reserve the nodes, one bundle on each, and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--gpus", type=int, required=True, help="of each node; 0 for a process on CPUs")
    parser.add_argument("--cpus", type=int, default=1, help="cores of each node")
    parser.add_argument("command", nargs="+", help="what accelerate launch runs, behind --")
    given = parser.parse_args()
    ray.init(os.environ.get("RAY_ADDRESS", "auto"))
    group = placement_group([{"CPU": given.cpus, "GPU": given.gpus}] * given.nodes, strategy="STRICT_SPREAD")
    if not group.wait(timeout_seconds=60):
        print(
            f"the cluster has no {given.nodes} free nodes with {given.cpus} cores and {given.gpus} GPUs",
            file=sys.stderr,
        )
        return 2
    return run_nodes(group, given.command, given.nodes, given.gpus, given.cpus)


if __name__ == "__main__":
    sys.exit(main())
