"""Predictions by generation: the model writes an answer, and the option that the answer names is parsed."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.model.chat_template import stopping_ids
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rows.prompt_sequences import pad_at_front
from saladkit.scoring.answer_parsing import ParsedAnswer, parse_strictly
from saladkit.scoring.answer_text import spoken_answer
from saladkit.scoring.conditions import Condition
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.predictions import left_out_row, question_columns
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.references import compare_with_reference
from saladkit.scoring.requests import EXAMPLE_SEPARATOR, Example, Request


@dataclass(frozen=True)
class GenerationSettings:
    """How answers are generated: greedily at `temperature` 0, else drawn by `seed` from the `top_k` best tokens."""

    max_new_tokens: int
    temperature: float
    top_k: int
    seed: int


@dataclass(frozen=True)
class AnswerGenerator:
    """A model under one condition, which writes an answer to each question.

    Attributes:
        parse: returns the option that an answer names, from the row's id, the answer and the choices.
    """

    model: SaladForCausalLM | TextModel
    builder: PromptBuilder
    condition: Condition
    settings: GenerationSettings
    batch_size: int
    parse: Callable[[str, str, list[str]], ParsedAnswer] = lambda id_, response, choices: parse_strictly(
        response, choices
    )

    def predict(
        self, rows: list[dict], examples: list[Example], task: str, source: str, saved: PartialResults | None = None
    ) -> tuple[list[dict], list[dict]]:
        """Return the predictions of `rows`, in order, and the rows left out, with `id`, `source` and `reason`.

        Predictions have all columns of `formats.results.PREDICTIONS` that apply but `held_out`. `response` is all that
        the model wrote. An answer that names no option is wrong and counts as unparsed. An answer to an open question
        is compared with the row's `reference`; without one it has no score.

        Args:
            examples: few-shot examples to choose from.
            source: where the rows were read.
            saved: answers that an interrupted run has saved; new answers are added.

        Raises:
            SaladError: as `PromptBuilder.build`, or logits are not finite.
        """
        new_tokens = self.settings.max_new_tokens
        requests = [self.builder.build(row, examples, source, new_tokens, scored=False) for row in rows]
        fitting = {index: request for index, request in enumerate(requests) if request is not None}
        responses = self.write(rows, fitting, saved)
        left_out = [
            left_out_row(row, source, self.condition)
            for row, request in zip(rows, requests, strict=True)
            if request is None
        ]
        return [self._prediction(rows[i], request, responses[i], task) for i, request in fitting.items()], left_out

    def write(
        self, rows: list[dict], requests: dict[int, Request], saved: PartialResults | None = None
    ) -> dict[int, str]:
        """Return what the model writes after each request, by the place of its row.

        Raises:
            SaladError: logits are not finite.
        """
        responses: dict[int, str] = {}
        indices, lengths = list(requests), [len(request.prompt) for request in requests.values()]
        for places in batches_by_length(lengths, items=self.batch_size):
            batch = [indices[place] for place in places]
            generate = partial(self._generate, [requests[index] for index in batch], rows[batch[0]]["id"])
            ids = [rows[index]["id"] for index in batch]
            written = generate() if saved is None else saved.get_or_compute(ids, generate, "written")
            responses |= dict(zip(batch, written, strict=True))
        return responses

    @torch.inference_mode()
    def _generate(self, requests: list[Request], first_id: str) -> list[str]:
        # A causal language model generates, which the type of TextModel.language_model does not say.
        network: Any = self.model if isinstance(self.model, SaladForCausalLM) else self.model.language_model
        batch = pad_at_front([request.prompt for request in requests])
        batch = {name: value.to(network.device) for name, value in batch.items()}
        tokenizer, settings = self.builder.tokenizer, self.settings
        sampling: dict = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if settings.temperature > 0:
            sampling = {
                "do_sample": True,
                "temperature": settings.temperature,
                "top_k": settings.top_k,
                "top_p": None,
            }
        last = torch.arange(1, len(requests) + 1, device=network.device) * batch["input_ids"].shape[1] - 1
        if not torch.isfinite(self.model(**batch, logits_at=last).logits).all():
            raise SaladError(
                f"{self.condition.model}'s logits after row '{first_id}' and its batch, as"
                f" {self.condition.modality_name}, are not finite",
                "Try --dtype float32. If that does not help, the checkpoint is damaged: give another one.",
            )
        # The draws of a batch depend on the seed and its first row, not on batches before it.
        torch.manual_seed(zlib.crc32(f"{settings.seed}/{first_id}".encode()))
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        if self.builder.chat is not None:
            own = network.generation_config.eos_token_id
            sampling["eos_token_id"] = stopping_ids(own, self.builder.chat.template)
        found = network.generate(**batch, max_new_tokens=settings.max_new_tokens, pad_token_id=pad or 0, **sampling)
        return tokenizer.batch_decode(found[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    def _prediction(self, row: dict, request: Request, response: str, task: str) -> dict:
        choices, reference = row.get("choices"), row.get("reference")
        parsed = self.parse(row["id"], response, choices) if choices else ParsedAnswer(None)
        if choices:
            equal = contained = parsed.choice == row["answer"]
        else:
            equal, contained = _compare(response, reference, request.shots) if reference else (None, None)
        return question_columns(row, request, self.condition, task) | {
            "response": response,
            "parsed": parsed.choice,
            "drawn": parsed.drawn,
            "acc": equal,
            "acc_norm": contained,
        }


def _compare(response: str, reference: str, shots: int) -> tuple[bool, bool]:
    """Return whether an answer's first paragraph is the reference, and whether the answer contains the reference.

    After few-shot examples an answer is its first paragraph: another example would follow.
    """
    answer = spoken_answer(response)
    first = answer.split(EXAMPLE_SEPARATOR)[0]
    return compare_with_reference(first, reference)[0], compare_with_reference(first if shots else answer, reference)[1]
