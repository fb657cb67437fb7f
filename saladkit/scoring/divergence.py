"""Compare next-token distributions token by token: the student on speech and on text, and the text LLM it came from.

Figures are computed in pieces of positions, so that the logits of all positions never exist at once.
"""

import zlib
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from saladkit.formats.gap_table import BY_DISTANCE
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.rows.frame_sources import StoredLayouts
from saladkit.rows.heard_turns import draw_turns
from saladkit.rows.interleaving import Span, draw_spans, may_cut, pauses_before, whole_text
from saladkit.rows.sequences import Sequence, SequenceLayout, build_sequence
from saladkit.rows.training_rows import TrainingSource
from saladkit.scoring.distance_behind_speech import sums_by_distance, tokens_since_speech
from saladkit.settings.shared import Spans
from saladkit.teacher.distributions import DenseDistributions, Piece
from saladkit.teacher.head import positions_a_piece
from saladkit.teacher.losses import class_divergence, forward_kl
from saladkit.teacher.signals import TeacherSignal

# A piece has this fraction of the positions of a piece of the head's loss, for its ten tensors [piece, V]. On one core,
# with V = 151,936 and H = 64, 994 positions took at once 7.8 GB, and in pieces of 55, 27 and 18 positions 1.9, 1.5 and
# 1.3 GB, of which 0.9 GB are the libraries. Smaller pieces would slow a wide head.
SMALLER = 24


