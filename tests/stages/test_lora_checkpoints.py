"""`distill --lora-rank` with either --save is the same model, however it is loaded; `align` continues from both."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM

from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM

LORA = ["--lora-rank", 4, "--learning-rate", 1e-2]


@pytest.fixture(scope="module")
def made(workshop, distill_arguments):
    """{how it was saved: checkpoint} of one training with LoRA; the teacher is the student's own language model."""
    from click.testing import CliRunner

    from saladkit.cli import main

    place = distill_arguments.index("--teacher")
    line = [*distill_arguments[:place], *distill_arguments[place + 2 :], *map(str, LORA)]
    folders = {save: workshop / f"lora-{save}" for save in ("full", "trained")}
    for save, folder in folders.items():
        result = CliRunner().invoke(main, [*line, "--save", save, "-o", str(folder)], catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
    return folders


@torch.inference_mode()
def logits(model):
    torch.manual_seed(0)
    return model(
        input_ids=torch.arange(1, 31).reshape(2, 15),
        speech_mask=torch.arange(15).repeat(2, 1) < 4,
        speech_frames=torch.randn(2, 32, 16),
        speech_lengths=torch.tensor([4, 4]),
    ).logits


@pytest.mark.parametrize("part", ["", "stable"])
def test_both_give_the_same_logits_by_every_way_to_load_them(part, made):
    expected = logits(SaladForCausalLM.from_pretrained(made["full"] / part))
    for folder in made.values():
        for model in (
            SaladForCausalLM.from_pretrained(folder / part),
            AutoModelForCausalLM.from_pretrained(folder / part),
            load_salad_model(folder / part, dtype="float32", device="cpu").eval(),
        ):
            assert isinstance(model, SaladForCausalLM)
            assert model.config.lora is None and model.config.text_model is None
            assert torch.equal(logits(model), expected)
    unmerged = load_salad_model(made["trained"] / part, dtype="float32", device="cpu", merge_lora=False).eval()
    assert unmerged.config.lora["rank"] == 4
    torch.testing.assert_close(logits(unmerged), expected, rtol=0, atol=1e-5)
    half = [AutoModelForCausalLM.from_pretrained(folder / part, dtype=torch.bfloat16) for folder in made.values()]
    assert all(model.dtype == torch.bfloat16 for model in half)
    assert torch.equal(*map(logits, half))


def test_save_trained_stores_only_trained_weights_and_a_reference(made, text_lm):
    apart, whole = (load_file(made[save] / "model.safetensors") for save in ("trained", "full"))
    assert all(".lora_" in name for name in apart if name.startswith("language_model."))
    assert {name for name in whole if name.startswith("speech_")} <= apart.keys()
    text = load_text_model(text_lm, dtype="float32", device="cpu").state_dict()
    changed = {name for name, value in text.items() if not np.array_equal(whole.get(f"language_model.{name}"), value)}
    assert {name.split(".")[-2] for name in changed if "layers." in name} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"
    }  # fmt: skip
    assert json.loads((made["trained"] / "config.json").read_text())["text_model"]["name"] == str(text_lm)


