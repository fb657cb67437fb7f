"""Two processes that train together against one with the same rows a step."""

import json
import subprocess
import sys

import pytest
from safetensors.torch import load_file


def replaced(arguments, option, value):
    place = arguments.index(option) + 1
    return [*arguments[:place], str(value), *arguments[place + 1 :]]


def launch(arguments, output, *, processes, port):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", processes]
    command += ["--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port]
    command += ["-m", "saladkit", *arguments, "-o", output]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_two_processes_learn_what_one_does(batching, distill_arguments, shell, tmp_path):
    line = [*replaced(distill_arguments, "--per-device-train-batch-size", 8), "--batching", batching]
    assert shell(*line, "-o", tmp_path / "one").exit_code == 0
    halved = replaced(line, "--per-device-train-batch-size", 4)
    port = 29600 + (batching == "packed")
    done = launch(halved, tmp_path / "two", processes=2, port=port)
    assert len(done.stdout.splitlines()) == 1  # one process speaks
    summary = json.loads(done.stdout)
    assert (summary["steps"], sum(summary["rows_read"].values())) == (4, 32)
    alone, together = (
        [json.loads(row) for row in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ("loss", "distillation", "lexical", "grad_norm"):
            assert ours.get(name) == pytest.approx(theirs.get(name), abs=1e-4, rel=1e-4), name
        assert {n: v for n, v in ours.items() if " of " in n} == {n: v for n, v in theirs.items() if " of " in n}
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert max((one[name] - two[name]).abs().max() for name in one) < 1e-4
    assert json.loads((tmp_path / "two" / "manifest.json").read_text())["settings"]["processes"] == 2
