"""Batches of sequences, as tensors that `SaladForCausalLM.forward` takes."""

import numpy as np
import torch

from saladkit.rows.sequences import Sequence


def pack_sequences(lines: list[list[Sequence]]) -> dict[str, torch.Tensor]:
    """Pack sequences into lines of one batch, as arguments of SaladForCausalLM.forward.

    `position_ids` restart at 0 with each sequence, and the attention separates sequences by them. They are left out if
    each line has one sequence. `logits_at` has the flat positions (line * length + column) of all sequences, line after
    line. A causal model needs no attention mask for padding at the end. Without speech the speech tensors are left out.
    """
    length = max(sum(len(sequence) for sequence in line) for line in lines)
    input_ids, position_ids = (np.zeros((len(lines), length), dtype=np.int64) for _ in range(2))
    speech_mask = np.zeros((len(lines), length), dtype=bool)
    logits_at = []
    for number, line in enumerate(lines):
        begin = 0
        for sequence in line:
            inside = slice(begin, begin + len(sequence))
            input_ids[number, inside], speech_mask[number, inside] = sequence.input_ids, sequence.speech_mask
            position_ids[number, inside] = np.arange(len(sequence))
            logits_at.append(sequence.positions + number * length + begin)
            begin += len(sequence)
        position_ids[number, begin:] = np.arange(length - begin)
    batch = {"input_ids": torch.from_numpy(input_ids), "speech_mask": torch.from_numpy(speech_mask)}
    if any(len(line) > 1 for line in lines):
        batch["position_ids"] = torch.from_numpy(position_ids)
    batch["logits_at"] = torch.from_numpy(np.concatenate(logits_at))
    return with_speech(batch, [sequence for line in lines for sequence in line])


def collate_sequences(sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """Pad sequences at the end and stack them, as `pack_sequences` with one sequence a line."""
    return pack_sequences([[sequence] for sequence in sequences])


def with_speech(batch: dict[str, torch.Tensor], sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """Add the speech spans to a batch, and move the modality tokens out of `input_ids` into `modality_marks`."""
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


def collate_lexical_targets(sequences: list[Sequence]) -> torch.Tensor:
    """Return `lexical_targets` of all speech spans of a batch, int64 [S, T], padded with -1."""
    spans = [torch.from_numpy(span.lexical_targets) for sequence in sequences for span in sequence.spans]
    if not spans:
        return torch.zeros(0, 0, dtype=torch.int64)
    return torch.nn.utils.rnn.pad_sequence(spans, batch_first=True, padding_value=-1)


def collate_phonemes(sequences: list[Sequence]) -> torch.Tensor | None:
    """Return the phonemes of all speech spans of a batch, int64 [S, T, phonemes of a vector], padded with -1.

    None if nothing learns to name them, which holds for all rows of a step.
    """
    spans = [span.phonemes for sequence in sequences for span in sequence.spans if span.phonemes is not None]
    if not spans:
        return None
    return torch.nn.utils.rnn.pad_sequence(list(map(torch.from_numpy, spans)), batch_first=True, padding_value=-1)
