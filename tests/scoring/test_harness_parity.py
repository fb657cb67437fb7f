"""Against lm-evaluation-harness itself: the same log-likelihoods, and files of the same shape."""

import json

import pyarrow.parquet as pq
import pytest
from chat_templates import chat_tokenizer
from harness_run import run_harness, write_rows

from saladkit.model.loading import load_text_model
from saladkit.settings.evaluate import EvalSettings
from saladkit.stages.evaluate import evaluate

# What tells one run, or one machine, from another; and what a chat template or the harness's own options would say.
ITS_OWN = {
    *("date", "git_hash", "upper_git_hash", "pretty_env_info", "transformers_version", "lm_eval_version"),
    *("total_evaluation_time_seconds", "tokenizer_pad_token", "tokenizer_eos_token", "tokenizer_bos_token"),
    *("eot_token_id", "max_length", "system_instruction", "system_instruction_sha", "fewshot_as_multiturn"),
    *("chat_template", "chat_template_sha"),
}


@pytest.fixture(scope="module")
def rows(world):
    """Questions whose options have one token, and several; one ends in a space."""
    rows = pq.read_table(world / "questions.parquet").to_pylist()
    rows[0] |= {"choices": ["it", "a very much longer answer than that", "the", "An Unusual 7-fold Answer!"]}
    rows[1] |= {"text": rows[1]["text"] + " "}
    return rows


@pytest.fixture(scope="module", params=["qwen2", "with-bos"])
def model(request, text_lm, tmp_path_factory):
    """A text LLM whose tokenizer sets no BOS, and one whose tokenizer does."""
    if request.param == "qwen2":
        return text_lm
    from tokenizers import processors
    from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bos") / "text-lm"
    backend = AutoTokenizer.from_pretrained(text_lm).backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    bos = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **bos).save_pretrained(folder)
    AutoModelForCausalLM.from_pretrained(text_lm).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("shots", [0, 3])
def test_log_likelihoods_and_scores_are_the_harness_s(shots, model, rows, tmp_path):
    asked, examples = rows[:8], rows[8:]
    results, samples = run_harness(model, asked, examples, shots, tmp_path / "harness")
    source = write_rows(tmp_path / "questions.jsonl", asked)
    fewshot = write_rows(tmp_path / "examples.jsonl", examples)
    settings = {"num_fewshot": shots, "fewshot": str(fewshot) if shots else None}
    settings |= {"modalities": ("text",), "device": "cpu"}
    evaluate(str(model), [str(source)], tmp_path / "ours", EvalSettings(**settings))
    listed = (tmp_path / "ours" / "text-lm" / "samples_questions_text.jsonl").read_text()
    ours = [json.loads(line) for line in listed.splitlines()]
    assert len(ours) == len(samples) == 8
    for mine, theirs in zip(ours, samples, strict=True):
        assert mine["arguments"] == theirs["arguments"]
        assert mine["target"] == theirs["target"]
        found = [float(value) for ((value, _),) in mine["resps"]]
        assert found == pytest.approx([float(value) for ((value, _),) in theirs["resps"]], abs=1e-4)
        assert [led for ((_, led),) in mine["resps"]] == [led for ((_, led),) in theirs["resps"]]
        for key in ("acc", "acc_norm", "prompt_hash", "target_hash", "filter"):
            assert mine[key] == theirs[key]
    written = json.loads((tmp_path / "ours" / "text-lm" / "results_text-lm.json").read_text())
    for key, value in results["results"]["questions_text"].items():
        assert written["results"]["questions_text"][key] == pytest.approx(value, abs=1e-12), key
    assert written["n-shot"] == results["n-shot"] == {"questions_text": shots}


@pytest.mark.parametrize("kind, shots, system", [("Qwen2.5", 0, None), ("Llama 3", 2, "Answer in one word.")])
def test_chats_and_their_scores_are_the_harness_s(kind, shots, system, text_lm, tokenizer, rows, tmp_path):
    model, own = load_text_model(text_lm, dtype="float32", device="cpu"), chat_tokenizer(tokenizer, kind)
    own.chat_template = own.chat_template.replace("strftime_now", "no_clock")  # the harness would write today's date
    own.chat_template = own.chat_template.replace("not date_string is defined", "true").replace(
        'no_clock("%d %b %Y")', '"26 Jul 2024"'
    )
    model.resize_token_embeddings(len(own))
    model.save_pretrained(tmp_path / "chat-lm")
    own.save_pretrained(tmp_path / "chat-lm")
    asked, examples = [row | {"text": row["text"].strip()} for row in rows[:4]], rows[8:]
    _, samples = run_harness(
        tmp_path / "chat-lm", asked, examples, shots, tmp_path / "harness", chat=True, system=system
    )
    source = write_rows(tmp_path / "questions.jsonl", asked)
    fewshot = write_rows(tmp_path / "examples.jsonl", examples)
    settings = {"num_fewshot": shots, "fewshot": str(fewshot) if shots else None, "system_prompt": system}
    settings |= {"modalities": ("text",), "device": "cpu", "apply_chat_template": True}
    evaluate(str(tmp_path / "chat-lm"), [str(source)], tmp_path / "ours", EvalSettings(**settings))
    listed = (tmp_path / "ours" / "chat-lm" / "samples_questions_text.jsonl").read_text()
    for mine, theirs in zip(map(json.loads, listed.splitlines()), samples, strict=True):
        assert mine["arguments"] == theirs["arguments"]
        found = [float(value) for ((value, _),) in mine["resps"]]
        assert found == pytest.approx([float(value) for ((value, _),) in theirs["resps"]], abs=1e-4)
        for key in ("acc", "acc_norm", "prompt_hash"):
            assert mine[key] == theirs[key]


def test_files_have_the_harness_s_keys(text_lm, rows, tmp_path):
    results, samples = run_harness(text_lm, rows[:4], rows[4:], 0, tmp_path / "harness")
    source = write_rows(tmp_path / "questions.jsonl", rows[:4])
    evaluate(str(text_lm), [str(source)], tmp_path / "ours", EvalSettings(modalities=("text",), device="cpu"))
    written = json.loads((tmp_path / "ours" / "text-lm" / "results_text-lm.json").read_text())
    assert set(results) - set(written) == ITS_OWN
    assert set(written) <= set(results)
    for key in ("results", "versions", "n-shot", "higher_is_better", "n-samples", "group_subtasks", "task_hashes"):
        assert _shape(written[key]) == _shape(results[key]), key
    assert set(written["configs"]["questions_text"]) >= {"task", "output_type"}
    (ours, *_) = (tmp_path / "ours" / "text-lm" / "samples_questions_text.jsonl").read_text().splitlines()
    ours = json.loads(ours)
    assert list(ours) == list(samples[0])
    assert _shape({k: v for k, v in ours.items() if k != "doc"}) == _shape(
        {k: v for k, v in samples[0].items() if k != "doc"}
    )


def _shape(value):
    """Keys and types, without the values."""
    if isinstance(value, dict):
        return {key: _shape(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [_shape(inside) for inside in value]
    return type(value).__name__
