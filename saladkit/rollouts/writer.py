"""A model that writes rollouts: prompts in, rows of an artefact out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.batches import batches_by_length
from saladkit.formats.rollouts import LENGTH, STOP
from saladkit.model.chat_template import stopping_ids
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rollouts.generation import Response, not_finite, write_responses
from saladkit.rollouts.known_model import KnownModel
from saladkit.rollouts.prompts import Prompt
from saladkit.rollouts.sampling import Sampling
from saladkit.rollouts.second_pass import response_log_probs
from saladkit.rows.model_limits import largest_id
from saladkit.rows.sequences import Frames, Sequence, SequenceLayout
from saladkit.settings.rollout import RolloutSettings

Asked = tuple[Prompt, Frames | None]  # a prompt with its speech


class Stops(NamedTuple):
    """The tokens that end a text, and those that end an answer; none of the latter without conversations."""

    of_texts: frozenset[int]
    of_answers: frozenset[int]


@dataclass(frozen=True)
class RolloutWriter:
    """A loaded model, and how it writes."""

    model: SaladForCausalLM | TextModel
    tokenizer: PreTrainedTokenizerBase
    layout: SequenceLayout | None
    sampling: Sampling
    settings: RolloutSettings
    stops: Stops

    @classmethod
    def load(cls, known: KnownModel, settings: RolloutSettings, has_conversations: bool) -> "RolloutWriter":
        """Load the model.

        Raises:
            SaladError: it cannot be loaded.
        """
        load = load_text_model if known.config is None else load_salad_model
        loaded: Any = load(known.name, dtype=settings.dtype, device=known.device).eval()
        own, end = loaded.generation_config.eos_token_id, known.tokenizer.eos_token_id
        ends = {end, *(own if isinstance(own, list) else [own])} - {None}
        turns = stopping_ids(sorted(ends), known.template()) if has_conversations else None
        model = loaded if isinstance(loaded, SaladForCausalLM) else TextModel(loaded)
        temperature, tokens = 0.0 if settings.greedy else settings.temperature, largest_id(known.tokenizer) + 1
        sampling = Sampling(temperature, settings.top_p, settings.seed, tokens)
        stops = Stops(frozenset(ends), frozenset(turns or ()))
        return cls(model, known.tokenizer, known.layout, sampling, settings, stops)

    def rows(self, prompts: list[Prompt], advance: Callable[[int], object]) -> tuple[list[dict], float]:
        """Write the responses to some prompts.

        Args:
            advance: called with the number of rollouts that are written since the last call.

        Returns:
            The rows, prompt after prompt, and the largest difference between the log-probabilities with which their
            tokens were drawn and those of the second pass.

        Raises:
            SaladError: logits are not finite.
        """
        asked = [(prompt, prompt.frames()) for prompt in prompts]
        written = self._responses(asked, advance)
        again = self._log_probs([(*one, response) for one, own in zip(asked, written, strict=True) for response in own])
        rows, largest = [], 0.0
        for prompt, own in zip(prompts, written, strict=True):
            for response in own:
                log_probs = next(again)
                if not np.isfinite(log_probs).all():
                    raise not_finite(response.id)
                largest = max(largest, float(np.abs(log_probs - np.array(response.log_probs)).max()))
                rows.append(self._row(prompt, response, log_probs))
        return rows, largest

    def _responses(self, asked: list[Asked], advance: Callable[[int], object]) -> list[list[Response]]:
        """Return the responses to each prompt, written in batches of prompts of similar length."""
        sequences = [prompt.sequence((), frames, self.layout) for prompt, frames in asked]
        responses = [self._empty(prompt) for prompt, _ in asked]
        prompts_a_batch = max(1, self.settings.batch_size // self.settings.samples)
        for batch in batches_by_length([len(sequence) for sequence in sequences], items=prompts_a_batch):
            of_batch = [response for place in batch for response in responses[place]]
            write_responses(self.model, [sequences[place] for place in batch], of_batch, self.sampling)
            advance(len(of_batch))
        return responses

    def _empty(self, prompt: Prompt) -> list[Response]:
        ids = [prompt.id(sample) for sample in range(self.settings.samples)]
        stops = self.stops.of_answers if prompt.is_conversation else self.stops.of_texts
        return [Response(id_, stops, self.sampling.random(id_), self.settings.max_new_tokens) for id_ in ids]

    def _log_probs(self, written: list[tuple[Prompt, Frames | None, Response]]) -> Iterator[np.ndarray]:
        """Yield the log-probabilities of all responses, in order."""
        sequences: list[Sequence] = [
            prompt.sequence(response.tokens[:-1], frames, self.layout) for prompt, frames, response in written
        ]
        found: dict[int, np.ndarray] = {}
        for batch in batches_by_length([len(sequence) for sequence in sequences], items=self.settings.batch_size):
            tokens = [written[place][2].tokens for place in batch]
            computed = response_log_probs(self.model, [sequences[place] for place in batch], tokens, self.sampling)
            found |= zip(batch, computed, strict=True)
        yield from (found[place] for place in range(len(written)))

    def _row(self, prompt: Prompt, response: Response, log_probs: np.ndarray) -> dict:
        return {
            "id": response.id,
            "source_id": prompt.source_id,
            "modality": prompt.modality,
            "prompt_words": prompt.words,
            "prompt_ids": prompt.token_ids.tolist(),
            "response_ids": response.tokens,
            "log_probs": log_probs.tolist(),
            "finish": STOP if response.has_stopped else LENGTH,
            "text": self.tokenizer.decode(response.tokens, skip_special_tokens=True),
        }
