"""Teacher and student compared token by token: read, heard, and the text LLM that the student came from."""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saladkit.model.dataset import TrainingSource
from saladkit.model.interleaving import InterleavingOptions, draw_spans, may_cut, whole_text
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.sequence import Sequence, SequenceLayout, build_sequence, collate_sequences
from saladkit.teacher.distributions import DenseDistributions, dense_from_logits
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import LiveTeacher


@dataclass
class ItemSums:
    """Sums over the compared tokens of one item, in nats."""

    tokens: int = 0
    misalignment: float = 0.0
    teacher_kl: float = 0.0
    forgetting: float = 0.0
    text_nll: float = 0.0
    speech_nll: float = 0.0


def probe_sequences(
    source: TrainingSource, row: int, layout: SequenceLayout, options: InterleavingOptions, draws: int, seed: int
) -> list[Sequence]:
    """`draws` interleavings of one row; those without a text position are left out.

    They begin with speech, so that every compared token has speech before it. A row's draws depend on the seed and
    its id, not on its place.
    """
    words, text, id_ = source.words[row], source.texts[row], source.ids[row]
    random = np.random.default_rng([seed, 4, zlib.crc32(id_.encode())])
    heard_first = InterleavingOptions(options.text_words, options.speech_words, text_first=0.0)
    allowed, frames = may_cut(text, words), source.frames.row(id_)
    sequences = [
        build_sequence(text, draw_spans(allowed, heard_first, random), words, frames, layout) for _ in range(draws)
    ]
    return [sequence for sequence in sequences if len(sequence.positions)]


@torch.inference_mode()
def add_divergences(
    student: SaladForCausalLM,
    teacher: LiveTeacher,
    source: TrainingSource,
    batch: list[tuple[int, Sequence]],
    layout: SequenceLayout,
    sums: dict[int, ItemSums],
) -> None:
    """Run one batch of (row, interleaving) through student and teacher, and add up per row.

    M: the student on text against itself on speech. Teacher KL: the text LLM against the student on speech. F: the
    text LLM against the student on text. All at the same tokens, so that their sums can be compared.
    """
    device = next(student.parameters()).device
    rows = [row for row, _ in batch]
    sequences = [sequence for _, sequence in batch]
    texts = [source.texts[row] for row in rows]
    targets = [sequence.targets for sequence in sequences]
    heard = _logits(student, sequences, device)
    read_whole = [build_sequence(text, whole_text(len(text.splittable) - 1), [], None, layout) for text in texts]
    read = _logits(
        student, [_only(sequence, wanted) for sequence, wanted in zip(read_whole, targets, strict=True)], device
    )
    original = teacher.distributions([text.token_ids for text in texts], targets, device)
    original = original.piece(0, len(original))  # dense, once for both comparisons
    itself: DenseDistributions = dense_from_logits(read)
    labels = torch.cat(
        [torch.from_numpy(text.token_ids[wanted].astype(np.int64)) for text, wanted in zip(texts, targets, strict=True)]
    )
    figures = {
        "misalignment": forward_kl(itself, heard),
        "teacher_kl": forward_kl(original, heard),
        "forgetting": forward_kl(original, read),
        "text_nll": -_at(read, labels.to(device)),
        "speech_nll": -_at(heard, labels.to(device)),
    }
    ends = np.cumsum([len(wanted) for wanted in targets])
    for row, begin, end in zip(rows, [0, *ends[:-1]], ends, strict=True):
        item = sums.setdefault(row, ItemSums())
        item.tokens += int(end - begin)
        for name, values in figures.items():
            setattr(item, name, getattr(item, name) + float(values[begin:end].cpu().double().sum()))


def _only(sequence: Sequence, targets: np.ndarray) -> Sequence:
    """The same sequence, with logits wanted for some targets alone."""
    kept = np.isin(sequence.targets, targets)
    return Sequence(
        sequence.input_ids, sequence.speech_mask, sequence.spans, sequence.positions[kept], sequence.targets[kept]
    )


def _logits(model: SaladForCausalLM, sequences: list[Sequence], device: torch.device) -> Tensor:
    batch = collate_sequences(sequences)
    return model(**{name: value.to(device) for name, value in batch.items()}).logits


def _at(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.log_softmax(logits.float(), dim=-1).gather(-1, labels[:, None])[:, 0]