@dataclass
class ItemSums:
    """Sums over the compared tokens of one item.

    In nats, except for the last three numbers: of tokens whose most likely prediction agrees between speech and text,
    is right on text, and is right on speech. `behind` has the tokens, and the figures of `BY_DISTANCE`, summed over
    each of `DISTANCES` behind speech.
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
    behind: dict[str, np.ndarray] = field(default_factory=dict)

    def add_behind(self, name: str, sums: np.ndarray) -> None:
        """Add sums over each of `DISTANCES`."""
        self.behind[name] = self.behind.get(name, 0) + sums


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

    What follows the text is not compared, and sequences without a text token are left out. The draws of a row depend on
    the seed and its id, not on its place.

    Args:
        spans: lengths of the spans that are drawn with context `interleaved`.
        context: `interleaved` alternates spans of speech and text, the first of them speech, so that every compared
            token follows speech. `spoken` is speech up to some word, whose tokens are compared. In a conversation, all
            that users say is heard instead, in one sequence.
    """
    assert source.words is not None and source.frames is not None, f"{source.name} has no speech"
    assert not isinstance(source.frames, StoredLayouts)  # `gap` opens no caches
    words, text, id_ = source.words[row], source.texts[row], source.ids[row]
    random = np.random.default_rng([seed, 4, zlib.crc32(id_.encode())])
    if text.hearable is not None:
        heard = draw_turns(text, words, spans, random, text_first=0.0, whole_turns=1.0)
        return [build_sequence(text, heard, words, source.frames.of_spans(id_, heard, words), layout)]
    allowed, pauses = may_cut(text, words), pauses_before(words)
    if context == "spoken":
        cuts = np.flatnonzero(allowed[1:-1]) + 1
        chosen = sorted(random.permutation(cuts)[:draws].tolist())
        drawn = [[Span(True, 0, cut), Span(False, cut, cut + 1)] for cut in chosen]
    else:
        drawn = [draw_spans(allowed, spans, random, pauses, text_first=0.0) for _ in range(draws)]
    frames = source.frames.of_spans(id_, list(chain.from_iterable(drawn)), words)
    sequences = [build_sequence(text, of_draw, words, frames, layout) for of_draw in drawn]
    compared = [_only(sequence, np.arange(len(text.token_ids))) for sequence in sequences]
    return [sequence for sequence in compared if len(sequence.positions)]


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
    on_speech = last_hidden(student, sequences, device)
    whole_texts = [build_sequence(text, whole_text(len(text.splittable) - 1), [], None, layout) for text in texts]
    on_text = last_hidden(
        student, [_only(sequence, wanted) for sequence, wanted in zip(whole_texts, targets, strict=True)], device
    )
    original = teacher.distributions([text.token_ids for text in texts], targets, device)
    labels = torch.cat(
        [torch.from_numpy(text.token_ids[wanted].astype(np.int64)) for text, wanted in zip(texts, targets, strict=True)]
    ).to(device)
    head = student.get_output_embeddings()
    size = max(1, positions_a_piece(head.get_parameter("weight")) // SMALLER)
    figures: dict[str, Tensor] = {}
    for begin in range(0, len(labels), size):
        here = slice(begin, begin + size)
        text_log_probs, speech_log_probs = (
            log_probs_of(head, hidden[here], teacher.vocabulary) for hidden in (on_text, on_speech)
        )
        for name, values in _figures(
            text_log_probs, speech_log_probs, original.piece(here.start, here.stop), labels[here]
        ).items():
            # One tensor from the start: small ones that outlive a piece would keep its memory from being used again.
            figures.setdefault(name, values.new_empty(len(labels)))[here] = values
    ends = np.cumsum([len(wanted) for wanted in targets])
    for row, sequence, begin, end in zip(rows, sequences, [0, *ends[:-1]], ends, strict=True):
        item, distance = sums.setdefault(row, ItemSums()), tokens_since_speech(sequence)
        item.tokens += int(end - begin)
        item.add_behind("tokens", sums_by_distance(distance, np.ones(end - begin)))
        for name, values in figures.items():
            of_row = values[begin:end].cpu().double()
            setattr(item, name, getattr(item, name) + float(of_row.sum()))
            if name in BY_DISTANCE:
                item.add_behind(name, sums_by_distance(distance, of_row.numpy()))


def _only(sequence: Sequence, targets: np.ndarray) -> Sequence:
    """Return the sequence with some of its targets alone."""
    kept = np.isin(sequence.targets, targets)
    return Sequence(
        sequence.input_ids, sequence.speech_mask, sequence.spans, sequence.positions[kept], sequence.targets[kept]
    )


def last_hidden(model: SaladForCausalLM, sequences: list[Sequence], device: torch.device) -> Tensor:
    """Return the last hidden states from which the targets of all sequences are predicted, [P, H]."""
    batch = collate_sequences(sequences)
    hidden = model(**{name: value.to(device) for name, value in batch.items()}, run_head=False).last_hidden
    assert hidden is not None  # the head did not run
    return hidden


def log_probs_of(head: nn.Module, hidden: Tensor, vocabulary: int | None) -> Tensor:
    return torch.log_softmax(head(hidden)[:, :vocabulary].float(), dim=-1)


def _figures(text_log_probs: Tensor, speech_log_probs: Tensor, original: Piece, labels: Tensor) -> dict[str, Tensor]:
    """Return the figures of each position, [P], by their names in ItemSums.

    Args:
        text_log_probs, speech_log_probs: log-probabilities of the student on text and on speech, [P, V].
        original: distributions of the text LLM.
        labels: int64 [P], the text's own tokens.
    """
    text_student = DenseDistributions(text_log_probs)
    best_on_text, best_on_speech = text_log_probs.argmax(dim=-1), speech_log_probs.argmax(dim=-1)
    return {
        "misalignment": class_divergence(text_student, speech_log_probs, "forward-kl"),
        "teacher_kl": from_original(original, speech_log_probs),
        "forgetting": from_original(original, text_log_probs),
        "jsd": class_divergence(text_student, speech_log_probs, "jsd"),
        "text_nll": -text_log_probs.gather(-1, labels[:, None])[:, 0],
        "speech_nll": -speech_log_probs.gather(-1, labels[:, None])[:, 0],
        "text_entropy": _entropy(text_log_probs),
        "speech_entropy": _entropy(speech_log_probs),
        "agreement": best_on_text == best_on_speech,
        "text_accuracy": best_on_text == labels,
        "speech_accuracy": best_on_speech == labels,
    }


def from_original(original: Piece, log_probs: Tensor) -> Tensor:
    """Return KL(text LLM || student) of the student's log-probabilities [P, V], which need not be normalised again."""
    if isinstance(original, DenseDistributions):
        return class_divergence(original, log_probs, "forward-kl")
    return forward_kl(original, log_probs)


def _entropy(log_probs: Tensor) -> Tensor:
    return -(log_probs.exp() * log_probs).nan_to_num().sum(dim=-1)
