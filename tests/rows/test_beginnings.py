"""One BOS at the beginning of a row, and no space of a beginning in its middle; over tokenizers of several kinds."""

import numpy as np
import pytest
from tokenizer_kinds import KINDS

from saladkit.model.processor import SaladProcessor
from saladkit.rows.prompt_sequences import join_parts
from saladkit.rows.tokens import bos_of, ids_after_text, tokenize

WITH_BOS = [kind for kind in KINDS if kind != "across spaces"]


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request):
    return KINDS[request.param]()


@pytest.fixture(scope="module", params=WITH_BOS)
def with_bos(request):
    return KINDS[request.param]()


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(scale=0.1, size=16_000).astype(np.float32)


@pytest.mark.parametrize("text", ["<s>The tomato is a berry.", "<s> The tomato is", "<s>\nWho lives in Canada?", "<s>"])
def test_a_text_that_brings_its_bos_has_one(text, with_bos):
    bos = with_bos.bos_token_id
    found = tokenize(with_bos, text)
    assert found.token_ids.tolist().count(bos) == 1 and found.token_ids[0] == bos
    assert found.prefix == 1
    assert found.token_ids.tolist() == with_bos(text, add_special_tokens=False)["input_ids"]
    assert found.word_tokens[0] == 1 and found.word_tokens[-1] == len(found.token_ids)
    assert len(found.word_tokens) == len(text.split()) + 1


def test_a_text_without_a_bos_gets_one_as_before(with_bos):
    text = "The tomato is a berry."
    assert tokenize(with_bos, text).token_ids.tolist() == with_bos(text)["input_ids"]


@pytest.mark.parametrize("text", ["The tomato is a berry.", "one", "<s>The tomato is", " a space behind it "])
def test_a_document_is_followed_by_the_end_of_text_unless_it_brings_one_or_the_tokenizer_has_none(text, kind):
    found = tokenize(kind, text)
    assert found.following == kind.eos_token_id
    assert kind.eos_token_id not in found.token_ids
    if kind.eos_token_id is not None:
        closed = tokenize(kind, text + kind.eos_token)
        assert closed.token_ids[-1] == kind.eos_token_id
        assert closed.following is None


def test_a_prompt_that_brings_its_bos_has_one(with_bos, salad_model, noise):
    processor = SaladProcessor(with_bos, salad_model.config)
    bos = with_bos.bos_token_id
    for prompt in (
        processor.lay_out(["<s>The tomato is"]),
        processor.lay_out(["The tomato is"]),
        processor.lay_out(["<s>The tomato", noise, " is"], 16_000),
        processor.lay_out([noise, " is"], 16_000),
    ):
        read = prompt.input_ids[~prompt.speech_mask].tolist()
        assert read[0] == bos and read.count(bos) == 1
    assert join_parts(bos_of(with_bos), [[bos, 7, bos]], None).input_ids.tolist() == [bos, 7, bos]


@pytest.mark.parametrize(
    "text", [" Canada and the tomato", " is a berry.", "\nAnswer: Canada", "? The tomato", "  two"]
)
@pytest.mark.parametrize("before", ["Who lives in", "The"])
def test_a_text_in_the_middle_has_the_tokens_that_it_has_in_a_row(before, text, kind):
    ids = ids_after_text(kind, text)
    whole = kind(before + text, add_special_tokens=False, return_offsets_mapping=True)
    first = [place for place, (_, end) in enumerate(whole["offset_mapping"]) if end > len(before)][0]
    if whole["offset_mapping"][first][0] >= len(before):  # else a token spans the two
        assert ids == whole["input_ids"][first:]
    assert kind.convert_tokens_to_string(kind.convert_ids_to_tokens(ids)).strip().replace(" ", "")


def test_text_after_speech_has_no_space_too_many(kind, salad_model, noise):
    processor = SaladProcessor(kind, salad_model.config)
    for after in (" Canada and", "Canada and"):
        prompt = processor.lay_out(["Who lives in", noise, after], 16_000)
        end = int(np.flatnonzero(prompt.speech_mask)[-1]) + 1
        pieces = kind.convert_ids_to_tokens(prompt.input_ids[end:].tolist())
        written = "".join(pieces).replace("▁", " ").replace("Ġ", " ")
        assert written == " Canada and"
