"""Conversations that cannot be read, laid out or trained on, through the commands."""

import json
import shutil

import pytest
from chat_templates import chat_tokenizer

ASK, ANSWER = {"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "Salt."}


@pytest.fixture(scope="module")
def gemma_lm(text_lm, tokenizer, workshop):
    """A text LLM with Gemma 3's chat template, whose weights know its special tokens."""
    from saladkit.model.loading import load_text_model

    folder, own = workshop / "gemma-lm", chat_tokenizer(tokenizer, "Gemma 3")
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    model.resize_token_embeddings(len(own))
    model.save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


def chats(path, *conversations):
    rows = [{"id": f"chat-{number}", "messages": turns} for number, turns in enumerate(conversations)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


LAID_OUT = {
    "two users": ([ASK, ASK, ANSWER], "Conversation roles must alternate"),
    "no assistant": ([ASK], "no turn of the assistant"),
    "the assistant first": ([ANSWER, ASK, ANSWER], "begins with a turn of the assistant"),
    "a special token": ([ASK | {"content": "a <end_of_turn> b"}, ANSWER], "special token <end_of_turn>"),
    "an image": ([ASK | {"content": [{"type": "image"}]}, ANSWER], "type 'image'"),
    "a tool": ([ASK, {"role": "tool", "content": "4"}, ANSWER], "role 'tool'"),
}


@pytest.mark.parametrize("kind", list(LAID_OUT))
def test_conversations_that_the_teacher_cannot_read(refused, gemma_lm, tmp_path, kind):
    turns, expected = LAID_OUT[kind]
    path = chats(tmp_path / "chats.jsonl", [ASK, ANSWER], turns)
    named = [path, "row 'chat-1'"]
    problem, _ = refused("cache-teacher", path, "--model", gemma_lm, "--device", "cpu", named=named)
    assert expected in problem


def test_a_tokenizer_without_a_template(refused, text_lm, checkpoint, spoken_questions, tmp_path):
    path = chats(tmp_path / "chats.jsonl", [ASK, ANSWER])
    problem, fix = refused("cache-teacher", path, "--model", text_lm, "--device", "cpu", named=[text_lm])
    assert "no chat template" in problem
    assert "chat_template.jinja" in fix
    line = ["eval", checkpoint, spoken_questions, "--apply-chat-template", "--device", "cpu"]
    assert "no chat template" in refused(*line, named=[checkpoint])[0]


def test_a_system_prompt_without_a_template(refused, checkpoint, spoken_questions):
    problem, fix = refused("eval", checkpoint, spoken_questions, "--system-prompt", "Be brief.")
    assert "--system-prompt" in problem
    assert "--apply-chat-template" in fix


def test_a_system_prompt_that_the_template_refuses(refused, gemma_lm, spoken_questions, tmp_path):
    folder = tmp_path / "no-system"
    shutil.copytree(gemma_lm, folder)
    template = folder / "chat_template.jinja"
    refusal = "{%- if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{%- endif %}"
    template.write_text(refusal + template.read_text())
    line = ["eval", folder, spoken_questions, "--modality", "text", "--apply-chat-template", "--device", "cpu"]
    problem, fix = refused(*line, "--system-prompt", "Be brief.", named=[folder])
    assert "no system role" in problem
    assert "without a system prompt" in fix


def test_audio_parts_without_recordings_are_not_trained_on(refused, gemma_lm, tiny_adapter, tmp_path):
    turns = [ASK | {"content": [{"type": "audio", "text": "What is it?"}]}, ANSWER]
    path = chats(tmp_path / "chats.jsonl", turns)
    line = ["distill", gemma_lm, "--data", path, "--max-steps", 1, "--device", "cpu", *tiny_adapter]
    problem, fix = refused(*line, named=[path])
    assert "has no column" in problem
    assert "synth" in fix


def test_conversations_over_the_longest_length_are_left_out(shell, refused, gemma_lm, tmp_path):
    long = [ASK | {"content": "What is it, then? " * 40}, ANSWER]
    path = chats(tmp_path / "chats.jsonl", [ASK, ANSWER], long)
    line = ["cache-teacher", path, "--model", gemma_lm, "--max-length", 100, "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "cache")
    assert done.exit_code == 0, done.stderr
    (skipped,) = json.loads((tmp_path / "cache" / "manifest.json").read_text())["skipped"]
    assert skipped["id"] == "chat-1"
    assert "conversations are not split" in skipped["reason"]
    line[1] = chats(tmp_path / "long.jsonl", long)
    assert "no text" in refused(*line)[0]


def test_a_cache_without_conversations(refused, shell, gemma_lm, world, tiny_adapter, tmp_path):
    path, natural = chats(tmp_path / "chats.jsonl", [ASK, ANSWER]), world / "natural.parquet"
    for verb, *arguments in (
        ("cache-teacher", natural, "--model", gemma_lm, "--device", "cpu", "-o", tmp_path / "cache"),
        ("synth", path, "--voice", "espeak:en-us", "--workers", 1, "-o", tmp_path / "spoken"),
    ):
        done = shell(verb, *arguments)
        assert done.exit_code == 0, done.stderr
    line = ["distill", gemma_lm, "--data", tmp_path / "spoken", "--teacher", tmp_path / "cache", "--max-steps", 1]
    problem, fix = refused(*line, "--device", "cpu", *tiny_adapter, named=[tmp_path / "cache"])
    assert "holds no conversations" in problem
    assert "cache-teacher" in fix


@pytest.mark.parametrize(
    "changed, expected",
    [
        ({"audios": [["a.wav"]]}, "audios that are no paths"),
        ({"audio_texts": 2147483648}, "audio_texts that are no texts"),
    ],
    ids=["a list in the list", "a number"],
)
def test_columns_of_ms_swift_that_hold_something_else(refused, text_lm, tmp_path, changed, expected):
    row = {"id": "a", "messages": [{"role": "user", "content": "<audio>"}, ANSWER]}
    row |= {"audios": ["a.wav"], "audio_texts": ["Salt?"]} | changed
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row))
    problem, _ = refused("cache-teacher", path, "--model", text_lm, "--device", "cpu", named=[path, "row 'a'"])
    assert expected in problem


def test_several_recordings_in_one_part(refused, text_lm, tmp_path):
    part = {"type": "audio", "audio": ["a.wav", "b.wav"], "text": "What is it?"}
    path = chats(tmp_path / "chats.jsonl", [{"role": "user", "content": [part]}, ANSWER])
    assert (
        "several recordings in one audio part"
        in refused("cache-teacher", path, "--model", text_lm, "--device", "cpu", named=[path])[0]
    )
