"""Options whose tokens reach into the prompt, and options that are equal."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizer_kinds import KINDS
from transformers import AutoModelForCausalLM, LlamaConfig

from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.rows.prompt_sequences import join_parts
from saladkit.scoring.likelihood import score_continuations
from saladkit.scoring.prompts import PromptBuilder

ROWS = [
    {"id": "join", "text": "Who lives in Canada?\nAnswer:", "choices": ["Canada", "Cuba"], "answer": 0},
    {"id": "none", "text": "The tomato is", "choices": ["a berry", "a"], "answer": 0},
]


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return KINDS[request.param]()


def requests(tokenizer, row, template):
    builder = PromptBuilder(tokenizer, 512, template)
    return builder.build(row, [], "questions"), builder.apart


@pytest.mark.parametrize("template", ["continuation", "letter"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_whole_option_is_scored_and_nothing_else(row, template, kind):
    request, apart = requests(kind, row, template)
    prompt = request.context
    own = kind(prompt, add_special_tokens=False)["input_ids"]
    for continuation, found in zip(request.template.continuations, request.continuations, strict=True):
        pieces = "".join(kind.convert_ids_to_tokens(found)).replace("▁", " ").replace("Ġ", " ")
        assert pieces == f" {continuation}"
        whole = kind(f"{prompt} {continuation}", add_special_tokens=False)["input_ids"]
        if whole[: len(own)] == own:
            assert found == whole[len(own) :]  # as lm-evaluation-harness has it
        else:
            assert apart == [row["id"]]
    read = request.prompt.input_ids.tolist()
    assert read[len(read) - len(own) :] == own


def test_tokens_over_the_join_occur():
    tokenizer = KINDS["across spaces"]()
    for template in ("continuation", "letter"):
        assert requests(tokenizer, ROWS[0], template)[1] == ["join"]
    assert requests(KINDS["byte-level"](), ROWS[0], "letter")[1] == []


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A random text LLM whose tokenizer has tokens over spaces."""
    folder, tokenizer = tmp_path_factory.mktemp("joins") / "text-llm", KINDS["across spaces"]()
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=1, bos_token_id=None, eos_token_id=1, **shape)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("template", ["continuation", "letter"])
def test_eval_counts_such_options_and_says_so(template, model, shell, tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "questions.parquet")
    line = ["eval", model, tmp_path / "questions.parquet", "--modality", "text", "--template", template]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "tokenized apart from its prompt" in done.stderr
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert counts["tokenized_apart"] == (1 if template == "continuation" else 2)
    read = pq.read_table(tmp_path / "out" / "text-llm" / "predictions-questions_text.parquet").to_pylist()
    network = load_text_model(model, dtype="float32", device="cpu").double()
    for row in read:
        request, _ = requests(KINDS["across spaces"](), next(r for r in ROWS if r["id"] == row["id"]), template)
        for tokens, found in zip(request.continuations, row["log_likelihoods"], strict=True):
            ids = [*request.prompt.input_ids.tolist(), *tokens]
            log_probs = torch.log_softmax(network(torch.tensor([ids])).logits[0], dim=-1)
            begin = len(request.prompt) - 1
            expected = sum(log_probs[begin + place, token].item() for place, token in enumerate(tokens))
            assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("share_rows", [True, False])
@pytest.mark.parametrize("batch_size", [1, 3, 16])
def test_equal_options_score_exactly_equal(share_rows, batch_size, salad_model):
    random = np.random.default_rng(0)
    prompts = [join_parts([], [random.integers(1, 290, size=n).tolist()], None) for n in (3, 9, 17, 30)]
    options = []
    for _ in prompts:
        one, other, third = (random.integers(1, 290, size=n).tolist() for n in (1, 4, 7))
        options.append([one, other, list(other), third, other, one, [*other, 5], third])
    scores = score_continuations(salad_model, prompts, options, batch_size, share_rows)
    for of_row, found in zip(options, scores, strict=True):
        assert len(found) == len(of_row)
        for tokens, score in zip(of_row, found, strict=True):
            assert score == found[of_row.index(tokens)]
        assert len({score.log_likelihood for score in found}) == 4
    once = [[of_row[0], of_row[1], of_row[3], of_row[6]] for of_row in options]
    plain = score_continuations(salad_model, prompts, once, batch_size, share_rows)
    for found, of_row in zip(scores, plain, strict=True):
        values = [found[place].log_likelihood for place in (0, 1, 3, 6)]
        assert values == pytest.approx([score.log_likelihood for score in of_row], abs=1e-5)


def test_of_equal_options_the_first_is_the_answer(model, shell, tmp_path):
    rows = [{"id": str(i), "text": f"The tomato {i} is", "choices": ["a berry"] * 4, "answer": 0} for i in range(6)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "questions.parquet")
    line = ["eval", model, tmp_path / "questions.parquet", "--modality", "text", "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "out").exit_code == 0
    read = pq.read_table(tmp_path / "out" / "text-llm" / "predictions-questions_text.parquet").to_pylist()
    assert all(len(set(row["log_likelihoods"])) == 1 and row["acc"] and row["acc_norm"] for row in read)


def test_a_text_model_and_equal_options(model):
    network = TextModel(load_text_model(model, dtype="float32", device="cpu").eval())
    prompts = [join_parts([], [[5, 6, 7]], None), join_parts([], [[5, 6]], None)]
    (first, second) = score_continuations(network, prompts, [[[9], [9]], [[8, 9], [8, 9], [9]]], 2)
    assert first[0] == first[1] and second[0] == second[1] != second[2]
