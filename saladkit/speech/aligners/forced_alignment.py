"""Forced alignment: the most probable CTC path that reads a given text."""

from typing import TYPE_CHECKING

import numpy as np

from saladkit.errors import SaladError

if TYPE_CHECKING:
    import torch

_IMPOSSIBLE = np.float32(-1e6)  # in the place of minus infinity, so that paths through such frames can be compared


def ctc_forced_align(log_probs: "torch.Tensor", targets: list[int], blank: int) -> list[tuple[int, int, float]]:
    """Find the most probable CTC path through `log_probs` that reads `targets`.

    Args:
        log_probs: float32 [frames, vocabulary], on the CPU.
        targets: token ids, at least one, none of them `blank`.
        blank: the token id of CTC's blank.

    Returns:
        For each target its first frame, the frame after its last, and the mean log probability of its frames.

    Raises:
        SaladError: there are fewer frames than the targets need (a repeated target needs a blank in between).
    """
    repeats = sum(left == right for left, right in zip(targets, targets[1:], strict=False))
    if len(log_probs) < len(targets) + repeats:
        raise SaladError(
            f"the audio is shorter than its text: {len(log_probs)} frames for {len(targets) + repeats} characters",
            "Check that the text is what is spoken, and that the audio is whole.",
        )
    states = _best_states(log_probs.numpy(), np.array(targets), blank)
    of_target = 2 * np.arange(len(targets)) + 1
    starts, ends = np.searchsorted(states, of_target, "left"), np.searchsorted(states, of_target, "right")
    return [
        (start, end, log_probs[start:end, target].contiguous().mean().item())
        for start, end, target in zip(starts.tolist(), ends.tolist(), targets, strict=True)
    ]


def _best_states(log_probs: np.ndarray, targets: np.ndarray, blank: int) -> np.ndarray:
    """Return the state of every frame on the best path, int64 [frames]: 2 i + 1 reads target i, 2 i the blank before.

    Viterbi's algorithm. A frame stays in its state or comes from the one before; a target that differs from the target
    before it may also follow that one without a blank. Ties are broken as `torchaudio.functional.forced_align` breaks
    them, so that both find the same paths: the state stays, also where a blank and the target before it tie.
    """
    frames, count = len(log_probs), len(targets)
    never = np.float32(-np.inf)
    skips = np.concatenate([[False], targets[1:] != targets[:-1]])
    blanks, reads = np.full(count + 1, never), np.full(count, never)
    first = np.maximum(log_probs[0], _IMPOSSIBLE)
    blanks[0], reads[0] = first[blank], first[targets[0]]
    steps = np.zeros((frames, 2 * count + 1), np.int8)  # how many states before a frame's its predecessor's is
    for frame in range(1, frames):
        now = np.maximum(log_probs[frame], _IMPOSSIBLE)
        before_blank = np.concatenate([[never], reads])
        leaves = before_blank > blanks
        skipping = np.where(skips, before_blank[:-1], never)
        enters = (blanks[:-1] > reads) & (blanks[:-1] > skipping)
        jumps = (skipping > reads) & (skipping > blanks[:-1])
        steps[frame, 0::2] = leaves
        steps[frame, 1::2] = enters + 2 * jumps
        reads = np.where(jumps, skipping, np.where(enters, blanks[:-1], reads)) + now[targets]
        blanks = np.where(leaves, before_blank, blanks) + now[blank]
    states = np.empty(frames, np.int64)
    state = 2 * count if blanks[-1] > reads[-1] else 2 * count - 1
    for frame in range(frames - 1, -1, -1):
        states[frame] = state
        state -= int(steps[frame, state])
    return states
