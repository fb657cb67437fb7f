"""One row as the model reads it: text tokens and speech vectors in one causal sequence."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from saladkit.formats.words import Word
from saladkit.rows.interleaving import Span
from saladkit.rows.tokens import TokenizedText

# Modality tokens: ids that no vocabulary has, so that a text's own never change.
TEXT_FOLLOWS, SPEECH_FOLLOWS = -1, -2


@dataclass(frozen=True)
class SpeechSpan:
    """A heard span: its front-end frames [vectors * frames_per_vector, width] and where its tokens sound.

    Frames are float32, codes int64.

    `names` [vectors] is the token that each vector should name; -1 for no token. A causal encoder cannot know a word
    before its end, so it is the word's last vectors that name its tokens, one each, and what sounds before them
    names nothing.
    """

    frames: np.ndarray
    vectors: int
    names: np.ndarray


@dataclass(frozen=True)
class Sequence:
    """An interleaved row.

    Attributes:
        input_ids: int64 [L]; 0 where speech stands, negative for a modality token.
        speech_mask: bool [L].
        spans: the heard spans, in order; their vectors fill the true places of `speech_mask`.
        positions: int64 [P], places whose next item is a text token: where the loss is.
        targets: int64 [P], index of that token in the row's text (never 0: nothing precedes it).
    """

    input_ids: np.ndarray
    speech_mask: np.ndarray
    spans: list[SpeechSpan]
    positions: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True)
class SequenceLayout:
    """How seconds, front-end frames and encoder vectors relate; and whether a token stands where speech or text begins.

    `modality_tokens`: SPEECH_FOLLOWS stands before speech, TEXT_FOLLOWS before text that follows speech. Text that
    nothing was heard before has none, so what is only read is what the text LLM reads.
    """

    frames_per_second: float
    frames_per_vector: int
    modality_tokens: bool = False

    def frame(self, seconds: float) -> int:
        """The frame boundary nearest to a time."""
        return round(seconds * self.frames_per_second)

    def place(self, seconds: float) -> float:
        """Where a time, known to 10 ms, lies among the frames: 2.5 is the middle of the third."""
        return round(seconds * 100) * self.frames_per_second / 100


def build_sequence(
    text: TokenizedText, spans: list[Span], words: list[Word], frames: np.ndarray | None, layout: SequenceLayout | None
) -> Sequence:
    """Lay out one row.

    Args:
        spans: cover all words of the text, in order.
        frames: the whole recording's front-end frames [F, width]; it and `layout` may be None where no span is heard.
    """
    ids, mask, heard, positions, targets = list(text.token_ids[: text.prefix]), [False] * text.prefix, [], [], []
    was_heard = False
    for span in spans:
        first, end = text.word_tokens[span.begin], text.word_tokens[span.end]
        if span.heard != was_heard and layout is not None and layout.modality_tokens:
            ids.append(SPEECH_FOLLOWS if span.heard else TEXT_FOLLOWS)
            mask.append(False)
        was_heard = span.heard
        if span.heard:
            speech = cut_speech(text, span, words, frames, layout)
            heard.append(speech)
            ids += [0] * speech.vectors
            mask += [True] * speech.vectors
            continue
        for token in range(first, end):
            if ids:  # the very first token of a row has nothing to be predicted from
                positions.append(len(ids) - 1)
                targets.append(token)
            ids.append(int(text.token_ids[token]))
            mask.append(False)
    return Sequence(
        np.array(ids, dtype=np.int64),
        np.array(mask, dtype=bool),
        heard,
        np.array(positions, dtype=np.int64),
        np.array(targets, dtype=np.int64),
    )


def cut_speech(
    text: TokenizedText, span: Span, words: list[Word], frames: np.ndarray, layout: SequenceLayout
) -> SpeechSpan:
    """What is heard of a recording with these words and front-end frames [F, width], F at least 1.

    Without words all of it, naming nothing.
    """
    # A span ends where the next word starts: the word before may have been spoken as one with its neighbour and
    # have no end of its own. Without a time (interleaving.may_cut allows that only at the ends) nothing is cut off.
    start = words[span.begin].start if words else None
    stop = (words[span.end].start if span.end < len(words) else words[-1].end) if words else None
    first = 0 if start is None else min(layout.frame(start), len(frames) - 1)
    last = len(frames) if stop is None else min(layout.frame(stop), len(frames))
    # Rounded up, here and below: where a word's end was rounded to the nearest vector, up to 40 ms of its last sound
    # were not heard when it was named, and "characters" was heard as "character". What fills the last vector is the
    # span's own last frame, never the next word, which the model is about to be asked for.
    speech = speech_span(frames[first : max(last, first + 1)], layout)
    vectors, names = speech.vectors, speech.names
    for index in range(span.begin, span.end) if words else ():
        word = words[index]
        owned = text.token_ids[text.word_tokens[index] : text.word_tokens[index + 1]]
        if word.start is None or word.end is None:
            continue
        begin, end = ((layout.place(time) - first) / layout.frames_per_vector for time in (word.start, word.end))
        stop_naming = min(max(math.ceil(end), 1), vectors)
        own = min(max(math.ceil(begin), 0), stop_naming - 1)  # the vector before ends the word before
        for place, token in enumerate(owned, start=stop_naming - len(owned)):
            names[max(place, own) : stop_naming] = token
    return speech


def speech_span(frames: np.ndarray, layout: SequenceLayout) -> SpeechSpan:
    """All of `frames` [F, bins], F at least 1, as one heard span that names nothing; its last frame fills it up."""
    vectors = math.ceil(len(frames) / layout.frames_per_vector)
    missing = vectors * layout.frames_per_vector - len(frames)
    if missing:
        frames = np.concatenate([frames, np.repeat(frames[-1:], missing, axis=0)])
    kind = np.int64 if np.issubdtype(frames.dtype, np.integer) else np.float32
    return SpeechSpan(np.ascontiguousarray(frames, dtype=kind), vectors, np.full(vectors, -1, dtype=np.int64))


def pack_sequences(sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """One row of all sequences, one after another: the arguments of SaladForCausalLM.forward.

    `position_ids` begin anew with each; that is what tells the attention where one ends.
    """
    begins = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    parts = {
        "input_ids": [sequence.input_ids for sequence in sequences],
        "position_ids": [np.arange(len(sequence)) for sequence in sequences],
        "speech_mask": [sequence.speech_mask for sequence in sequences],
    }
    batch = {name: torch.from_numpy(np.concatenate(rows))[None] for name, rows in parts.items()}
    positions = [sequence.positions + begin for sequence, begin in zip(sequences, begins, strict=False)]
    return with_speech(batch | {"logits_at": torch.from_numpy(np.concatenate(positions))}, sequences)


def collate_sequences(sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """Pad at the end and stack: the arguments of SaladForCausalLM.forward.

    `logits_at` lists the flat positions of all rows one after another. Padding at the end needs no attention mask in
    a causal model; speech tensors are left out where no row is heard.
    """
    length = max(len(sequence) for sequence in sequences)
    input_ids = np.zeros((len(sequences), length), dtype=np.int64)
    speech_mask = np.zeros((len(sequences), length), dtype=bool)
    for row, sequence in enumerate(sequences):
        input_ids[row, : len(sequence)] = sequence.input_ids
        speech_mask[row, : len(sequence)] = sequence.speech_mask
    batch = {
        "input_ids": torch.from_numpy(input_ids),
        "speech_mask": torch.from_numpy(speech_mask),
        "logits_at": torch.from_numpy(
            np.concatenate([sequence.positions + row * length for row, sequence in enumerate(sequences)])
        ),
    }
    return with_speech(batch, sequences)


def with_speech(batch: dict[str, torch.Tensor], sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """Add the spans, and move the modality tokens from the ids, where no vocabulary has them, to their own tensor."""
    marks = (-batch["input_ids"]).clamp(min=0)
    if marks.any():
        batch["modality_marks"] = marks
        batch["input_ids"] = batch["input_ids"].clamp(min=0)
    spans = [span for sequence in sequences for span in sequence.spans]
    if not spans:
        del batch["speech_mask"]
    else:
        batch["speech_lengths"] = torch.tensor([span.vectors for span in spans])
        batch["speech_frames"] = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(span.frames) for span in spans], batch_first=True
        )
    return batch


def collate_names(sequences: list[Sequence]) -> torch.Tensor:
    """`names` of all spans of a batch, int64 [S, T], padded with -1."""
    spans = [torch.from_numpy(span.names) for sequence in sequences for span in sequence.spans]
    if not spans:
        return torch.zeros(0, 0, dtype=torch.int64)
    return torch.nn.utils.rnn.pad_sequence(spans, batch_first=True, padding_value=-1)
