"""The exposure gap: how far a model is from the teacher behind its own words, against behind the true ones.

Both follow the same prompts. Where speech is unclear, the true past gives away what was said; the model's own past does
not, and teacher forcing never shows it to the model.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saladkit.errors import SaladError
from saladkit.formats.rollouts import SPEECH
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.rollout_rows import HeardRow, RolloutRow, heard_prompt, lay_out
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import TokenizedText
from saladkit.scoring.divergence import SMALLER, from_original, last_hidden, log_probs_of
from saladkit.teacher.distributions import DenseDistributions, Piece, TopKDistributions
from saladkit.teacher.head import positions_a_piece
from saladkit.teacher.rollout_loss import label_log_probs
from saladkit.teacher.signals import TeacherSignal

TOP = 32  # most likely tokens of which teacher and student are compared


@dataclass(frozen=True)
class Continuations:
    """What was written behind a prompt, and what truly follows it.

    Attributes:
        row: the rollout, a row of `formats.rollouts`.
        own: prompt and response, laid out.
        true: prompt and true text, of at most as many tokens, laid out.
        truth: int64 [m], the tokens of this text.
        whole: int32 [n], the tokens of the row of samples, by which the teacher knows them.
    """

    row: dict
    own: RolloutRow
    true: RolloutRow
    truth: np.ndarray
    whole: np.ndarray

    def read_by_teacher(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens of the texts that the teacher reads."""
        return self.own.text.token_ids, self.whole


def continuations(row: dict, heard: HeardRow | None, where: str) -> Continuations | None:
    """Lay out a rollout, and the true text behind its prompt; None if nothing is known to follow the prompt.

    Args:
        heard: the row of samples that its prompt was taken from; None if nobody has it.
        where: path of the rollouts, for errors.

    Raises:
        SaladError: nobody has the row, or it has other tokens now.
    """
    prompt_ids = row["prompt_ids"]
    if heard is None or not np.array_equal(heard.text.token_ids[: len(prompt_ids)], prompt_ids):
        raise SaladError(
            f"{where}: no row '{row['source_id']}' of SAMPLES begins with the prompt of rollout '{row['id']}'",
            "Give the samples from which the rollouts were made.",
        )
    prompt = heard_prompt(row, heard, where) if row["modality"] == SPEECH else None
    truth = text_behind(heard.text, len(prompt_ids))[: len(row["response_ids"])]
    if not len(truth):
        return None
    response = row["response_ids"]
    own = lay_out(prompt_ids, response[:-1], prompt, following=int(response[-1]))
    true = lay_out(prompt_ids, truth[:-1].tolist(), prompt, following=int(truth[-1]))
    return Continuations(row, own, true, truth, heard.text.token_ids)


def text_behind(text: TokenizedText, tokens: int) -> np.ndarray:
    """Return the tokens behind the first ones of a text as far as they are learned, what follows the text included."""
    behind = text.token_ids[tokens:].astype(np.int64)
    if text.following is not None:
        behind = np.append(behind, text.following)
    if text.learned is None:
        return behind
    learned = text.learned[tokens : tokens + len(behind)]
    return behind[: len(learned) if learned.all() else int(np.argmin(learned))]


@torch.inference_mode()
def measure(
    student: SaladForCausalLM, teacher: TeacherSignal, batch: list[Continuations], layout: SequenceLayout
) -> list[dict]:
    """Return a row of `formats.gap_table.EXPOSURE` for each of a batch."""
    device = next(student.parameters()).device
    frames = [pair.own.frames() for pair in batch]
    laid = [pair.own for pair in batch] + [pair.true for pair in batch]
    sequences = [one.sequence(of_one, layout) for one, of_one in zip(laid, frames * 2, strict=True)]
    targets = [sequence.targets for sequence in sequences]
    labels = [np.array(pair.row["response_ids"]) for pair in batch] + [pair.truth for pair in batch]
    texts = [*zip(*(pair.read_by_teacher() for pair in batch), strict=True)]
    original = teacher.distributions([*texts[0], *texts[1]], targets, device)
    hidden, head = last_hidden(student, sequences, device), student.get_output_embeddings()
    wanted = torch.from_numpy(np.concatenate(labels)).to(device)
    size = max(1, positions_a_piece(head.get_parameter("weight")) // SMALLER)
    pieces = [
        _figures(
            original.piece(begin, begin + size),
            log_probs_of(head, hidden[begin : begin + size], teacher.vocabulary),
            wanted[begin : begin + size],
        )
        for begin in range(0, len(wanted), size)
    ]
    ends = np.cumsum([len(of_row) for of_row in labels])[:-1]
    of_rows = np.split(torch.cat(pieces).numpy(), ends)
    return [_row(*found) for found in zip(batch, of_rows[: len(batch)], of_rows[len(batch) :], strict=True)]


KL, TEACHER, STUDENT, OVERLAP, BEST = range(5)  # columns of `_figures`


def _figures(original: Piece, log_probs: Tensor, labels: Tensor) -> Tensor:
    """Return of each position the columns KL to BEST, float [P, 5].

    They are KL(teacher || student); the log-probabilities of the label to both, NaN where the teacher's top k does not
    tell it; the share of the teacher's most likely tokens that are among the student's; and the first of these tokens.
    """
    best = most_likely(original, min(TOP, log_probs.shape[-1]))
    own = log_probs.topk(best.shape[-1], dim=-1).indices
    overlap = (best[:, :, None] == own[:, None, :]).any(dim=-1).double().mean(dim=-1)
    of_label = label_log_probs(original, labels), log_probs.gather(-1, labels[:, None])[:, 0]
    columns = from_original(original, log_probs), *of_label, overlap, best[:, 0]
    return torch.stack([column.cpu().double() for column in columns], dim=-1)


def most_likely(original: Piece, count: int) -> Tensor:
    """Return the teacher's most likely tokens, int64 [P, count] or as many as are kept."""
    if isinstance(original, DenseDistributions):
        return original.log_probs.topk(count, dim=-1).indices
    assert isinstance(original, TopKDistributions)  # `gap` refuses draws
    order = original.kept_log_probs.topk(min(count, original.kept_ids.shape[-1]), dim=-1).indices
    return original.kept_ids.gather(-1, order)


def _row(pair: Continuations, own: np.ndarray, true: np.ndarray) -> dict:
    """Return a row of EXPOSURE from the figures of its tokens."""
    both, response = len(true), np.array(pair.row["response_ids"])
    wrong = np.cumsum(response[:both] != pair.truth) > 0
    wrong = np.append(False, wrong)[:both]  # whether the past is wrong
    known = own[~np.isnan(own[:, TEACHER]), TEACHER]
    log_ratios = own[:, STUDENT] - np.array(pair.row["log_probs"], dtype=np.float64)
    return {
        "id": pair.row["id"],
        "source_id": pair.row["source_id"],
        "modality": pair.row["modality"],
        "tokens": len(own),
        "compared": both,
        "own_kl": float(own[:both, KL].sum()),
        "text_kl": float(true[:, KL].sum()),
        "teacher_log_probs": known.tolist(),
        "log_ratios": log_ratios.tolist(),
        "overlap": float(own[:, OVERLAP].sum()),
        "wrong_past": int(wrong.sum()),
        "follows_prompt": int((own[:both, BEST] == pair.truth)[wrong].sum()),
    }
