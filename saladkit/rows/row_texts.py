"""The texts of rows as tokens: plain texts, and conversations by the tokenizer's chat template."""

import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from saladkit.formats.messages import turns_of
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.conversations import lay_out_conversation
from saladkit.rows.tokens import TokenizedText, tokenize


def tokenized_rows(
    table: pa.Table, tokenizer: PreTrainedTokenizerBase, where: str, words: list[list[str]] | None = None
) -> list[TokenizedText]:
    """Tokenize the rows of samples in order: their `messages`, or else their `text`.

    Args:
        where: path of the samples, for errors.
        words: the words of each `text`, as an aligner may have cut them; None for those of `split_words`.

    Raises:
        SaladError: there are messages and the tokenizer has no chat template, or as `lay_out_conversation`.
    """
    texts = table.column("text").to_pylist()
    messages = table.column("messages").to_pylist() if "messages" in table.column_names else [None] * len(texts)
    named: list[list[str] | None] = [None] * len(texts) if words is None else [*words]
    if not any(messages):
        return [tokenize(tokenizer, text, own) for text, own in zip(texts, named, strict=True)]
    template = ChatTemplate(tokenizer)
    return [
        tokenize(tokenizer, text, own)
        if turns is None
        else lay_out_conversation(template, turns_of(turns), f"{where}: row '{id_}'", own)
        for id_, text, turns, own in zip(table.column("id").to_pylist(), texts, messages, named, strict=True)
    ]
