"""Compare next-token distributions token by token: the student on speech and on text, and the text LLM it came from."""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saladkit.formats.words import Word
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.interleaving import Span, draw_spans, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import Sequence, SequenceLayout, build_sequence, collate_sequences
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.shared import Spans
from saladkit.teacher.distributions import DenseDistributions, HiddenDistributions
from saladkit.teacher.losses import divergence, forward_kl
from saladkit.teacher.signals import TeacherSignal


@dataclass
class ItemSums:
    """Sums over the compared tokens of one item.

    In nats, except for the last three: numbers of tokens whose most likely prediction agrees between speech and text,
    is right on text, and is right on speech.
    """

    tokens: int = 0
    misalignment: float = 0.0
    teacher_kl: float = 0.0
    forgetting: float = 0.0
    jsd: float = 0.0
    text_nll: float = 0.0
    speech_nll: float = 0.0
    text_entropy: float = 0.0
    speech_entropy: float = 0.0
    agreement: float = 0.0
    text_accuracy: float = 0.0
    speech_accuracy: float = 0.0


def probe_sequences(
    source: TrainingSource,
    row: int,
    layout: SequenceLayout,
    spans: Spans,
    draws: int,
    seed: int,
    context: str,
) -> list[Sequence]:
    """Return `draws` random sequences of one row, of speech and the text tokens to compare.

    Sequences without a text token are left out. The draws of a row depend on the seed and its id, not on its place.

    Args:
        spans: lengths of the spans that are drawn with context `interleaved`.
        context: `interleaved` alternates spans of speech and text, the first of them speech, so that every compared
            token follows speech. `spoken` is speech up to some word, whose tokens are compared.
    """
    assert source.words is not None and source.frames is not None, f"{source.name} has no speech"
    words, text, id_ = source.words[row], source.texts[row], source.ids[row]
    random = np.random.default_rng([seed, 4, zlib.crc32(id_.encode())])
    allowed, pauses, frames = may_cut(text, words), pauses_before(words), source.frames.row(id_)
    if context == "spoken":
        cuts = np.flatnonzero(allowed[1:-1]) + 1
        chosen = random.permutation(cuts)[:draws]
        return [_speech_up_to(int(cut), text, words, frames, layout) for cut in sorted(chosen)]
    sequences = [
        build_sequence(text, draw_spans(allowed, spans, random, pauses, text_first=0.0), words, frames, layout)
        for _ in range(draws)
    ]
    return [sequence for sequence in sequences if len(sequence.positions)]


def _speech_up_to(
    word: int, text: TokenizedText, words: list[Word], frames: np.ndarray, layout: SequenceLayout
) -> Sequence:
    return build_sequence(text, [Span(True, 0, word), Span(False, word, word + 1)], words, frames, layout)


@torch.inference_mode()
def add_divergences(
    student: SaladForCausalLM,
    teacher: TeacherSignal,
    source: TrainingSource,
    batch: list[tuple[int, Sequence]],
    layout: SequenceLayout,
    sums: dict[int, ItemSums],
) -> None:
    """Run one batch of (row, sequence) through student and teacher, and add the figures to the sums of each row.

    Misalignment is the KL divergence of the student on speech from the student on text, and `jsd` the Jensen-Shannon
    divergence of the two. Teacher KL is the KL divergence of the student on speech from the text LLM, and forgetting
    that of the student on text from the text LLM. All are measured at the same tokens, so that sums can be compared.
    """
    device = next(student.parameters()).device
    rows = [row for row, _ in batch]
    sequences = [sequence for _, sequence in batch]
    texts = [source.texts[row] for row in rows]
    targets = [sequence.targets for sequence in sequences]
    on_speech = _log_probs(student, sequences, device)
    whole_texts = [build_sequence(text, whole_text(len(text.splittable) - 1), [], None, layout) for text in texts]
    on_text = _log_probs(
        student, [_only(sequence, wanted) for sequence, wanted in zip(whole_texts, targets, strict=True)], device
    )
    original = teacher.distributions([text.token_ids for text in texts], targets, device)
    if isinstance(original, HiddenDistributions):
        original = original.piece(0, len(original))  # computed once for both comparisons
    text_student = DenseDistributions(on_text)
    labels = torch.cat(
        [torch.from_numpy(text.token_ids[wanted].astype(np.int64)) for text, wanted in zip(texts, targets, strict=True)]
    ).to(device)
    best_on_text, best_on_speech = on_text.argmax(dim=-1), on_speech.argmax(dim=-1)
    figures = {
        "misalignment": forward_kl(text_student, on_speech),
        "teacher_kl": forward_kl(original, on_speech),
        "forgetting": forward_kl(original, on_text),
        "jsd": divergence(text_student, on_speech, "jsd"),
        "text_nll": -on_text.gather(-1, labels[:, None])[:, 0],
        "speech_nll": -on_speech.gather(-1, labels[:, None])[:, 0],
        "text_entropy": _entropy(on_text),
        "speech_entropy": _entropy(on_speech),
        "agreement": best_on_text == best_on_speech,
        "text_accuracy": best_on_text == labels,
        "speech_accuracy": best_on_speech == labels,
    }
    ends = np.cumsum([len(wanted) for wanted in targets])
    for row, begin, end in zip(rows, [0, *ends[:-1]], ends, strict=True):
        item = sums.setdefault(row, ItemSums())
        item.tokens += int(end - begin)
        for name, values in figures.items():
            setattr(item, name, getattr(item, name) + float(values[begin:end].cpu().double().sum()))


def _only(sequence: Sequence, targets: np.ndarray) -> Sequence:
    """Return the sequence with some of its targets alone."""
    kept = np.isin(sequence.targets, targets)
    return Sequence(
        sequence.input_ids, sequence.speech_mask, sequence.spans, sequence.positions[kept], sequence.targets[kept]
    )


def _log_probs(model: SaladForCausalLM, sequences: list[Sequence], device: torch.device) -> Tensor:
    batch = collate_sequences(sequences)
    logits = model(**{name: value.to(device) for name, value in batch.items()}).logits
    return torch.log_softmax(logits.float(), dim=-1)


def _entropy(log_probs: Tensor) -> Tensor:
    return -(log_probs.exp() * log_probs).nan_to_num().sum(dim=-1)
