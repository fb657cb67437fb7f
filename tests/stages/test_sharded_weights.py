"""Weights cut over two processes by FSDP 2 learn what one process learns, and come out whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import replaced
from safetensors.numpy import load_file

FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "Qwen2DecoderLayer",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}


def launch(arguments, output, *, port, **environment):
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]
    command = [*run, Path(__file__).with_name("fsdp_on_cpus.py"), *arguments, "-o", output]
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=600, env=os.environ | FSDP | environment)


@pytest.mark.parametrize("options", [[], ["--lora-rank", 4, "--batching", "packed", "--save", "trained"]])
def test_cut_weights_learn_what_whole_ones_do_and_a_run_that_was_cut_off_goes_on(
    options, distill_arguments, shell, tmp_path
):
    line = [*distill_arguments, *options]
    assert shell(*replaced(line, "--per-device-train-batch-size", 8), "-o", tmp_path / "whole").exit_code == 0
    port = 29700 + len(options)
    ended = launch(line, tmp_path / "cut", port=port, END_AFTER="3")
    assert ended.returncode != 0
    assert [state.name for state in (tmp_path / "cut" / "training").iterdir()] == ["checkpoint-2"]
    done = launch(line, tmp_path / "cut", port=port)
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "stable/model.safetensors"):
        ours, theirs = load_file(tmp_path / "cut" / name), load_file(tmp_path / "whole" / name)
        assert ours.keys() == theirs.keys()
        assert max(abs(ours[key] - theirs[key]).max() for key in ours) < 1e-5
    logs = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("cut", "whole")]
    for ours, theirs in zip(*(map(json.loads, log) for log in logs), strict=True):
        for name in ("loss", "distillation", "grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-7, rel=1e-4), name


@pytest.mark.parametrize(
    ("environment", "options", "named"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, [], "FSDP 1"),
        (FSDP, ["--lora-rank", 4], "its own teacher"),
        ({"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}, [], "ZeRO-3"),
    ],
)
def test_cut_as_it_cannot_be_used_is_refused(
    environment, options, named, distill_arguments, text_lm, shell, monkeypatch, tmp_path
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    line = replaced(distill_arguments, "--teacher", text_lm)
    result = shell(*line, *options, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert named in result.stderr
