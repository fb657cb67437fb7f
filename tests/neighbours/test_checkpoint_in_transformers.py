"""A checkpoint in transformers alone, after one import, and on its way to the Hub."""

import json
import shlex
import shutil
import subprocess
import sys
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
import soundfile
import torch

import checkpoint_in_transformers
from saladkit.api import load_checkpoint, read_samples
from saladkit.errors import SaladError
from saladkit.model.loading import load_processor
from saladkit.speech.audio.decoding import decode_row

ALONE = """
import json, sys
from checkpoint_in_transformers import continue_text, text_llm
from transformers import AutoModelForCausalLM
print(json.dumps(continue_text({folder!r}, "The capital of")))
print(type(text_llm({folder!r})).__name__, any(name.startswith("saladkit") for name in sys.modules))
try:
    AutoModelForCausalLM.from_pretrained({folder!r})
except ValueError as error:
    print("salad" in str(error) and "does not recognize" in str(error))
"""


@pytest.fixture(scope="module")
def checkpoint(checkpoint, tmp_path_factory):
    """The session's checkpoint with noise in its weights: as it is, it writes one token whatever it hears."""
    folder = tmp_path_factory.mktemp("checkpoint") / "stage1"
    shutil.copytree(checkpoint, folder)
    (folder / "manifest.json").unlink()  # its digests are those of other weights
    model, processor = load_checkpoint(folder)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def question(spoken_questions, tmp_path_factory):
    samples, rate = decode_row(read_samples(spoken_questions, limit=1).to_pylist()[0], "questions")
    path = tmp_path_factory.mktemp("question") / "question.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return str(path)


def written(checkpoint, **prompt):
    model, processor = load_checkpoint(checkpoint)
    inputs = processor(**prompt)
    ids = model.generate(**inputs, max_new_tokens=32, do_sample=False)
    return processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def test_the_text_llm_loads_without_this_package(checkpoint, repository):
    code = ALONE.format(folder=str(checkpoint))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=repository / "examples" / "neighbours"
    )
    assert done.returncode == 0, done.stderr
    text, kind, refused = done.stdout.splitlines()
    assert json.loads(text) == written(checkpoint, text="The capital of")
    assert kind == "Qwen2ForCausalLM False" and refused == "True"


def test_its_weights_are_those_of_the_checkpoint(checkpoint):
    alone, whole = checkpoint_in_transformers.text_llm(str(checkpoint)), load_checkpoint(checkpoint)[0].language_model
    weights = whole.state_dict()
    assert alone.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in alone.state_dict().items())


def test_a_spoken_prompt_is_answered_by_the_pipeline(checkpoint, question):
    found = checkpoint_in_transformers.answer(str(checkpoint), question, "The answer is")
    assert found == written(checkpoint, text="<|audio|> The answer is", audio=question)
    assert found != written(checkpoint, text="The answer is")


def test_the_pipeline_takes_conversations(checkpoint, question):
    from chat_templates import chat_tokenizer
    from transformers import pipeline

    model, processor = load_checkpoint(checkpoint)
    processor.tokenizer = chat_tokenizer(processor.tokenizer, "Qwen2.5")
    model.language_model.resize_token_embeddings(len(processor.tokenizer))
    processor.config.text_config.vocab_size = len(processor.tokenizer)
    turns = [{"role": "user", "content": [{"type": "audio", "path": question}]}]
    inputs = processor.apply_chat_template(turns, tokenize=True, return_dict=True, add_generation_prompt=True)
    ids = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    listen = pipeline("any-to-any", model=model, processor=processor)
    how = {"generate_kwargs": {"max_new_tokens": 5, "do_sample": False}, "return_full_text": False}
    (found,) = listen(turns, **how)
    assert found["generated_text"] == processor.decode(ids, skip_special_tokens=True)


def test_images_are_refused(checkpoint):
    with pytest.raises(SaladError, match="images or videos"):
        load_processor(checkpoint)(text="What is it?", images=[np.zeros((2, 2, 3))])


def test_the_files_for_the_hub_are_all_that_is_needed(checkpoint, question, tmp_path, capsys):
    line = shlex.split(checkpoint_in_transformers.files(str(checkpoint)))
    shown = {row.split()[-1] for row in capsys.readouterr().err.splitlines()}
    assert {"config.json", "model.safetensors", "README.md", "tokenizer.json", "stable/config.json"} <= shown
    assert not any(name.startswith(("training/", "logs/")) for name in shown)
    ignored = shutil.ignore_patterns(*(pattern.removesuffix("/*") for pattern in line[6::2]))
    shutil.copytree(checkpoint, tmp_path / "downloaded", ignore=ignored)
    copied = {str(path.relative_to(tmp_path / "downloaded")) for path in (tmp_path / "downloaded").rglob("*.*")}
    assert copied == shown
    assert written(tmp_path / "downloaded", audio=question) == written(checkpoint, audio=question)


def test_push_to_hub_sends_what_loads_again(checkpoint, question, tmp_path, monkeypatch):
    """The Hub itself is replaced: what is committed lands in a folder."""
    sent = tmp_path / "hub"

    def commit(self, repo_id, operations, **_):
        for operation in operations:
            target = sent / operation.path_in_repo
            target.parent.mkdir(parents=True, exist_ok=True)
            with operation.as_file() as stream:
                target.write_bytes(stream.read())

    monkeypatch.setattr(huggingface_hub.HfApi, "create_commit", commit)
    created = SimpleNamespace(repo_id="me/salad")
    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", lambda self, repo_id, **_: created)
    model, processor = load_checkpoint(checkpoint)
    model.push_to_hub("me/salad")
    processor.push_to_hub("me/salad")
    assert json.loads((sent / "config.json").read_text())["model_type"] == "salad"
    assert written(sent, audio=question) == written(checkpoint, audio=question)
