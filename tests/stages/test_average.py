"""`average`: the mean of checkpoints against a twin in float64, resuming, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from command_lines import replaced
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from saladkit.cli import main
from saladkit.model.averaging import WeightAverage
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.model.salad import SaladForCausalLM


def mean_of(states, weights):
    """The twin: the mean of {name: array} in float64."""
    return {
        name: sum(weight * state[name].astype(np.float64) for weight, state in zip(weights, states, strict=True))
        for name in states[0]
    }


def weights_in(folder):
    return load_file(folder / "model.safetensors")


def merged(folder):
    model = SaladForCausalLM.from_pretrained(folder)
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def both(checkpoint):
    """Two checkpoints of one kind: one training before and after the decay."""
    return checkpoint, checkpoint / "stable"


@pytest.fixture(scope="module")
def averaged(both, workshop):
    line = ["average", *map(str, both), "--weight", "0.75", "--weight", "0.25", "-o", str(workshop / "averaged")]
    result = CliRunner().invoke(main, line, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return workshop / "averaged"


def test_every_weight_is_the_mean(both, averaged):
    states, found = [weights_in(folder) for folder in both], weights_in(averaged)
    expected = mean_of(states, (0.75, 0.25))
    assert found.keys() == states[0].keys()
    assert sum(not np.array_equal(*(state[name] for state in states)) for name in found) > 20
    for name, value in found.items():
        assert value.dtype == states[0][name].dtype and np.array_equal(value, expected[name].astype(np.float32)), name


def test_all_else_is_the_firsts(both, averaged):
    first = both[0]
    assert not (averaged / "stable").exists() and not (averaged / "metrics.jsonl").exists()
    for name in ("config.json", "generation_config.json", "tokenizer.json", "processor_config.json"):
        assert json.loads((averaged / name).read_text()) == json.loads((first / name).read_text()), name
    manifest = json.loads((averaged / "manifest.json").read_text())
    assert manifest["schema"] == "checkpoint" and manifest["verb"] == "average"
    assert manifest["settings"]["weights"] == [0.75, 0.25]
    assert [manifest["inputs"][f"checkpoint {i}"]["path"] for i in (0, 1)] == list(map(str, both))
    parameters = sum(value.size for value in weights_in(first).values())
    assert manifest["counts"]["parameters"] == parameters
    on_disk = {path.name for path in averaged.iterdir()} - {"manifest.json", "summary.json"}
    assert manifest["files"].keys() == on_disk
    card = (averaged / "README.md").read_text()
    for said in (
        "weighted mean",
        f"| `{both[0]}` | 0.75 |",
        f"| `{both[1]}` | 0.25 |",
        "saladkit average",
        "## Limits",
    ):
        assert said in card, said


def test_the_mean_is_a_checkpoint_like_any_other(averaged, text_lm, speech, spoken_questions, shell, tmp_path):
    state = SaladForCausalLM.from_pretrained(averaged).state_dict()
    assert torch.equal(
        state["speech_adapter.project_out.weight"],
        AutoModelForCausalLM.from_pretrained(averaged).state_dict()["speech_adapter.project_out.weight"],
    )
    spans = ["--text-words", 4, 8, "--speech-words", 3, 6, "--limit", 4, "--device", "cpu"]
    measured = shell("gap", averaged, speech, "--teacher", text_lm, *spans, "-o", tmp_path / "gap")
    assert measured.exit_code == 0, measured.stderr
    assert json.loads((tmp_path / "gap" / "manifest.json").read_text())["identity"]["trained_on"] is None
    scored = shell("eval", averaged, spoken_questions, "--limit", 2, "--device", "cpu", "-o", tmp_path / "eval")
    assert scored.exit_code == 0, scored.stderr


def test_a_mean_with_itself_changes_nothing(checkpoint, shell, tmp_path):
    done = shell("average", checkpoint, checkpoint, checkpoint, "-o", tmp_path / "out")
    assert done.exit_code == 0 and json.loads(done.stdout)["weights"] == [1 / 3] * 3
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()


def test_an_interrupted_run_resumes_and_a_second_one_changes_nothing(
    both, averaged, contents, shell, monkeypatch, tmp_path
):
    line = ["average", *both, "--weight", 0.75, "--weight", 0.25, "-o", tmp_path / "out"]
    plan = json.loads(shell(*line, "--dry-run").stdout)
    assert plan["dry_run"] and plan["weights"] == [0.75, 0.25] and not (tmp_path / "out").exists()
    with monkeypatch.context() as broken:
        broken.setattr(WeightAverage, "write_about", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert shell(*line).exit_code != 0
    written = (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns
    assert shell("gap", tmp_path / "out", "x", "--teacher", "y", "-o", tmp_path / "gap").exit_code == 2
    done = shell(*line)
    assert json.loads(done.stdout)["resumed"] and contents(tmp_path / "out") == contents(averaged)
    assert (tmp_path / "out" / "model.safetensors").stat().st_mtime_ns == written
    assert json.loads(shell(*line).stdout) == json.loads(done.stdout)


def test_shards_stay_shards_and_the_first_gives_the_data_type(both, averaged, shell, tmp_path):
    """The first is in bfloat16 and cut in shards, the other in float32 and whole."""
    first, halves = both[0], tmp_path / "halves"
    model = load_salad_model(first, dtype="bfloat16", device="cpu")
    model.save_pretrained(halves, max_shard_size="30KB")
    load_processor(first).save_pretrained(halves)
    assert not (halves / "model.safetensors").exists()
    done = shell("average", halves, both[1], "--weight", 0.75, "--weight", 0.25, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in halves.glob("model*")}
    assert len(names) > 2 and {path.name for path in (tmp_path / "out").glob("model*")} == names
    found = SaladForCausalLM.from_pretrained(tmp_path / "out")
    assert found.dtype == torch.bfloat16
    second = SaladForCausalLM.from_pretrained(both[1]).state_dict()
    for name, value in found.state_dict().items():
        expected = 0.75 * model.state_dict()[name].double() + 0.25 * second[name].double()
        assert torch.equal(value, expected.bfloat16()), name


@pytest.fixture(scope="module")
def trained(workshop, distill_arguments, text_lm):
    """A checkpoint of trained weights alone."""
    line = replaced(distill_arguments, "--teacher", text_lm)
    lora = ["--lora-rank", "4", "--lora-alpha", "6", "--learning-rate", "1e-2", "--save", "trained"]
    folder = workshop / "average-lora"
    result = CliRunner().invoke(main, [*line, *lora, "-o", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return folder


def test_of_trained_weights_alone_the_mean_is_that_of_the_merged_models(trained, shell, tmp_path):
    weights = (0.6, 0.4)
    done = shell("average", trained, trained / "stable", "--weight", 0.6, "--weight", 0.4, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["text_model"] == json.loads((trained / "config.json").read_text())["text_model"]
    assert (config["lora"]["rank"], config["lora"]["alpha"]) == (8, 12)
    assert all(".lora_" in name or not name.startswith("language_model.") for name in weights_in(tmp_path / "out"))
    states = [merged(folder) for folder in (trained, trained / "stable")]
    expected, found = mean_of(states, weights), merged(tmp_path / "out")
    assert found.keys() == expected.keys()
    name = "language_model.model.layers.0.self_attn.q_proj.weight"
    assert np.abs(states[0][name] - states[1][name]).max() > 1e-3
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-6, err_msg=name)
    assert "the rest is read from" in (tmp_path / "out" / "README.md").read_text()


def edited(folder, place, **entries):
    """A copy of a checkpoint with other entries in its config.json."""
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("stable", "manifest.json"))
    config = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps(config | entries))
    return place


def with_weights(folder, place, change):
    """A copy of a checkpoint with changed weights."""
    edited(folder, place)
    save_file(change(weights_in(folder)), place / "model.safetensors", metadata={"format": "pt"})
    return place


def with_tokenizer_of(folder, place, text_lm):
    edited(folder, place)
    AutoTokenizer.from_pretrained(text_lm).save_pretrained(place)
    return place


def text_config(folder, **entries):
    return json.loads((folder / "config.json").read_text())["text_config"] | entries


@pytest.mark.parametrize(
    "kind, said",
    [
        ("tokenizer", "has another tokenizer than"),
        ("mel bins", "has another speech encoder than"),
        ("tied embeddings", "has another shape than"),
        ("modality tokens", "has another shape than"),
        ("chat template", "has another chat template than"),
        ("text LLM", "was made from"),
        ("trained alone", "has another set of weights"),
        ("missing tensor", "speech_adapter.length of shape None"),
        ("other shape", "speech_adapter.length of shape (2,)"),
        ("text model", "is no folder of a speech-adapted checkpoint"),
        ("nowhere", "does not exist"),
        ("damaged", "cannot be read as weights"),
    ],
)
def test_checkpoints_of_other_kinds_are_refused(
    kind, said, checkpoint, trained, text_lm, other_text_lm, shell, tmp_path
):
    place = tmp_path / "other"
    name = "speech_adapter.length"
    make = {
        "tokenizer": lambda: with_tokenizer_of(checkpoint, place, other_text_lm),
        "mel bins": lambda: edited(checkpoint, place, num_mel_bins=17),
        "tied embeddings": lambda: edited(
            checkpoint, place, text_config=text_config(checkpoint, tie_word_embeddings=False)
        ),
        "modality tokens": lambda: edited(checkpoint, place, modality_tokens=True),
        "chat template": lambda: edited(checkpoint, place, chat_template="0" * 64),
        "text LLM": lambda: edited(
            checkpoint, place, text_config=text_config(checkpoint, _name_or_path=str(other_text_lm))
        ),
        "trained alone": lambda: trained,
        "missing tensor": lambda: with_weights(
            checkpoint, place, lambda found: {key: value for key, value in found.items() if key != name}
        ),
        "other shape": lambda: with_weights(checkpoint, place, lambda found: found | {name: np.ones(2, np.float32)}),
        "text model": lambda: text_lm,
        "nowhere": lambda: tmp_path / "gone",
        "damaged": lambda: edited(checkpoint, place),
    }
    other = make[kind]()
    if kind == "damaged":
        (place / "model.safetensors").write_bytes(b"no weights")
    refused = shell("average", checkpoint, other, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and refused.stdout == ""
    problem, fix = refused.stderr.splitlines()
    assert said in problem and str(other) in problem and fix.startswith("  fix: "), refused.stderr
    assert not (tmp_path / "out").exists()


def test_trained_weights_of_another_text_llm_are_refused(trained, shell, tmp_path):
    text_model = json.loads((trained / "config.json").read_text())["text_model"] | {"digest": "0" * 64}
    other = edited(trained, tmp_path / "other", text_model=text_model)
    refused = shell("average", trained, other, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and "has another text LLM than" in refused.stderr.splitlines()[0]


@pytest.mark.parametrize(
    "count, weights, said",
    [
        (1, [], "one checkpoint alone"),
        (1, [1], "one checkpoint alone"),
        (2, [0.5, 0.4], "the weights make 0.9, not 1"),
        (2, [1.5, -0.5], "-0.5"),
        (2, [1], "2 checkpoints, and 1 weights"),
        (3, [0.5, 0.5], "3 checkpoints, and 2 weights"),
    ],
    ids=["one", "one with its weight", "too little", "negative", "too few", "two of three"],
)
def test_weights_that_are_none_are_refused(count, weights, said, checkpoint, shell, tmp_path):
    given = [word for weight in weights for word in ("--weight", weight)]
    refused = shell("average", *[checkpoint] * count, *given, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and said in refused.stderr
    assert not (tmp_path / "out").exists()
