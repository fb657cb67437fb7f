"""Every command holds its texts against the model: tokens without an embedding, and rows beyond learned positions."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPTJConfig, OPTConfig

from saladkit.formats.samples import write_samples
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.sources.samples import read_samples

UNKNOWN = "<image_soft_token>"  # Gemma 3's tokenizer has this one beyond its embedding table
POSITIONS = 80
LEARNED = {
    "GPT-2": GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=POSITIONS),
    "OPT": OPTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        ffn_dim=48,
        num_attention_heads=2,
        max_position_embeddings=POSITIONS,
        word_embed_proj_dim=32,
    ),
    "GPT-J": GPTJConfig(n_embd=32, n_layer=2, n_head=2, rotary_dim=8, n_positions=POSITIONS),
}


@pytest.fixture(scope="module")
def unused_id(text_lm, tmp_path_factory):
    """The text LLM with a tokenizer that has one id more."""
    folder = tmp_path_factory.mktemp("unused") / "text-llm"
    tokenizer = AutoTokenizer.from_pretrained(text_lm)
    tokenizer.add_tokens([UNKNOWN])
    AutoModelForCausalLM.from_pretrained(text_lm).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows_with_it(world, speech, spoken_questions, tmp_path_factory):
    """Write texts, speech and questions, of which the first `count` use the token; returns the paths."""

    def write(count):
        folder = tmp_path_factory.mktemp("rows")
        texts = pq.read_table(world / "natural.parquet").to_pylist()
        spoken = read_samples(speech, needed=["id"]).to_pylist()
        questions = pq.read_table(world / "questions.parquet").to_pylist()
        for row in texts[:count] + questions[:count]:
            row["text"] = f"{UNKNOWN} {row['text']}"
        for row in spoken[:count]:
            row["words"][1]["word"] = UNKNOWN
            row["text"] = " ".join(word["word"] for word in row["words"])
        for name, rows in (("texts", texts), ("questions", questions)):
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
        write_samples(pa.Table.from_pylist(spoken), folder / "speech.parquet")
        return folder

    return write


def lines(model, rows, distill_arguments, checkpoint=None):
    """The commands that give texts to a model, without their outputs."""
    place = distill_arguments.index("--frames")
    steps = [*distill_arguments[place + 2 :], "--teacher", model, "--replay", rows / "texts.parquet"]
    questions = [rows / "questions.parquet", "--modality", "text", "--device", "cpu"]
    found = {
        "cache-teacher": ["cache-teacher", rows / "texts.parquet", "--model", model, "--device", "cpu"],
        "distill": ["distill", model, "--data", rows / "speech.parquet", *steps],
        "eval": ["eval", model, *questions],
        "eval, letters": ["eval", model, *questions, "--template", "letter", "--num-fewshot", 2],
        "generate": ["eval", model, *questions, "--generate", "--max-new-tokens", 2],
    }
    if checkpoint is not None:
        shared = ["--teacher", model, "--device", "cpu"]
        found["gap"] = ["gap", checkpoint, rows / "speech.parquet", *shared]
        stage = "--max-steps 1 --save-steps 1 --logging-steps 1 --warmup-steps 0".split()
        found["align"] = ["align", checkpoint, "--data", rows / "speech.parquet", *shared, *stage]
        found["eval of a checkpoint"] = ["eval", checkpoint, *questions]
    return found


@pytest.fixture(scope="module")
def adapted(unused_id, rows_with_it, distill_arguments, tmp_path_factory):
    """A checkpoint of the text LLM with the unused id, and what its training has skipped."""
    from click.testing import CliRunner

    from saladkit.cli import main

    folder = tmp_path_factory.mktemp("adapted") / "checkpoint"
    line = [*map(str, lines(unused_id, rows_with_it(2), distill_arguments)["distill"]), "-o", str(folder)]
    result = CliRunner().invoke(main, line, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return folder


COMMANDS = ["cache-teacher", "distill", "eval", "eval, letters", "generate", "gap", "align", "eval of a checkpoint"]


@pytest.mark.parametrize("command", COMMANDS)
def test_rows_with_a_token_that_the_model_lacks_are_listed(
    command, unused_id, adapted, rows_with_it, distill_arguments, shell, tmp_path
):
    rows = rows_with_it(2)
    done = shell(*lines(unused_id, rows, distill_arguments, adapted)[command], "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    skipped = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert len(skipped) == (4 if command == "distill" else 2)  # speech and replay
    assert all("it has the token 400" in row["reason"] and "knows 400 tokens" in row["reason"] for row in skipped)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tokenizer_of_another_model_is_refused(
    command, unused_id, adapted, rows_with_it, distill_arguments, shell, tmp_path
):
    rows = rows_with_it(24)
    done = shell(*lines(unused_id, rows, distill_arguments, adapted)[command], "-o", tmp_path / "out")
    assert done.exit_code == 2 and "Traceback" not in done.stderr
    assert "a tokenizer with ids up to 400, but a model that knows 400 tokens: row '" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("command", ["cache-teacher", "eval", "generate"])
def test_an_id_that_no_text_uses_does_no_harm(command, unused_id, rows_with_it, distill_arguments, shell, tmp_path):
    done = shell(*lines(unused_id, rows_with_it(0), distill_arguments)[command], "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"] == []


def test_regions_names_the_row_that_the_model_cannot_read(unused_id, rows_with_it, shell, tmp_path):
    for count in (0, 1):
        texts = rows_with_it(count) / "texts.parquet"
        line = ["regions", texts, "--embedder", f"lm:{unused_id}", "--clusters", 2, "--device", "cpu"]
        done = shell(*line, "-o", tmp_path / f"out-{count}")
        assert done.exit_code == 2 * count
    assert f"error: {texts}: {unused_id} cannot read row '" in done.stderr and "token 400" in done.stderr


@pytest.fixture(scope="module", params=list(LEARNED))
def learned(request, tokenizer, tmp_path_factory):
    """A random text LLM with learned or stored positions."""
    folder = tmp_path_factory.mktemp("learned") / "text-llm"
    torch.manual_seed(0)
    config = LEARNED[request.param]
    config.vocab_size, config.bos_token_id, config.eos_token_id, config.pad_token_id = len(tokenizer), None, 0, 0
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_no_row_is_longer_than_what_the_model_reads(
    learned, tokenizer, rows_with_it, distill_arguments, shell, tmp_path
):
    rows = rows_with_it(0)
    texts = pq.read_table(rows / "texts.parquet").to_pylist()
    for row in texts[:3]:
        row["text"] = " ".join([row["text"]] * 6)
    pq.write_table(pa.Table.from_pylist(texts), rows / "texts.parquet")
    found = lines(learned, rows, distill_arguments)
    for command in ("cache-teacher", "distill", "eval", "generate"):
        done = shell(*found[command], "-o", tmp_path / command)
        assert done.exit_code == 0, (command, done.stderr)
    counts = json.loads((tmp_path / "cache-teacher" / "manifest.json").read_text())["counts"]
    assert counts["rows_split"] >= 3
    assert len(TeacherCache(tmp_path / "cache-teacher")._where) == counts["rows"]
    skipped = json.loads((tmp_path / "distill" / "manifest.json").read_text())["skipped"]
    assert 0 < len(skipped) < 24 and all(f"and {learned} reads {POSITIONS}" in row["reason"] for row in skipped)
    checkpoint = tmp_path / "distill"
    for command in ("gap", "eval of a checkpoint"):
        done = shell(*lines(learned, rows, distill_arguments, checkpoint)[command], "-o", tmp_path / command)
        assert done.exit_code == 0, (command, done.stderr)
    skipped = json.loads((tmp_path / "gap" / "manifest.json").read_text())["skipped"]
    assert any(f"and {checkpoint} reads {POSITIONS}" in row["reason"] for row in skipped)
    line = ["regions", rows / "texts.parquet", "--embedder", f"lm:{learned}", "--clusters", 2, "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "regions")
    longer = sum(len(tokenizer(row["text"])["input_ids"]) > POSITIONS for row in texts)
    assert done.exit_code == 0 and f"{longer} texts are longer than the embedder reads" in done.stderr
    assert longer >= 3 and json.loads(done.stdout)["truncated"] == longer
