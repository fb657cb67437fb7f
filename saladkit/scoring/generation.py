"""A model's answers in words, and which option they name."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.model.salad import SaladForCausalLM, TextModel
from saladkit.rows.prompt_parts import pad_at_front
from saladkit.scoring.answer_parsing import Reading, read_strictly
from saladkit.scoring.conditions import Condition
from saladkit.scoring.kept_answers import KeptAnswers
from saladkit.scoring.predictions import about_question
from saladkit.scoring.prompts import BETWEEN_EXAMPLES, Asking, Example, Question


@dataclass(frozen=True)
class Generation:
    """How answers are written. `temperature` 0: the likeliest token each time; else drawn among `top_k` by `seed`."""

    max_new_tokens: int = 64
    temperature: float = 0.0
    top_k: int = 50
    seed: int = 0


@dataclass(frozen=True)
class WritingRespondent:
    """A model that is asked in one way, and answers in words.

    `read` says which option of a row with choices an answer names, from its id, the answer and the choices.
    """

    model: SaladForCausalLM | TextModel
    asking: Asking
    condition: Condition
    generation: Generation
    batch_size: int = 16
    read: Callable[[str, str, list[str]], Reading] = lambda id_, response, choices: read_strictly(response, choices)

    def answer(
        self, rows: list[dict], examples: list[Example], task: str, where: str, kept: KeptAnswers | None = None
    ) -> tuple[list[dict], list[dict]]:
        """Predictions of `rows`, in order, without `held_out`; and those left out, with `id` and `reason`.

        An answer ends where the next example would begin. One that names no option is wrong, and counted as unparsed;
        where a row has no choices nothing is right or wrong. What stands in `kept` is not written again.

        Raises:
            SaladError: as `Asking.lay_out`; logits that are not finite.
        """
        laid_out = [self.asking.lay_out(row, examples, where, self.generation.max_new_tokens) for row in rows]
        asked = [index for index, question in enumerate(laid_out) if question is not None]
        responses: dict[int, str] = {}
        for places in batches_by_length([len(laid_out[index].prompt) for index in asked], items=self.batch_size):
            batch = [asked[place] for place in places]
            write = partial(self._write, [laid_out[index] for index in batch], rows[batch[0]]["id"])
            written = write() if kept is None else kept.of_batch([rows[index]["id"] for index in batch], write)
            responses |= dict(zip(batch, written, strict=True))
        reason = f"{self.condition.name}: longer than the model's context, and cannot be cut"
        left_out = [
            {"id": rows[i]["id"], "source": where, "reason": reason} for i, q in enumerate(laid_out) if q is None
        ]
        return [self._prediction(rows[i], laid_out[i], responses[i], task) for i in asked], left_out

    @torch.inference_mode()
    def _write(self, questions: list[Question], first_id: str) -> list[str]:
        network = self.model if isinstance(self.model, SaladForCausalLM) else self.model.language_model
        batch = pad_at_front([question.prompt for question in questions])
        batch = {name: value.to(network.device) for name, value in batch.items()}
        tokenizer, how = self.asking.tokenizer, self.generation
        settings: dict = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if how.temperature > 0:
            settings = {"do_sample": True, "temperature": how.temperature, "top_k": how.top_k, "top_p": None}
        last = torch.arange(1, len(questions) + 1, device=network.device) * batch["input_ids"].shape[1] - 1
        if not torch.isfinite(self.model(**batch, logits_at=last).logits).all():
            raise SaladError(
                f"{self.condition.model}'s logits behind row '{first_id}' and its batch, as {self.condition.asked}, are"
                " not finite",
                "Give a model that is whole; with --dtype float16, try float32.",
            )
        # A batch's draws depend on the seed and its first row, not on what was generated before.
        torch.manual_seed(zlib.crc32(f"{how.seed}/{first_id}".encode()))
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        found = network.generate(**batch, max_new_tokens=how.max_new_tokens, pad_token_id=pad or 0, **settings)
        texts = tokenizer.batch_decode(found[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        return [text.split(BETWEEN_EXAMPLES)[0].strip() for text in texts]

    def _prediction(self, row: dict, question: Question, response: str, task: str) -> dict:
        has_choices = bool(row.get("choices"))
        reading = self.read(row["id"], response, row["choices"]) if has_choices else Reading(None)
        is_right = reading.choice == row["answer"] if has_choices else None
        return about_question(row, question, self.condition, task) | {
            "response": response,
            "parsed": reading.choice,
            "drawn": reading.drawn,
            "acc": is_right,
            "acc_norm": is_right,
        }
