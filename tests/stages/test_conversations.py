"""Conversations through the commands: `synth`, `cache-teacher`, `distill` and `gap` on chat rows."""

import json
import shutil
import subprocess

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from chat_templates import chat_tokenizer
from command_lines import replaced
from encoder_models import save_encoder
from transformers import AutoProcessor

from saladkit.formats.layouts_cache import LayoutsCache
from saladkit.formats.messages import Turn, turns_of
from saladkit.formats.results import read_predictions
from saladkit.formats.rollouts import read_rollouts, tokens_of
from saladkit.formats.samples import words_from_row
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.sources import read_prompts
from saladkit.rollouts.writer import RolloutWriter
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.frame_sources import StoredLayouts
from saladkit.rows.row_texts import tokenized_rows
from saladkit.settings.rollout import RolloutSettings
from saladkit.sources.samples import read_samples
from saladkit.stages.rollout import rollout


@pytest.fixture(scope="session")
def chat_lm(workshop, text_lm, tokenizer):
    """`text_lm` with Qwen2.5's chat template and special tokens."""
    folder = workshop / "chat-lm"
    model, own = load_text_model(text_lm, dtype="float32", device="cpu"), chat_tokenizer(tokenizer, "Qwen2.5")
    model.resize_token_embeddings(len(own))
    model.save_pretrained(folder)
    own.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def chats(workshop, world):
    """Twelve conversations as JSON lines: contents as texts, markup in one of them."""
    rows = pq.read_table(world / "questions.parquet").to_pylist()
    lines = [
        {
            "id": row["id"],
            "messages": [
                {"role": "system", "content": "Answer in one word."},
                {"role": "user", "content": f"Tell me. {row['text']} what?"},
                {"role": "assistant", "content": row["choices"][row["answer"]]},
                {"role": "user", "content": f"Sure about **{row['domain']}**, are you?"},
                {"role": "assistant", "content": "Yes."},
            ],
        }
        for row in rows
    ]
    path = workshop / "chats.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="session")
def spoken_chats(workshop, chats):
    """`chats`, spoken."""
    from saladkit.settings.synth import SynthSettings
    from saladkit.stages.synth import synth

    synth(str(chats), workshop / "spoken-chats", SynthSettings(voices=("espeak:en-us",), workers=1))
    return workshop / "spoken-chats"


@pytest.fixture(scope="session")
def chat_cache(workshop, spoken_chats, chat_lm):
    """The distributions of `chat_lm` on the conversations."""
    from saladkit.settings.cache_teacher import CacheTeacherSettings
    from saladkit.stages.cache_teacher import cache_teacher

    settings = CacheTeacherSettings(model=str(chat_lm), top_k=8, device="cpu")
    cache_teacher([str(spoken_chats)], workshop / "chat-cache", settings)
    return workshop / "chat-cache"


@pytest.fixture(scope="session")
def chat_arguments(distill_arguments, chat_lm, spoken_chats, chat_cache):
    """`saladkit distill` on the conversations, without its output."""
    line = ["distill", str(chat_lm), *distill_arguments[2:]]
    for option, value in (("--data", spoken_chats), ("--replay", spoken_chats), ("--teacher", chat_cache)):
        line = replaced(line, option, value)
    place = line.index("--frames")
    return line[:place] + line[place + 2 :]


def test_users_are_voiced_and_their_markup_is_stripped_in_messages_too(spoken_chats, chats):
    rows = read_samples(spoken_chats, needed=["text", "audio", "words"]).to_pylist()
    given = [json.loads(line) for line in chats.read_text().splitlines()]
    assert len(rows) == len(given) == 12
    for row, before in zip(rows, given, strict=True):
        said = [turn["content"].replace("**", "") for turn in before["messages"] if turn["role"] == "user"]
        assert row["text"] == "\n".join(said)
        assert [word.word for word in words_from_row(row)] == row["text"].split()
        contents = ["".join(part["text"] for part in turn["content"]) for turn in row["messages"]]
        assert contents == [turn["content"].replace("**", "") for turn in before["messages"]]


