"""Training with weights sharded over two processes by FSDP 2 equals one process, and saves whole weights."""

import json
import math
import os
import subprocess
from pathlib import Path

import pytest
import torch
from command_lines import replaced
from safetensors.numpy import load_file
from transformers import LlamaConfig, LlamaForCausalLM

FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "Qwen2DecoderLayer",
    "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "false",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}


@pytest.fixture
def launch(loaded_python):
    """Train in two processes whose weights are sharded."""

    def run(arguments, output, *, port, **environment):
        words = [loaded_python, "-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", port]
        words += [Path(__file__).with_name("fsdp_on_cpus.py"), *arguments, "-o", output]
        environment = os.environ | FSDP | {"PYTHON_EXEC": str(loaded_python)} | environment
        return subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=600, env=environment)

    return run


def untied(folder, tokenizer):
    """A Llama with an output layer of its own; its layers have the class of the adapter's layers."""
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    tokens = {"vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": 0, "pad_token_id": 0}
    LlamaForCausalLM(LlamaConfig(**shape, **tokens, initializer_range=0.3)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["full", "LoRA, packed", "untied head"])
def test_cut_weights_learn_what_whole_ones_do_and_a_run_that_was_cut_off_goes_on(
    kind, launch, distill_arguments, tokenizer, shell, tmp_path
):
    line, layer = distill_arguments, "Qwen2DecoderLayer"
    if kind == "LoRA, packed":
        line = [*line, "--lora-rank", 4, "--batching", "packed", "--save", "trained"]
    if kind == "untied head":
        llama, layer = untied(tmp_path / "llama", tokenizer), "LlamaDecoderLayer"
        line = replaced(replaced(line, "distill", llama), "--teacher", llama)
    assert shell(*replaced(line, "--per-device-train-batch-size", 8), "-o", tmp_path / "whole").exit_code == 0
    port = 29700 + len(kind)
    cut = {"FSDP_TRANSFORMER_CLS_TO_WRAP": layer}
    ended = launch(line, tmp_path / "cut", port=port, END_AFTER="3", **cut)
    assert ended.returncode != 0
    assert [state.name for state in (tmp_path / "cut" / "training").iterdir()] == ["checkpoint-2"]
    done = launch(line, tmp_path / "cut", port=port, **cut)
    assert done.returncode == 0, done.stderr
    for name in ("model.safetensors", "stable/model.safetensors", "stable/moments.safetensors"):
        ours, theirs = load_file(tmp_path / "cut" / name), load_file(tmp_path / "whole" / name)
        assert ours.keys() == theirs.keys()
        assert max(abs(ours[key] - theirs[key]).max() for key in ours) < 1e-5
    logs = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("cut", "whole")]
    for ours, theirs in zip(*(map(json.loads, log) for log in logs), strict=True):
        for name in ("loss", "distillation", "grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-7, rel=1e-4), name


def test_cut_weights_go_on_with_moments_as_whole_ones_do(launch, checkpoint, speech, teacher_cache, shell, tmp_path):
    line = ["align", checkpoint, "--data", speech, "--teacher", teacher_cache, "--device", "cpu", "--save-steps", 2]
    line += (
        "--max-steps 2 --logging-steps 1 --text-words 4 8 --speech-words 3 6 --per-device-train-batch-size 4".split()
    )
    assert shell(*replaced(line, "--per-device-train-batch-size", 8), "-o", tmp_path / "whole").exit_code == 0
    done = launch(line, tmp_path / "cut", port=29760)
    assert done.returncode == 0, done.stderr
    assert "goes on with the moments" in done.stderr
    ours, theirs = (load_file(tmp_path / run / "model.safetensors") for run in ("cut", "whole"))
    assert max(abs(ours[key] - theirs[key]).max() for key in ours) < 1e-5
    fresh = shell(*replaced(line, "--per-device-train-batch-size", 8), "--fresh-optimizer", "-o", tmp_path / "fresh")
    assert fresh.exit_code == 0
    other = load_file(tmp_path / "fresh" / "model.safetensors")
    assert max(abs(other[key] - theirs[key]).max() for key in other) > 1e-4


def test_processes_wait_for_each_other_whatever_their_batches_hold(launch, distill_arguments, speech, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"id": "one", "text": "x"}\n')
    line = replaced(replaced(distill_arguments, "--max-steps", 12), "--per-device-train-batch-size", 1)
    line = [
        *line,
        "--replay",
        f"{tmp_path / 'rows.jsonl'}:2",
        "--mix",
        "rows",
        "--replay-loss",
        "nll",
        "--modality-token",
    ]
    done = launch(line, tmp_path / "out", port=29740)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(row) for row in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    read = [[entry[f"rows of {source}"] for source in (speech, tmp_path / "rows.jsonl")] for entry in entries]
    assert {(1, 1)} <= set(map(tuple, read))  # one hears and one does not
    assert all(math.isfinite(entry["loss"]) for entry in entries)


@pytest.mark.parametrize(
    ("environment", "options", "named"),
    [
        ({"ACCELERATE_USE_FSDP": "true"}, [], "FSDP 1"),
        (FSDP | {"FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}, [], "in one process alone"),
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
