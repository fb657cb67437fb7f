"""One of two processes of a training dies: the same line again gives the weights of an undisturbed run."""

import os
import subprocess

import pytest
from command_lines import replaced
from safetensors.torch import load_file

pytestmark = pytest.mark.faults
# The process of rank RANK kills itself where it is in the middle of a step, or of saving a state, the first time.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from saladkit.cli import main
from saladkit.training.trainer import SaladTrainer

moment, rank, place = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
step, save = SaladTrainer.compute_loss, SaladTrainer._save_optimizer_and_scheduler


def die():
    if int(os.environ["RANK"]) == rank and not place.exists():
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def compute_loss(self, *given, **named):
    if moment == "step" and self.state.global_step == 3:
        die()
    return step(self, *given, **named)


def save_optimizer(self, *given, **named):
    if moment == "save" and self.state.global_step == 4:
        die()  # the weights of this state are written, its optimizer is not
    return save(self, *given, **named)


SaladTrainer.compute_loss, SaladTrainer._save_optimizer_and_scheduler = compute_loss, save_optimizer
main(sys.argv[4:])
"""


@pytest.fixture
def launch(distill_arguments, loaded_python, tmp_path):
    line = replaced(replaced(distill_arguments, "--per-device-train-batch-size", 2), "--max-steps", 6)
    line = [*line, "--save-steps", "2"]
    script = tmp_path / "killed.py"
    script.write_text(SCRIPT)

    def of(output, moment, rank, port):
        command = [loaded_python, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2]
        command += [
            "--num_machines",
            1,
            "--mixed_precision",
            "no",
            "--dynamo_backend",
            "no",
            "--main_process_port",
            port,
        ]
        command += [script, moment, rank, tmp_path / f"died-{moment}", *line, "-o", tmp_path / output]
        environment = os.environ | {"PYTHON_EXEC": str(loaded_python)}
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)

    return of


def test_a_process_that_dies_in_a_step_or_while_saving_costs_no_more_than_time(launch, tmp_path):
    done = launch("whole", "never", 0, 29620)
    assert done.returncode == 0, done.stderr
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    for moment, rank in (("step", 1), ("save", 0)):
        output = tmp_path / moment
        died = launch(moment, moment, rank, 29621 + rank)
        assert died.returncode not in (0, 2)
        assert (tmp_path / f"died-{moment}").exists() and not (output / "manifest.json").exists()
        again = launch(moment, moment, rank, 29623 + rank)
        assert again.returncode == 0, again.stderr
        found = load_file(output / "model.safetensors")
        assert found.keys() == whole.keys()
        for name in whole:
            assert found[name].equal(whole[name]), name
        log = (output / "metrics.jsonl").read_text()
        assert log == (tmp_path / "whole" / "metrics.jsonl").read_text()
