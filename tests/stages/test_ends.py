"""After a spoken prompt a model begins and stops writing where the text LLM does after the same words, read.

The world is so small that training takes seconds: a word sounds as a tone of its own for one vector, and the text LLM
knows eight sentences. The student hears every row as a whole, and learns from the position behind the last word alone.
"""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from click.testing import CliRunner

import train_lm
from saladkit.cli import main
from saladkit.formats.results import read_predictions
from saladkit.model.loading import load_processor, load_salad_model, load_text_model, load_tokenizer
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.stages.cache_speech import cache_speech

RATE, WORD, BINS = 16_000, 0.08, 24  # Hz, s, mel bins
SENTENCES = [
    "the sun is hot",
    "the snow is very cold indeed",
    "the sea is deep",
    "the road is rather long",
    "a bird can fly",
    "a fish can swim all day long",
    "a stone can roll",
    "a child can learn many things",
]
PROMPTS = [" ".join(sentence.split()[:3]) for sentence in SENTENCES]
BEGINNINGS = sorted({" ".join(s.split()[:end]) for s in SENTENCES for end in range(1, len(s.split()) + 1)})
TONES = {word: 250.0 * 1.155**place for place, word in enumerate(sorted({*" ".join(SENTENCES).split()}))}  # Hz


def sound(text):
    """The tones of a text's words, float32 [n]."""
    seconds = np.arange(round(WORD * RATE)) / RATE
    return np.concatenate([np.sin(2 * np.pi * TONES[word] * seconds) * 0.3 for word in text.split()]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ends")


@pytest.fixture(scope="module")
def tiny_lm(folder):
    """A text LLM that writes the sentences, each with its end; it has read their ends in other sentences too."""
    ends = [" ".join([before, *sentence.split()[3:]]) for sentence in SENTENCES for before in ("so", "how", "oh")]
    rows = [{"id": str(place), "text": text} for place, text in enumerate([*SENTENCES, *SENTENCES, *ends])]
    pq.write_table(pa.Table.from_pylist(rows), folder / "lm.parquet")
    shape = {"hidden_size": 48, "layers": 2, "vocabulary": 330}
    settings = train_lm.TrainLmSettings(steps=150, batch_size=8, learning_rate=6e-3, **shape)
    train_lm.train(str(folder / "lm.parquet"), folder / "lm", settings)
    return folder / "lm"


@pytest.fixture(scope="module")
def line(folder, tiny_lm):
    """`distill` on recordings of all beginnings of the sentences, each heard as a whole; without steps and output."""
    rows = []
    for place, text in enumerate(BEGINNINGS):
        soundfile.write(folder / f"{place}.wav", sound(text), RATE, subtype="FLOAT")
        times = [{"word": w, "start": i * WORD, "end": (i + 1) * WORD} for i, w in enumerate(text.split())]
        rows.append({"id": f"{place}", "text": text, "audio": f"{place}.wav", "words": times})
    (folder / "heard.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cache_speech([str(folder / "heard.jsonl")], folder / "frames", CacheSpeechSettings(bins=BINS))
    made = ["distill", tiny_lm, "--data", folder / "heard.jsonl", "--frames", folder / "frames", "--teacher", tiny_lm]
    made += ["--text-first", 0, "--speech-words", 9, 9, "--per-device-train-batch-size", len(BEGINNINGS)]
    made += ["--warmup-steps", 10, "--learning-rate", 0, "--adapter-learning-rate", 3e-3, "--mel-bins", BINS]
    made += ["--adapter-layers", 1, "--adapter-width", 48, "--adapter-mlp-width", 96, "--encoder-width", 48]
    return [*made, "--adapter-heads", 2, "--adapter-kv-heads", 2, "--device", "cpu"]


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def student(folder, line):
    run(*line, "--max-steps", 200, "-o", folder / "student")
    return folder / "student"


def written(model, inputs, tokenizer):
    """What a model writes greedily, with its end of text; at most 12 tokens."""
    ids = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    return tokenizer.decode(ids)


@pytest.mark.parametrize("text", [*PROMPTS, *SENTENCES])
def test_a_spoken_prompt_is_continued_and_ended_as_by_the_text_llm(text, student, tiny_lm):
    tokenizer, processor = load_tokenizer(tiny_lm), load_processor(student)
    text_lm = load_text_model(tiny_lm, dtype="float32", device="cpu").eval()
    model = load_salad_model(student, dtype="float32", device="cpu").eval()
    read = written(text_lm, {"input_ids": torch.tensor([tokenizer(text)["input_ids"]])}, tokenizer)
    (rest,) = {sentence[len(text) :] for sentence in SENTENCES if sentence.startswith(text)}
    assert read == rest + tokenizer.eos_token  # the text LLM knows the sentences
    assert written(model, processor(audio=sound(text), sampling_rate=RATE), tokenizer) == read


@pytest.mark.parametrize("options", [[], ["--lora-rank", 2], ["--lora-rank", 2, "--save", "trained"]])
def test_a_checkpoint_stops_at_every_token_at_which_its_text_llm_stops(options, line, tiny_lm, tmp_path):
    text_lm, tokenizer = tmp_path / "two-ends", load_tokenizer(tiny_lm)
    (cold,) = tokenizer(" cold")["input_ids"]
    shutil.copytree(tiny_lm, text_lm)
    settings = json.loads((tiny_lm / "generation_config.json").read_text())
    ends = {"eos_token_id": [settings["eos_token_id"], cold]}
    (text_lm / "generation_config.json").write_text(json.dumps(settings | ends))
    moved = [text_lm if word == tiny_lm else word for word in line]
    run(*moved, "--max-steps", 1, *options, "-o", tmp_path / "checkpoint")
    model = load_salad_model(tmp_path / "checkpoint", dtype="float32", device="cpu").eval()
    assert model.generation_config.eos_token_id == ends["eos_token_id"]
    (tmp_path / "asked.jsonl").write_text(json.dumps({"id": "snow", "text": "the snow is", "reference": "very cold"}))
    asked = [tmp_path / "asked.jsonl", "--modality", "text", "--generate", "--template", "continuation"]
    run("eval", tmp_path / "checkpoint", *asked, "--teacher", text_lm, "--device", "cpu", "-o", tmp_path / "eval")
    assert {row["model"]: row["response"] for row in read_predictions(tmp_path / "eval")} == {
        "original": " very cold",
        "checkpoint": " very cold",
    }
