"""The model card: its statements are true, its code runs, and no name breaks it."""

import json
import re
import shutil
import subprocess

import pytest
import soundfile
import yaml

from saladkit.model.loading import load_processor, load_salad_model
from saladkit.speech.voices.voice import open_voice
from saladkit.training.model_card import SourceFigures, code, licence_of, model_card


@pytest.fixture(scope="module")
def card(checkpoint):
    return (checkpoint / "README.md").read_text()


def head_of(card):
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)[1])


def test_cards_are_files_of_the_artefact(checkpoint):
    files = json.loads((checkpoint / "manifest.json").read_text())["files"]
    assert {"README.md", "stable/README.md"} <= files.keys()


def test_the_head_says_what_kind_of_model_it_is(card):
    head = head_of(card)
    assert head["library_name"] == "transformers"
    assert head["pipeline_tag"] == "audio-text-to-text"
    assert "saladkit" in head["tags"]
    assert "license" not in head  # the text LLM states none
    assert "base_model" not in head  # a folder is no name on the Hub


def test_the_body_says_how_it_was_made(card, checkpoint, text_lm, speech, world):
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    last = json.loads((checkpoint / "metrics.jsonl").read_text().splitlines()[-1])
    for said in (
        "Stage I: distillation",
        f"`{text_lm}`",
        f"| `{speech}` | speech | 2 | 24 | ",
        f"| `{world / 'pool.parquet'}` | text | 1 | 60 | ",
        "| steps | 4 of 4 rows |",
        "| spans | text spans of 4-8 words, speech spans of 3-6 |",
        "| seed | 0 |",
        manifest["tool"],
        f"loss {last['loss']:.4g}, distillation {last['distillation']:.4g}",
    ):
        assert said in card, said
    read = [int(line.split("|")[-2]) for line in card.splitlines() if re.search(r"\| (speech|text) \|", line)]
    assert sum(read) == manifest["counts"]["rows_read"]


def test_the_card_before_the_decay_has_no_losses(checkpoint):
    stable = (checkpoint / "stable" / "README.md").read_text()
    assert "before the learning rate fell" in stable
    assert "Losses" not in stable


def test_the_code_of_the_card_asks_the_checkpoint(card, checkpoint, loaded_python, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    folder = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    spoken = open_voice("espeak:en-us").speak("What is the tomato?")
    soundfile.write(folder / "question.wav", spoken.samples, spoken.sample_rate)
    done = subprocess.run([loaded_python, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    processor, model = load_processor(folder), load_salad_model(folder, dtype="float32", device="cpu").eval()
    inputs = processor(text="<|audio|> The answer is", audio=str(folder / "question.wav"))
    ids = model.generate(**inputs, max_new_tokens=64)[0, inputs["input_ids"].shape[1] :]
    assert done.stdout == processor.decode(ids, skip_special_tokens=True) + "\n"


def test_no_name_breaks_the_card(checkpoint):
    plan = json.loads((checkpoint / "manifest.json").read_text())
    config = load_salad_model(checkpoint, dtype="float32", device="cpu").config
    evil = "a|b`c``d\n# <script> [x](y) *z*"
    plan["inputs"]["teacher"]["path"] = evil
    made = model_card(plan, config, [SourceFigures(evil, True, 1.0, 2, 3)], None)
    expected = "``` a\\|b`c``d # <script> [x](y) *z* ```"
    assert code(evil) == expected
    assert f"| {expected} | speech | 1 | 2 | 3 |" in made
    assert f"| teacher | {expected} |" in made
    assert "\n# <script>" not in made


def test_a_text_llm_of_the_hub_is_the_base_model_and_a_local_one_lends_its_licence(checkpoint, tmp_path):
    plan = json.loads((checkpoint / "manifest.json").read_text())
    config = load_salad_model(checkpoint, dtype="float32", device="cpu").config
    config.text_config.name_or_path = "Qwen/Qwen2.5-3B"
    assert head_of(model_card(plan, config, [], None))["base_model"] == "Qwen/Qwen2.5-3B"
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# A model\nlicense: mit\n")
    assert licence_of(str(tmp_path)) == "apache-2.0"
    config.text_config.name_or_path = str(tmp_path)
    assert head_of(model_card(plan, config, [], None))["license"] == "apache-2.0"
    assert licence_of("Qwen/Qwen2.5-3B") is None
