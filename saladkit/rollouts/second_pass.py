"""Run prompts and responses once more as training reads them, for the log-probabilities of the responses.

The sampler pads at the front and reads its own cache. That both give the same numbers proves that the prompts were laid
out as training lays them out.
"""

import numpy as np
import torch

from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rollouts.sampling import Sampling
from saladkit.rows.batched_sequences import collate_sequences
from saladkit.rows.sequences import Sequence
from saladkit.teacher.head import positions_a_piece

SMALLER = 8  # a piece has this fraction of the positions of a piece of the head's loss, for its tensors [piece, V]


@torch.inference_mode()
def response_log_probs(
    model: SaladForCausalLM | TextModel, sequences: list[Sequence], responses: list[list[int]], sampling: Sampling
) -> list[np.ndarray]:
    """Return the log-probabilities with which the tokens of each response are drawn, float32 [m].

    Args:
        sequences: prompt and response but its last token; their positions predict the m tokens.
        responses: the m tokens, at least one.
    """
    device = next(model.parameters()).device
    batch = {name: values.to(device) for name, values in collate_sequences(sequences).items()}
    hidden = model(**batch, run_head=False).last_hidden
    assert hidden is not None  # the head did not run
    labels = torch.tensor([token for response in responses for token in response], device=device)
    head = model.get_output_embeddings()
    size = max(1, positions_a_piece(head.get_parameter("weight")) // SMALLER)
    found = torch.cat(
        [
            sampling.log_probs(head(hidden[begin : begin + size]), labels[begin : begin + size])
            .gather(-1, labels[begin : begin + size, None])[:, 0]
            .cpu()
            for begin in range(0, len(labels), size)
        ]
    )
    return [values.numpy() for values in found.split([len(response) for response in responses])]
