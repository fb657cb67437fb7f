"""Rows of training from rollouts: a prompt, heard or read, and the response that a model wrote behind it.

The tokens are those of the rollout, never made again from its text. Only those of the response carry loss. The words of
a heard prompt, with their times and their audio, are those of the row of `--data` that the prompt was taken from.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.rollouts import SPEECH, read_rollouts
from saladkit.formats.words import Word
from saladkit.rows.frame_sources import DrawnFrames, FixedSpans
from saladkit.rows.heard_turns import hearable_stretches
from saladkit.rows.interleaving import Span, may_cut, whole_text
from saladkit.rows.readers import Readers
from saladkit.rows.row_pieces import TOO_LONG, split_speech
from saladkit.rows.sequences import Frames, SequenceLayout, build_sequence, count_targets, sequence_length
from saladkit.rows.sequences import Sequence as LaidOut
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.usable_speech import UsableSpeech
from saladkit.settings.weighted_path import WeightedPath

_MAKE_AGAIN = (
    "Give the samples from which the rollouts were made as --data (SAMPLES:0 to train on the rollouts alone), or make"
    " the rollouts again."
)


@dataclass(frozen=True)
class RolloutRow:
    """One rollout as training reads it.

    Attributes:
        text: the tokens of prompt and response but the last token, which follows.
        words: the words of a heard prompt, then one for the response; of a read prompt, one for all.
        spans: speech and text in turn.
        recording: the frames of its speech, and the id of the recording there; None for a read prompt.
    """

    text: TokenizedText
    words: list[Word]
    spans: list[Span]
    recording: tuple[DrawnFrames, str] | None = None

    def frames(self) -> Frames | None:
        """Return the front-end frames of its speech; None for a read prompt."""
        if self.recording is None:
            return None
        frames, id_ = self.recording
        return frames.of_spans(id_, self.spans, self.words)

    def sequence(self, frames: Frames | None, layout: SequenceLayout | None) -> LaidOut:
        """Return it as the model reads it."""
        return build_sequence(self.text, self.spans, self.words, frames, layout)


@dataclass(frozen=True)
class HeardRow:
    """The row of samples from which prompts were taken: its tokens, its words with their times, and its recording."""

    text: TokenizedText
    words: list[Word]
    recording: tuple[DrawnFrames, str]

    @cached_property
    def cuts(self) -> np.ndarray:
        """Where a prompt may end, as `may_cut`."""
        return may_cut(self.text, self.words)


@dataclass(frozen=True)
class HeardPrompt:
    """A prompt that is heard: the first `end` words of a row; of a conversation, the first units (`conversations`)."""

    row: HeardRow
    end: int


def open_rollouts(
    source: WeightedPath,
    speech: Sequence[UsableSpeech],
    tokenizer: PreTrainedTokenizerBase,
    *,
    limit: int | None = None,
    max_length: int | None = None,
    readers: Readers | None = None,
) -> TrainingSource:
    """Open rollouts, with the recordings of their prompts.

    Args:
        speech: the sources of speech from which the prompts were taken.
        limit: read at most this many rollouts.
        max_length: leave out rollouts with more tokens, and list them; None leaves out none.
        readers: as in `open_speech`.

    Raises:
        SaladError: `source` is no complete artefact of rollouts or has none; or a heard prompt is of no row of
            `speech`, or of one that has other tokens now.
    """
    stored = list(islice(read_rollouts(source.path), limit))
    check_rows(stored, source.path)
    heard = heard_rows(speech, {row["source_id"] for row in stored if row["modality"] == SPEECH}, tokenizer)
    rows, left_out = {}, []
    at_most = readers.at_most(max_length) if readers else max_length
    for row in stored:
        laid = lay_out_rollout(row, heard.get(row["source_id"]), source.path)
        if reason := _why_not(laid, at_most, readers):
            left_out.append((row["id"], reason))
        else:
            rows[row["id"]] = laid
    recordings = {id_: laid.recording for id_, laid in rows.items() if laid.recording is not None}
    frames = FixedSpans({id_: laid.spans for id_, laid in rows.items()}, recordings) if recordings else None
    return TrainingSource(
        source.path,
        source.weight,
        list(rows),
        [laid.text for laid in rows.values()],
        words=[laid.words for laid in rows.values()] if recordings else None,
        frames=frames,
        left_out=left_out,
        log_probs=[np.array(row["log_probs"], dtype=np.float32) for row in stored if row["id"] in rows],
    )


def check_rows(stored: list[dict], where: str) -> None:
    """Raise a SaladError if there are no rollouts, two of one id, or one lacks a prompt, a response or numbers."""
    if not stored:
        raise SaladError(f"{where} holds no rollouts", "Make them again with `saladkit rollout`, from more rows.")
    id_, times = Counter(row["id"] for row in stored).most_common(1)[0]
    if times > 1:
        raise SaladError(f"{where} has {times} rollouts '{id_}'", "Make the rollouts again.")
    for row in stored:
        if not row["prompt_ids"] or not row["response_ids"] or len(row["log_probs"]) != len(row["response_ids"]):
            raise SaladError(
                f"{where}: rollout '{row['id']}' has {len(row['prompt_ids'])} tokens of the prompt,"
                f" {len(row['response_ids'])} of the response and {len(row['log_probs'])} log-probabilities",
                "Make the rollouts again: prompt and response have a token each, and every token of the response has a"
                " log-probability.",
            )


def heard_rows(
    speech: Sequence[UsableSpeech], wanted: set[str], tokenizer: PreTrainedTokenizerBase
) -> dict[str, HeardRow]:
    """Return the wanted rows of sources of speech by their ids, whole; of two rows of one id the first."""
    found: dict[str, HeardRow] = {}
    for source in speech:
        missing = pa.array(sorted(wanted - found.keys()), pa.string())
        table = source.table.filter(pc.is_in(source.table.column("id"), missing))
        if not table.num_rows:
            continue
        _, pieces, _ = split_speech(table, tokenizer, None, source.path)
        ids, frames = table.column("id").to_pylist(), source.whole_recordings()
        for row, piece, words in pieces:
            found.setdefault(ids[row], HeardRow(piece.text, words, (frames, ids[row])))
    return found


def lay_out_rollout(row: dict, heard: HeardRow | None, where: str) -> RolloutRow:
    """Lay out a stored rollout for training.

    Args:
        row: a row of `formats.rollouts`.
        heard: the row that its prompt was taken from; None if nobody has it. Not needed for a read prompt.
        where: path of the rollouts, for errors.

    Raises:
        SaladError: as `heard_prompt`.
    """
    prompt = heard_prompt(row, heard, where) if row["modality"] == SPEECH else None
    laid = lay_out(row["prompt_ids"], row["response_ids"][:-1], prompt, following=int(row["response_ids"][-1]))
    assert count_targets(laid.text, laid.spans) == len(row["response_ids"]), "a token of a response has no loss"
    return laid


def heard_prompt(row: dict, heard: HeardRow | None, where: str) -> HeardPrompt:
    """Find the heard prompt of a rollout again; arguments as `lay_out_rollout`.

    Raises:
        SaladError: nobody has the row of the prompt, it has other tokens now, or the time of the prompt's end is not
            known.
    """
    if heard is None:
        raise SaladError(
            f"{where}: no --data has a usable row '{row['source_id']}', which the prompt of rollout '{row['id']}' is"
            " of",
            _MAKE_AGAIN,
        )
    end = _end_of_prompt(row, heard)
    if end is None:
        raise SaladError(
            f"{where}: the prompt of rollout '{row['id']}' has other tokens than the row '{row['source_id']}' of --data"
            " now begins with, or ends where that row cannot be cut",
            _MAKE_AGAIN,
        )
    return HeardPrompt(heard, end)


def lay_out(
    prompt_ids: Sequence[int], written: Sequence[int], heard: HeardPrompt | None, *, following: int | None = None
) -> RolloutRow:
    """Lay out a prompt and what is written behind it: what was heard as speech, and all else as text.

    Args:
        prompt_ids: the tokens of the prompt as text, at least one.
        written: the tokens of the response that are read.
        heard: where the prompt is heard; None if it is read.
        following: the token behind these, which is predicted, too; None where it is not known yet.
    """
    tokens = np.array([*prompt_ids, *written], dtype=np.int32)
    learned = np.arange(len(tokens) + 1) >= len(prompt_ids)
    if heard is None:
        ends, whole = np.array([0, len(tokens)]), np.ones(2, dtype=bool)
        text = TokenizedText(tokens, ends, whole, 0, following, learned)
        return RolloutRow(text, [Word("", None, None)], whole_text(1))
    row, end = heard.row, heard.end
    # The response takes the place of the word behind the prompt, where the prompt's speech ends as it does in training.
    last = row.words[end] if end < len(row.words) else Word("", row.words[-1].end, None)
    text = TokenizedText(
        tokens,
        np.append(row.text.word_tokens[: end + 1], len(tokens)),
        np.append(row.text.splittable[: end + 1], True),
        row.text.prefix,
        following,
        learned,
    )
    return RolloutRow(text, [*row.words[:end], last], _spans(heard), row.recording)


def _end_of_prompt(row: dict, heard: HeardRow) -> int | None:
    """Return the number of words of a heard prompt; None if the row does not begin with it or cannot be cut there."""
    prompt, text = np.array(row["prompt_ids"]), heard.text
    if not np.array_equal(text.token_ids[: len(prompt)], prompt):
        return None
    if text.hearable is not None:
        return units_before(text, len(prompt))
    end = row["prompt_words"]
    if not 0 < end <= len(heard.words) or text.word_tokens[end] != len(prompt) or not heard.cuts[end]:
        return None
    return end


def units_before(text: TokenizedText, tokens: int) -> int:
    """Return how many units of a conversation lie before a number of tokens, at which an answer begins.

    The tokens that a chat template writes before an answer belong to the prompt, and are a part of the last unit.
    """
    return int(np.searchsorted(text.word_tokens, tokens, side="right")) - 1


def _spans(heard: HeardPrompt) -> list[Span]:
    """Return the spans of a heard prompt and of the response, which is one word more."""
    text, end = heard.row.text, heard.end
    if text.hearable is None:
        return [Span(True, 0, end), Span(False, end, end + 1)]
    spans, at = list[Span](), 0
    for first, last in hearable_stretches(text, heard.row.cuts):
        if last <= end:
            spans += [Span(False, at, first)] if at < first else []
            spans.append(Span(True, first, last))
            at = last
    return [*spans, Span(False, at, end + 1)]


def _why_not(laid: RolloutRow, at_most: int | None, readers: Readers | None) -> str | None:
    """Return why a rollout is left out; None if it is read."""
    if at_most is not None and len(laid.text.token_ids) > at_most:
        return TOO_LONG
    if readers is None:
        return None
    length = len(laid.text.token_ids)
    if laid.recording is not None:
        frames = FixedSpans({"": laid.spans}, {"": laid.recording}).most_frames("", laid.words, readers.layout)
        length = sequence_length(laid.text, laid.spans, laid.words, frames, readers.layout)
    return readers.why_not_length(laid.text, length)
