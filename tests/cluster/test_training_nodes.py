"""The recipes that train on several nodes: the lines that accelerate gets, and a training on two nodes of Ray."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from command_lines import replaced


def parsed(line):
    return launch_command_parser().parse_args(line[line.index("launch") + 1 :])


@pytest.mark.parametrize(("nodes", "gpus"), [(1, 1), (3, 4)])
def test_slurm_starts_one_launcher_a_node(nodes, gpus, repository):
    words = ["distill", "a model", "-o", "out", "--data", "it's:2"]
    environment = os.environ | {"DRY_RUN": "1", "SLURM_NNODES": str(nodes), "SLURM_GPUS_ON_NODE": str(gpus)}
    command = ["bash", repository / "recipes" / "cluster" / "slurm.sh", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    lines = [parsed(shlex.split(line)) for line in done.stdout.splitlines()]
    assert [line.machine_rank for line in lines] == list(range(nodes))
    for line in lines:
        assert (line.num_machines, line.num_processes, line.multi_gpu) == (nodes, nodes * gpus, nodes * gpus > 1)
        _validate_launch_command(line)
        assert (line.training_script, line.training_script_args) == ("saladkit", words)


def test_slurm_gives_each_node_its_rank(repository, tmp_path):
    # srun as Slurm calls its argument, once a node.
    (tmp_path / "srun").write_text('#!/bin/sh\nshift\nfor n in 0 1; do SLURM_NODEID=$n "$@"; done\n')
    (tmp_path / "accelerate").write_text('#!/bin/sh\nfor word in "$@"; do printf "%s|" "$word"; done; echo\n')
    for name in ("srun", "accelerate"):
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"SLURM_NNODES": "2", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", repository / "recipes" / "cluster" / "slurm.sh", "distill", "a $model", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    lines = [parsed(["launch", *line.rstrip("|").split("|")[1:]]) for line in done.stdout.splitlines()]
    assert [line.machine_rank for line in lines] == [0, 1]
    assert all(line.training_script_args == ["distill", "a $model", "-o", "out"] for line in lines)


def test_two_nodes_of_ray_train_one_model(two_nodes, distill_arguments, repository, tmp_path):
    line = replaced(distill_arguments, "--per-device-train-batch-size", 4)
    recipe = repository / "recipes" / "cluster" / "accelerate_on_ray.py"
    command = [sys.executable, recipe, "--nodes", 2, "--gpus", 0, "--", "-m", "saladkit", *line, "-o", tmp_path / "two"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["processes"] == 2
    assert sum(summary["rows_read"].values()) == summary["steps"] * 8
    command = [*command[:7], "-m", "saladkit", "distill", tmp_path / "nothing", "-o", tmp_path / "three", "--data", "x"]
    failed = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert failed.returncode != 0
    assert "of 2 ended with code" in failed.stderr
