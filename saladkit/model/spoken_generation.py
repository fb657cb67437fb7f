"""Let transformers' `generate` take prompts with speech, which is encoded in the first step only."""

from typing import Any

import torch
from torch import Tensor
from transformers.generation import GenerationMixin

SPANS = ("speech_frames", "speech_lengths", "speech_vectors")
PLACES = ("speech_mask", "modality_marks")  # as long as the prompt


class SaladGenerationMixin(GenerationMixin):
    """transformers' generation loop for the arguments of SaladForCausalLM."""

    def prepare_inputs_for_generation(
        self, input_ids: torch.LongTensor, *arguments: Any, is_first_iteration: bool | None = False, **kwargs: Any
    ) -> dict[str, Any]:
        """Return the arguments of one step: first the whole prompt, and then one token per row with the cache.

        Of a prompt whose beginning is in the cache already, the first step runs the rest.
        """
        # transformers declares `self` as a protocol that demands attributes which its own models do not declare.
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(  # type: ignore[misc]
            input_ids, *arguments, is_first_iteration=is_first_iteration, **kwargs
        )
        mask: Tensor | None = inputs.get("speech_mask")
        if mask is None:
            return inputs
        if inputs.get("use_cache") and not is_first_iteration:
            return inputs | dict.fromkeys((*SPANS, *PLACES))
        generated = input_ids.shape[1] - mask.shape[1]  # without a cache every step runs the whole prompt again
        places = {name: inputs[name] for name in PLACES if inputs.get(name) is not None}
        run = inputs["input_ids"].shape[1]
        return inputs | {
            name: torch.nn.functional.pad(values, (0, generated))[:, -run:] for name, values in places.items()
        }

    def _expand_inputs_for_generation(
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: torch.LongTensor | None = None,
        **kwargs: Any,
    ) -> tuple[torch.LongTensor, dict[str, Any]]:
        """Repeat each row, with all of its speech spans, for several answers to a prompt (beams or samples)."""
        spans: dict[str, Tensor] = {name: kwargs.pop(name) for name in SPANS if kwargs.get(name) is not None}
        expanded, others = super()._expand_inputs_for_generation(  # type: ignore[misc]  # as above
            expand_size, is_encoder_decoder, input_ids, **kwargs
        )
        if not spans:
            return expanded, others
        mask: Tensor = kwargs["speech_mask"]
        lengths = spans["speech_lengths"]
        # Spans fill the true places of all rows in order, so a span belongs to the row in which its last place lies.
        rows = torch.searchsorted(mask.sum(dim=1).cumsum(0), lengths.cumsum(0))
        order = torch.cat([(rows == row).nonzero()[:, 0].repeat(expand_size) for row in range(len(mask))])
        return expanded, others | {name: values[order] for name, values in spans.items()}