def test_the_cache_holds_the_conversations_with_their_words(chat_cache, chat_lm, spoken_chats):
    tokenizer, cache = load_tokenizer(chat_lm), TeacherCache(chat_cache)
    assert cache.identity["chat_template"] == ChatTemplate(tokenizer).digest
    for row in read_samples(spoken_chats, needed=["text"]).to_pylist():
        messages = [{"role": turn["role"], "content": turn["content"][0]["text"]} for turn in row["messages"]]
        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
        assert cache.has(np.array(ids))


@pytest.fixture(scope="session")
def chat_checkpoint(workshop, chat_arguments):
    """A checkpoint trained on conversations for 30 steps."""
    from click.testing import CliRunner

    from saladkit.cli import main

    line = chat_arguments
    for option, value in (("--max-steps", 30), ("--save-steps", 30)):
        line = replaced(line, option, value)
    output = workshop / "chat-checkpoint"
    done = CliRunner().invoke(main, [str(word) for word in [*line, "--learning-rate", 1e-3, "-o", output]])
    assert done.exit_code == 0, done.stderr
    return output


def test_training_lowers_the_loss_where_the_assistant_speaks(chat_checkpoint, chat_lm, spoken_chats):
    template = ChatTemplate(load_tokenizer(chat_lm))
    table = read_samples(spoken_chats, needed=["text"])
    learned = [int(text.learned.sum()) for text in tokenized_rows(table, template.tokenizer, "chats")]
    logs = [json.loads(line) for line in (chat_checkpoint / "metrics.jsonl").read_text().splitlines()]
    losses = [entry["distillation"] for entry in logs if "distillation" in entry]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert 3 < np.mean(learned) < 12  # a few tokens of a hundred
    manifest = json.loads((chat_checkpoint / "manifest.json").read_text())
    assert manifest["identity"]["chat_template"] == template.digest
    assert load_salad_model(chat_checkpoint, dtype="float32", device="cpu").config.chat_template == template.digest


def test_the_gap_of_conversations_is_that_of_answers(shell, chat_checkpoint, spoken_chats, chat_lm, tmp_path):
    line = ["gap", chat_checkpoint, spoken_chats, "--teacher", chat_lm, "--device", "cpu", "-o", tmp_path / "gap"]
    done = shell(*line)
    assert done.exit_code == 0, done.stderr
    table = read_samples(spoken_chats, needed=["text"])
    texts = tokenized_rows(table, load_tokenizer(chat_lm), "chats")
    items = pq.read_table(tmp_path / "gap" / "items.parquet").to_pylist()
    counted = dict(zip(table.column("id").to_pylist(), (int(text.learned.sum()) for text in texts), strict=True))
    assert {item["id"]: item["tokens"] for item in items} == counted


@pytest.fixture(scope="module")
def spoken_turn(spoken_chats, tmp_path_factory):
    """The first user's turns as a WAV file."""
    row = read_samples(spoken_chats, needed=["audio"], limit=1).to_pylist()[0]
    path = tmp_path_factory.mktemp("turn") / "turn.wav"
    path.write_bytes(row["audio"]["bytes"])
    return path


