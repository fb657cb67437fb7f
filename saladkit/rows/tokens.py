"""Tokenize texts and split long ones, in the same way for teacher and student."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.formats.digests import digest_json
from saladkit.formats.words import place_words, split_words

NO_LABEL = -1  # in place of a token that nobody knows; a teacher may still have a distribution there
LEADS = ("a", "1", ".", "\n")  # a token of a text rarely begins with each of these


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of a text, and which tokens belong to which word.

    Attributes:
        token_ids: int32 [n], with the BOS token first if the tokenizer sets one.
        word_tokens: int64 [words + 1]; the tokens of word w are word_tokens[w] to word_tokens[w + 1] - 1.
        splittable: bool [words + 1]; whether the text can be cut before word w without cutting a token.
        prefix: number of special tokens before the first word.
        following: the token behind the last one: the tokenizer's EOS at the end of a document, the next token at the
            end of a piece of a split document; None where nobody knows.
        learned: bool [n + 1], the tokens, and what follows them, that carry loss; None for all. Conversations
            (`conversations.py`) and rollouts (`rollout_rows.py`) have it, and are never split.
        hearable: bool [words], the words that may be speech; None for all. Only a conversation has it, in which the
            text between them counts as words.
    """

    token_ids: np.ndarray
    word_tokens: np.ndarray
    splittable: np.ndarray
    prefix: int
    following: int | None = None
    learned: np.ndarray | None = None
    hearable: np.ndarray | None = None


def tokenize(tokenizer: PreTrainedTokenizerBase, text: str, words: list[str] | None = None) -> TokenizedText:
    """Tokenize a whole text. Speech later replaces whole words, so that token ids never depend on where it is cut.

    A text that brings its own BOS, as chat templates write it, gets no second one; nor does one that brings its own
    EOS, behind which nothing of it follows.

    Args:
        words: the words of the text (`are_words_of`), if they are not those of `split_words`.
    """
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    prefix = bos_of(tokenizer)
    if prefix and ids[:1] == prefix:
        ids, offsets = ids[1:], offsets[1:]
    placed = split_words(text) if words is None else place_words(text, words)
    word_tokens, splittable = first_tokens(text, offsets, [begin for _, begin, _ in placed])
    word_tokens += len(prefix)
    end = tokenizer.eos_token_id
    following = None if ids[-1:] == [end] else end
    return TokenizedText(np.array(prefix + ids, dtype=np.int32), word_tokens, splittable, len(prefix), following)


def first_tokens(text: str, offsets: list[tuple[int, int]], begins: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return where the tokens of each word begin, and whether a text can be cut before it.

    Args:
        offsets: begin and end of each token, in characters.
        begins: where each word begins, in characters.

    Returns:
        `word_tokens` and `splittable` of `TokenizedText`, for a text without special tokens before it.
    """
    word_tokens = np.zeros(len(begins) + 1, dtype=np.int64)
    splittable = np.ones(len(begins) + 1, dtype=bool)
    token = 0
    for index, begin in enumerate(begins):
        # A token belongs to the word in which it ends: byte-level BPE puts the space before a word into its token.
        while token < len(offsets) and offsets[token][1] <= begin:
            token += 1
        word_tokens[index] = token if index else 0  # whitespace before the first word belongs to this word
        straddles = token < len(offsets) and text[offsets[token][0] : begin].strip() != ""
        splittable[index] = token < len(offsets) and not straddles
    word_tokens[-1] = len(offsets)
    return word_tokens, splittable


def ids_after_text(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids that a text has in the middle of a prompt, without BOS.

    Some tokenizers (Llama 2's) put a space before the first word of whatever they are given. So the text is tokenized
    behind a character, of which no token of the text may be a part.
    """
    for before in LEADS:
        encoded = tokenizer(before + text, add_special_tokens=False, return_offsets_mapping=True)
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        first = next((place for place, (_, end) in enumerate(offsets) if end > len(before)), len(ids))
        if first == len(ids) or offsets[first][0] >= len(before):
            return ids[first:]
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@dataclass(frozen=True)
class TextPiece:
    """Words [begin, end) of a text, as a text of their own."""

    text: TokenizedText
    begin: int
    end: int


def split_text(text: TokenizedText, max_length: int) -> list[TextPiece]:
    """Split a text between words into pieces of about equal length and at most `max_length` tokens, BOS included.

    Returns:
        The pieces in order; the whole text if it is short enough; nothing if it has a longer stretch without a place
        where it can be cut, or is a conversation or a rollout, of which a piece would be none.
    """
    words = len(text.splittable) - 1
    if len(text.token_ids) <= max_length:
        return [TextPiece(text, 0, words)]
    if text.learned is not None:
        return []
    room = max_length - text.prefix
    ends = np.flatnonzero(text.splittable[1:] | (np.arange(1, words + 1) == words)) + 1
    tokens = text.word_tokens[ends]
    pieces, begin = [], 0
    while begin < words:
        first = text.word_tokens[begin]
        left = text.word_tokens[-1] - first
        # Recomputed for each piece, as the last piece could otherwise be a single token.
        wanted = -(-left // -(-left // room))
        after = int(np.searchsorted(ends, begin, side="right"))  # the nearest possible end
        last = max(after, int(np.searchsorted(tokens, first + wanted, side="right")) - 1)
        if tokens[last] - first > room:
            return []
        pieces.append(_piece(text, begin, int(ends[last])))
        begin = int(ends[last])
    return pieces


def pieces_as(text: TokenizedText, pieces: list[TextPiece]) -> list[TextPiece]:
    """Return the same pieces in the words of `text`, whose tokens are cut into other words than theirs.

    Returns:
        The pieces in order; nothing if one of them begins inside a word of `text`.
    """
    lengths = [len(piece.text.token_ids) - text.prefix for piece in pieces]
    tokens = np.cumsum([text.prefix, *lengths])
    places = np.searchsorted(text.word_tokens, tokens)
    if not np.array_equal(text.word_tokens[places], tokens) or not text.splittable[places[:-1]].all():
        return []
    return [_piece(text, int(begin), int(end)) for begin, end in pairwise(places)]


def _piece(text: TokenizedText, begin: int, end: int) -> TextPiece:
    first, last = text.word_tokens[begin], text.word_tokens[end]
    token_ids = np.concatenate([text.token_ids[: text.prefix], text.token_ids[first:last]])
    word_tokens = text.word_tokens[begin : end + 1] - first + text.prefix
    following = int(text.token_ids[last]) if last < len(text.token_ids) else text.following
    piece = TokenizedText(token_ids, word_tokens, text.splittable[begin : end + 1], text.prefix, following)
    return TextPiece(piece, begin, end)


def sets_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether this tokenizer puts a BOS token before a text (Llama and Gemma do, Qwen2 does not)."""
    return tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id


def bos_of(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the BOS token as a list, which is empty if the tokenizer sets none."""
    return [tokenizer.bos_token_id] if sets_bos(tokenizer) else []


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a digest that two tokenizers share exactly if they give the same ids to every text."""
    import json

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    kept = {key: state[key] for key in ("added_tokens", "normalizer", "pre_tokenizer", "model")}
    return digest_json([kept, sets_bos(tokenizer)])
