"""The digest of a model changes with its weights, in whatever format they are, and with nothing else."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from saladkit.formats.checkpoint import model_digest
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.stages.cache_teacher import cache_teacher

FORMATS = ["model.safetensors", "model-*.safetensors", "pytorch_model.bin", "pytorch_model-*.bin"]


def as_format(text_lm, weights, folder):
    """A copy of a model with its weights in one of FORMATS."""
    folder.mkdir()
    for file in text_lm.glob("*.json"):
        shutil.copy(file, folder)
    model = AutoModelForCausalLM.from_pretrained(text_lm)
    if "safetensors" in weights:
        model.save_pretrained(folder, max_shard_size="20KB" if "*" in weights else "5GB")
        return folder
    state = {name: value.clone() for name, value in model.state_dict().items()}
    names = sorted(state)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]] if "*" in weights else [names]
    files = [weights.replace("*", f"{number:05}-of-00002") for number in range(1, len(shards) + 1)]
    for file, some in zip(files, shards, strict=True):
        torch.save({name: state[name] for name in some}, folder / file)
    if len(files) > 1:
        where = {name: file for file, some in zip(files, shards, strict=True) for name in some}
        index = {"metadata": {"total_size": 1}, "weight_map": where}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder


def swap(folder):
    """Change one number of the weights, in the same format."""
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")])
    if files[0].suffix == ".bin":
        state = torch.load(files[0], weights_only=True)
        next(iter(state.values())).flatten()[0] += 1
        torch.save(state, files[0])
    else:
        changed = bytearray(files[0].read_bytes())
        changed[-3] ^= 1
        files[0].write_bytes(bytes(changed))


@pytest.mark.parametrize("weights", FORMATS)
def test_other_weights_are_another_model(weights, text_lm, tmp_path):
    folder = as_format(text_lm, weights, tmp_path / "model")
    assert list(folder.glob(weights))
    before = model_digest(folder)
    (folder / "README.md").write_text("about the model")
    (folder / "training_args.bin").write_bytes(b"no weights")
    assert model_digest(folder) == before
    shutil.copytree(folder, tmp_path / "moved")
    assert model_digest(tmp_path / "moved") == before
    swap(folder)
    assert model_digest(folder) != before


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_another_index_is_another_model(index, text_lm, tmp_path):
    weights = FORMATS[1] if "safetensors" in index else FORMATS[3]
    folder = as_format(text_lm, weights, tmp_path / "model")
    before = model_digest(folder)
    (folder / index).write_text((folder / index).read_text() + "\n")
    assert model_digest(folder) != before


def test_weights_that_transformers_does_not_read_are_no_part_of_the_model(text_lm, tmp_path):
    shutil.copytree(text_lm, tmp_path / "model")
    before = model_digest(tmp_path / "model")
    (tmp_path / "model" / "pytorch_model.bin").write_bytes(b"an older copy")
    assert model_digest(tmp_path / "model") == before


@pytest.mark.parametrize("weights", FORMATS[2:])
def test_a_cache_of_other_weights_is_not_reused(weights, text_lm, world, shell, tmp_path):
    folder = as_format(text_lm, weights, tmp_path / "model")
    settings = CacheTeacherSettings(model=str(folder), top_k=4, device="cpu", limit=4)
    cache_teacher([str(world / "natural.parquet")], tmp_path / "cache", settings)
    line = ["cache-teacher", world / "natural.parquet", "--model", folder, "--top-k", 4, "--limit", 6]
    line += ["--device", "cpu", "--reuse", tmp_path / "cache"]
    same = shell(*line, "-o", tmp_path / "same")
    assert same.exit_code == 0 and json.loads(same.stdout)["reused"] == 4
    swap(folder)
    other = shell(*line, "-o", tmp_path / "other")
    assert other.exit_code == 2 and "another teacher" in other.stderr and "model" in other.stderr


def test_gap_refuses_a_checkpoint_whose_text_llm_has_other_weights(
    text_lm, distill_arguments, shell, speech, teacher_cache, tmp_path
):
    folder = as_format(text_lm, "pytorch_model.bin", tmp_path / "model")
    trained = [*distill_arguments[2:], "--lora-rank", 2, "--save", "trained", "-o", tmp_path / "trained"]
    assert shell("distill", folder, *trained).exit_code == 0
    line = ["gap", tmp_path / "trained", speech, "--teacher", text_lm, "--limit", 2, "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "before").exit_code == 0
    swap(folder)
    refused = shell(*line, "-o", tmp_path / "after")
    assert refused.exit_code == 2 and "has changed since then" in refused.stderr
