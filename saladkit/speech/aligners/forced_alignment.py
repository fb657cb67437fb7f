"""Forced alignment: the most probable CTC path that reads a given text."""

from typing import TYPE_CHECKING

from saladkit.errors import SaladError

if TYPE_CHECKING:
    import torch


def ctc_forced_align(log_probs: "torch.Tensor", targets: list[int], blank: int) -> list[tuple[int, int, float]]:
    """The most probable CTC path through `log_probs` [frames, vocabulary] that reads `targets`, `blank` not among them.

    Returns for each target its first frame, the frame after its last, and the mean log probability of its frames.
    Raises SaladError if there are fewer frames than the targets need (a repeated target needs a blank in between).
    """
    repeats = sum(left == right for left, right in zip(targets, targets[1:], strict=False))
    if len(log_probs) < len(targets) + repeats:
        raise SaladError(
            f"The audio is shorter than its text: {len(log_probs)} frames for {len(targets) + repeats} characters.",
            "Check that the text is what is spoken, and that the audio is whole.",
        )
    import torch
    import torchaudio

    path, scores = torchaudio.functional.forced_align(
        log_probs[None], torch.tensor([targets], dtype=torch.int32), blank=blank
    )
    spans = torchaudio.functional.merge_tokens(path[0], scores[0], blank)
    return [(span.start, span.end, span.score) for span in spans]
