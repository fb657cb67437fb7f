"""Small tokenizers of the kinds that differ at the beginning of a text and over its spaces."""

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXTS = [
    "The answer is Canada and the tomato is a berry.",
    "Answer: Canada. Answer: Cuba. Answer: A. Answer: B.",
    "Who lives in Canada? The tomato does.",
]


def trained(pre_tokenizer=None, normalizer=None) -> PreTrainedTokenizerFast:
    """BPE over 160 pieces; a text begins with <s>."""
    backend = Tokenizer(models.BPE())
    if normalizer is not None:
        backend.normalizer = normalizer
    if pre_tokenizer is not None:
        backend.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=160,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=[chr(code) for code in range(10, 127)],
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS * 10, trainer)
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


def metaspace(scheme: str) -> PreTrainedTokenizerFast:
    """As sentencepiece: spaces are "▁", which stands before the first word as well; "never" leaves that one out."""
    return trained(pre_tokenizers.Metaspace(prepend_scheme=scheme))


def legacy() -> PreTrainedTokenizerFast:
    """As Llama 2's first files: "▁" is put before whatever is tokenized, even before a space."""
    prepend = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    return trained(normalizer=normalizers.Sequence(prepend))


def byte_level() -> PreTrainedTokenizerFast:
    """As GPT-2 and Llama 3."""
    return trained(pre_tokenizers.ByteLevel(add_prefix_space=False))


def across_spaces() -> PreTrainedTokenizerFast:
    """Letters, and tokens such as ": C", because nothing keeps words apart; without BOS."""
    merges = [(":", " "), (": ", "A"), (": ", "B"), (": ", "C"), (" ", "i"), (" i", "s"), ("a", "n")]
    pieces = ["<s>", "</s>", *map(chr, range(10, 127)), *("".join(pair) for pair in merges)]
    backend = Tokenizer(models.BPE({piece: place for place, piece in enumerate(pieces)}, merges))
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")


KINDS = {
    "Metaspace, always": lambda: metaspace("always"),
    "Metaspace, first": lambda: metaspace("first"),
    "Metaspace, never": lambda: metaspace("never"),
    "Llama 2's legacy": legacy,
    "byte-level": byte_level,
    "across spaces": across_spaces,
}