def test_a_checkpoint_answers_a_spoken_turn_and_stops_at_its_end(
    chat_checkpoint, spoken_turn, loaded_python, repository
):
    model = load_salad_model(chat_checkpoint, dtype="float32", device="cpu").eval()
    processor = AutoProcessor.from_pretrained(chat_checkpoint)
    end = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end in model.generation_config.eos_token_id
    conversation = [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": [{"type": "audio", "path": str(spoken_turn)}]},
    ]
    inputs = processor.apply_chat_template(conversation, tokenize=True, return_dict=True, add_generation_prompt=True)
    written = model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    command = [loaded_python, repository / "examples" / "ask.py", chat_checkpoint, spoken_turn, "--chat"]
    command += ["--system-prompt", "Answer in one word.", "--max-new-tokens", 12, "--device", "cpu"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert json.loads(done.stdout) == {"answer": processor.decode(written, skip_special_tokens=True).strip()}


@pytest.mark.parametrize("system", [[], ["Be brief."]], ids=["no system prompt", "a system prompt"])
def test_ask_gives_the_question_and_its_transcript_as_turns(system, shell, chat_checkpoint, chat_lm, spoken_turn):
    processor = AutoProcessor.from_pretrained(chat_checkpoint)
    how = {"tokenize": True, "return_dict": True, "add_generation_prompt": True}
    done = shell(
        *("ask", chat_checkpoint, spoken_turn, "--teacher", chat_lm, "--asr", "sphinx", "--json"),
        *("--max-new-tokens", 12, "--device", "cpu"),
        *(word for prompt in system for word in ("--system-prompt", prompt)),
    )
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    before = [{"role": "system", "content": [{"type": "text", "text": prompt}]} for prompt in system]
    models = (
        (load_salad_model(chat_checkpoint, dtype="float32", device="cpu"), {"type": "audio", "path": str(spoken_turn)}),
        (load_text_model(chat_lm, dtype="float32", device="cpu"), {"type": "text", "text": found["transcript"]}),
    )
    for (model, content), answered in zip(models, (found, found["teacher"]), strict=True):
        inputs = processor.apply_chat_template([*before, {"role": "user", "content": [content]}], **how)
        begun = inputs["input_ids"].shape[1]
        end = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
        written = model.eval().generate(**inputs, max_new_tokens=12, do_sample=False, eos_token_id=end)[0, begun:]
        assert answered["response"] == processor.decode(written, skip_special_tokens=True)


@pytest.mark.parametrize("how", [["--generate", "--max-new-tokens", 4], []], ids=["generated", "scored"])
def test_questions_are_asked_as_turns(shell, how, chat_checkpoint, chat_lm, spoken_questions, tmp_path):
    line = ["eval", chat_checkpoint, spoken_questions, "--teacher", chat_lm, "--apply-chat-template", "--limit", 3]
    line += ["--system-prompt", "Be brief.", *how, "--num-fewshot", 1, "--device", "cpu", "-o", tmp_path / "eval"]
    done = shell(*line)
    assert done.exit_code == 0, done.stderr
    predictions = read_predictions(tmp_path / "eval")
    assert {(row["model"], row["modality"]) for row in predictions} >= {("chat-checkpoint", "speech")}
    for row in predictions:
        assert row["context"].startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n")
        assert row["context"].endswith("<|im_end|>\n<|im_start|>assistant\n")
        assert row["context"].count("<|im_start|>assistant\n") == 2


def test_a_resumed_or_moved_cache_keeps_its_template(shell, chat_arguments, chat_cache, chat_lm, tmp_path):
    """Another template than the cache's or the checkpoint's is refused in two lines."""
    other = shutil.copytree(chat_lm, tmp_path / "other-lm")
    template = (other / "chat_template.jinja").read_text()
    (other / "chat_template.jinja").write_text(template.replace("You are Qwen", "You are not Qwen"))
    done = shell("distill", other, *chat_arguments[2:], "-o", tmp_path / "out")
    assert done.exit_code == 2
    problem, fix = done.stderr.strip().splitlines()[-2:]
    assert str(chat_cache) in problem
    assert "another chat template" in problem
    assert "cache-teacher" in fix


def test_layouts_of_conversations_hear_what_users_say_and_training_reads_them(
    spoken_chats, chat_lm, chat_arguments, workshop, shell, tmp_path
):
    encoder = save_encoder(workshop, "hubert-base")
    spans = ["--text-words", 4, 8, "--speech-words", 3, 6]
    line = ["cache-speech", spoken_chats, "--speech-encoder", encoder, "--layouts", 3, "--tokenizer", chat_lm, *spans]
    made = shell(*line, "--device", "cpu", "-o", tmp_path / "cache")
    assert made.exit_code == 0, made.stderr
    table = read_samples(spoken_chats, needed=["id", "text", "words"])
    named = [[word.word for word in words_from_row(row)] for row in table.select(["words"]).to_pylist()]
    texts = tokenized_rows(table, load_tokenizer(chat_lm), "chats", named)
    stored, whole = StoredLayouts(LayoutsCache(tmp_path / "cache")), 0
    for id_, text in zip(table.column("id").to_pylist(), texts, strict=True):
        for turn in range(3):
            drawn, _ = stored.spans(id_, text, turn)
            heard = [span for span in drawn if span.is_speech]
            assert drawn[-1].end == len(text.hearable) and not drawn[-1].is_speech
            assert all(text.hearable[span.begin : span.end].all() for span in heard)
            assert stored.frames(id_, text, turn).keys() == {(span.begin, span.end) for span in heard}
            whole += sum(not text.hearable[span.end] and not text.hearable[span.begin - 1] for span in heard)
    assert whole > 10
    training = [
        *replaced(chat_arguments, "--max-steps", 2),
        "--frames",
        tmp_path / "cache",
        "--speech-encoder",
        encoder,
    ]
    assert shell(*training, "-o", tmp_path / "stage1").exit_code == 0
    refused = shell(*training, "--whole-turns", 0.25, "-o", tmp_path / "other")
    assert refused.exit_code == 2 and "were drawn with --whole-turns 0.5" in refused.stderr


@pytest.fixture(scope="session")
def chat_rollouts(workshop, chat_checkpoint, spoken_chats):
    """What `chat_checkpoint` answers to the last turns of users, heard and read, greedily."""
    settings = RolloutSettings(prompt_modality=("speech", "text"), greedy=True, max_new_tokens=12, device="cpu")
    rollout(str(chat_checkpoint), [str(spoken_chats)], workshop / "chat-rollouts", settings)
    return workshop / "chat-rollouts"


def test_rollouts_of_conversations_answer_the_last_turn(chat_rollouts, chat_checkpoint, spoken_chats):
    template = ChatTemplate(load_tokenizer(chat_checkpoint))
    model = load_salad_model(chat_checkpoint, dtype="float32", device="cpu").eval()
    chats = {row["id"]: turns_of(row["messages"]) for row in read_samples(spoken_chats, needed=["text"]).to_pylist()}
    rows = list(read_rollouts(chat_rollouts))
    assert len(rows) == 2 * len(chats)
    for row in rows:
        turns = chats[row["source_id"]]
        prompt = template.render(turns[:-1], "a row", generation_prompt=True)
        assert row["prompt_ids"] == template.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        assert row["prompt_words"] == sum(len(turn.content.split()) for turn in turns if turn.role == "user")
        if row["finish"] == "stop":
            assert row["response_ids"][-1] in (template.end_of_turn, template.tokenizer.eos_token_id)
    ids = torch.tensor([next(row["prompt_ids"] for row in rows if row["modality"] == "text")])
    written = model.generate(input_ids=ids, max_new_tokens=12, do_sample=False, pad_token_id=0)[0, ids.shape[1] :]
    assert written.tolist() == next(row["response_ids"] for row in rows if row["modality"] == "text")
    manifest = json.loads((chat_rollouts / "manifest.json").read_text())
    assert manifest["identity"]["chat_template"] == template.digest
    summary = json.loads((chat_rollouts / "summary.json").read_text())
    assert summary["largest_difference"] < 1e-4


def test_the_spoken_turns_of_a_rollouts_prompt_are_heard(chat_checkpoint, spoken_chats):
    """Text of the template, speech for every turn of the user, and the beginning of the answer as text."""
    settings = RolloutSettings(device="cpu")
    known = KnownModel.open(str(chat_checkpoint), settings)
    prompt = read_prompts([str(spoken_chats)], known, settings).all[0]
    sequence = prompt.sequence((), prompt.frames(), known.layout)
    assert len(sequence.spans) == 2
    assert not sequence.speech_mask[[0, -1]].any()
    template = known.template()
    answer = template.render([Turn("user", "x")], "a row", generation_prompt=True).rpartition("x")[2]
    tail = template.tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert sequence.input_ids[-len(tail) :].tolist() == tail
    assert sequence.positions.tolist() == [len(sequence) - 1]
    of_texts, of_answers = RolloutWriter.load(known, settings, has_conversations=True).stops
    assert {known.tokenizer.eos_token_id} <= of_texts <= of_answers
    assert template.end_of_turn in of_answers


def test_rollouts_of_conversations_are_scored_by_the_same_template(chat_rollouts, chat_lm, shell, tmp_path):
    line = ["cache-teacher", chat_rollouts, "--model", chat_lm, "--device", "cpu", "-o", tmp_path / "cache"]
    result = shell(*line)
    assert result.exit_code == 0, result.stderr
    cache = TeacherCache(tmp_path / "cache")
    assert cache.identity["chat_template"] == ChatTemplate(load_tokenizer(chat_lm)).digest
    assert all(cache.has(tokens_of(row)) for row in read_rollouts(chat_rollouts))