def test_a_saved_again_model_stands_alone(made, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(made["trained"])
    model.save_pretrained(tmp_path)
    assert torch.equal(logits(SaladForCausalLM.from_pretrained(tmp_path)), logits(model))
    assert json.loads((tmp_path / "config.json").read_text()).get("text_model") is None


def apart_with_text_model(made, folder, name):
    """A copy of the checkpoint that was saved apart, whose text LLM is called `name`."""
    shutil.copytree(made["trained"], folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_model"]["name"] = str(name)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_text_llm_may_be_in_another_folder(made, text_lm, tmp_path):
    shutil.copytree(text_lm, tmp_path / "moved")
    folder = apart_with_text_model(made, tmp_path / "checkpoint", tmp_path / "moved")
    assert torch.equal(logits(SaladForCausalLM.from_pretrained(folder)), logits(load_salad_model(
        made["full"], dtype="float32", device="cpu").eval()))  # fmt: skip


@pytest.mark.parametrize("kind", ["nowhere", "another"])
def test_a_missing_or_changed_text_llm_is_refused(kind, made, other_text_lm, shell, speech, spoken_questions, tmp_path):
    name = {"nowhere": tmp_path / "gone", "another": other_text_lm}[kind]
    folder = apart_with_text_model(made, tmp_path / "checkpoint", name)
    result = shell("eval", folder, spoken_questions, "--device", "cpu", "-o", tmp_path / "out")
    assert result.exit_code == 2
    problem, fix = result.stderr.splitlines()[-2:]
    assert str(name) in problem and str(folder) in problem
    assert "config.json" in fix


def test_device_map_is_refused_for_weights_saved_apart(made):
    from saladkit.errors import SaladError

    with pytest.raises(SaladError) as raised:
        SaladForCausalLM.from_pretrained(made["trained"], device_map="auto")
    assert "device_map" in raised.value.problem


@pytest.fixture
def align(shell, speech, teacher_cache, text_lm):
    """Run `saladkit align` for two steps; its output folder."""

    def run(checkpoint, output, *more, teacher=teacher_cache):
        steps = (
            "--max-steps 2 --save-steps 1 --logging-steps 1 --warmup-steps 0 --per-device-train-batch-size 4".split()
        )
        line = ["align", checkpoint, "--data", speech, "--teacher", teacher, "--device", "cpu", *steps]
        spans = ["--text-words", 4, 8, "--speech-words", 3, 6]
        result = shell(*line, *spans, *more, "-o", output)
        assert result.exit_code == 0, result.stderr
        return output

    return run


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_align_trains_lora_on_where_it_was_saved_apart(made, align, text_lm, tmp_path):
    """If the teacher is the text LLM, no second copy of it is loaded, and the distributions are the same."""
    folder = align(made["trained"], tmp_path / "on", "--save", "trained", "--learning-rate", 1e-2, teacher=text_lm)
    before, after = weights(made["trained"] / "stable"), weights(folder)
    assert before.keys() == after.keys()
    assert all(not np.array_equal(before[name], after[name]) for name in after if "lora_B" in name)
    config, card = json.loads((folder / "config.json").read_text()), (folder / "README.md").read_text()
    assert config["text_model"]["name"] == str(text_lm)
    for said in ("Stage II", f"| text LLM | `{text_lm}` |", "LoRA of rank 4", f"the rest is read from `{text_lm}`"):
        assert said in card, said
    whole = align(made["trained"], tmp_path / "whole", "--learning-rate", 1e-2, teacher=text_lm)
    assert torch.equal(*(logits(SaladForCausalLM.from_pretrained(path)) for path in (folder, whole)))


def test_align_trains_a_merged_checkpoint_in_full(made, align, text_lm, tmp_path):
    folder = align(made["full"], tmp_path / "full", "--learning-rate", 1e-3)
    before, after = weights(made["full"] / "stable"), weights(folder)
    assert f"| text LLM | `{text_lm}` |" in (folder / "README.md").read_text()
    assert before.keys() == after.keys()
    assert not np.array_equal(*(w["language_model.model.embed_tokens.weight"] for w in (before, after)))
    merged = align(made["trained"], tmp_path / "merged", "--learning-rate", 1e-3, "--lora-rank", 0)
    assert all(np.array_equal(value, after[name]) for name, value in weights(merged).items())


@pytest.mark.parametrize("kind", ["trained in full", "LoRA saved apart"])
def test_align_puts_lora_upon_a_checkpoint(kind, checkpoint, made, align, tmp_path):
    checkpoint = checkpoint if kind == "trained in full" else made["trained"]
    line = ["--lora-rank", 2, "--lora-targets", "q_proj", "--learning-rate", 1e-2]
    apart = align(checkpoint, tmp_path / "apart", *line, "--save", "trained")
    assert {name.split(".lora_")[0][-6:] for name in weights(apart) if ".lora_" in name} == {"q_proj"}
    whole = align(checkpoint, tmp_path / "whole", *line)
    assert torch.equal(*(logits(SaladForCausalLM.from_pretrained(path)) for path in (apart, whole)))


def test_settings_of_lora_without_its_rank(shell, distill_arguments, tmp_path):
    result = shell(*distill_arguments, "--lora-targets", "q_proj", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "--lora-rank" in result.stderr
    assert not (tmp_path / "out").exists()


def test_lora_targets_must_exist_in_the_text_llm(shell, distill_arguments, tmp_path):
    result = shell(*distill_arguments, "--lora-rank", 2, "--lora-targets", "q_prj", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "q_prj" in result.stderr.splitlines()[-2]
