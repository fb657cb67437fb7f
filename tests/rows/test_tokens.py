import unicodedata

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from saladkit.rows.tokens import sets_bos, tokenize, tokenizer_digest

TEXTS = [
    "The tomato is a berry.",
    "one",
    "Don't stop -- “really”, it's (almost) 1,234.5 km away!?",
    "Çà et là, naïve cafés über 日本語 🦊🦊 end",
    "two  spaces,\ttabs\nand\n\nlines",
    "  space before and after  ",
    "\n\nnew",
    "e\u0301tude with a combining accent",
]


@pytest.fixture(scope="module")
def with_bos(tokenizer):
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.add_special_tokens(["<s>"])
    start = backend.token_to_id("<s>")
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", start)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>")


@pytest.fixture(scope="module")
def across_spaces():
    """BPE that looks at no spaces: it has tokens such as 'of the'."""
    backend = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=60, show_progress=False)
    backend.train_from_iterator(["of the way of the sea of the way", "of the end"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", ["tokenizer", "with_bos"])
def test_every_word_owns_the_tokens_that_spell_it(kind, text, request):
    tokenizer = request.getfixturevalue(kind)
    tokenized = tokenize(tokenizer, text)
    words = text.split()
    assert tokenized.prefix == (kind == "with_bos")
    assert tokenized.splittable.shape == tokenized.word_tokens.shape == (len(words) + 1,)
    assert tokenized.splittable.all()
    assert tokenized.word_tokens[0] == tokenized.prefix
    assert tokenized.word_tokens[-1] == len(tokenized.token_ids)
    for index, word in enumerate(words):
        owned = tokenized.token_ids[tokenized.word_tokens[index] : tokenized.word_tokens[index + 1]]
        assert tokenizer.decode(owned).strip() == unicodedata.normalize("NFC", word)
    whole = tokenizer.decode(tokenized.token_ids[tokenized.prefix :])
    assert whole == unicodedata.normalize("NFC", text)  # Qwen2's tokenizer composes accents
    assert tokenized.token_ids.dtype == np.int32


def test_the_bos_token_stands_first_where_the_tokenizer_sets_one(tokenizer, with_bos):
    assert not sets_bos(tokenizer)
    assert sets_bos(with_bos)
    plain, begun = tokenize(tokenizer, TEXTS[0]), tokenize(with_bos, TEXTS[0])
    assert begun.token_ids.tolist() == [with_bos.bos_token_id, *plain.token_ids]
    assert begun.word_tokens.tolist() == (plain.word_tokens + 1).tolist()
    assert begun.token_ids.tolist() == with_bos(TEXTS[0])["input_ids"]


def test_a_token_over_a_space_is_never_cut(across_spaces):
    text = "way of the sea"
    tokenized = tokenize(across_spaces, text)
    offsets = across_spaces(text, return_offsets_mapping=True)["offset_mapping"]
    begins = [0, 4, 7, 11]
    whole = [
        begin == 0 or any(text[left:begin].strip() == "" for left, right in offsets if left <= begin < right)
        for begin in begins
    ]
    assert not all(whole)
    assert tokenized.splittable.tolist() == [*whole, True]
    for index in np.flatnonzero(tokenized.splittable[:-1]):
        rest = across_spaces.decode(tokenized.token_ids[tokenized.word_tokens[index] :]).replace(" ", "")
        assert rest == "".join(text.split()[index:])


def test_the_digest_tells_tokenizers_apart_by_the_ids_that_they_give(tokenizer, with_bos):
    same = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, padding_side="left")
    assert tokenizer_digest(same) == tokenizer_digest(tokenizer)
    other = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    digests = {tokenizer_digest(t) for t in (tokenizer, with_bos, PreTrainedTokenizerFast(tokenizer_object=other))}
    assert len(digests) == 3
