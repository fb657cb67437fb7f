"""A teacher cache as a data set of top-k log-probabilities, and TRL's SFTTrainer with the divergence as its loss.

saladkit cache-teacher texts.parquet -o teacher --model Qwen/Qwen2.5-7B
python examples/neighbours/trl_top_k.py teacher texts.parquet Qwen/Qwen2.5-0.5B student

The columns are those that TRL's client of a teacher server returns: `logprobs` and `logprob_token_ids` [n, k], behind
each of the tokens `input_ids` [n]. `logprob_tail` [n] is the log of what all other tokens have together.
"""

import sys
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl import SFTConfig, SFTTrainer

from cached_texts import cached_texts
from saladkit.teacher.distributions import TopKDistributions
from saladkit.teacher.losses import forward_kl

KINDS = {"input_ids": torch.long, "logprob_token_ids": torch.long, "logprobs": torch.float, "logprob_tail": torch.float}


def top_k_dataset(cache: str, samples: list[str], model: str) -> Dataset:
    """Return the texts of `samples` with their distributions.

    Raises:
        SaladError: as `cached_texts`.
    """
    rows = (
        (tokens, found.kept_ids, found.kept_log_probs, found.log_tail)
        for _, tokens, found in cached_texts(cache, samples, model)
    )
    return Dataset.from_list([dict(zip(KINDS, row, strict=True)) for row in rows])


def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
    """Pad rows behind their ends; SFTTrainer counts tokens by `labels`."""
    columns = {name: [torch.as_tensor(row[name], dtype=kind) for row in rows] for name, kind in KINDS.items()}
    lengths = torch.tensor([len(ids) for ids in columns["input_ids"]])
    batch = {name: pad_sequence(values, batch_first=True) for name, values in columns.items()}
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    return batch | {"attention_mask": mask.long(), "labels": batch["input_ids"].masked_fill(~mask, -100)}


class TopKTrainer(SFTTrainer):
    """SFTTrainer with KL(teacher || student) over the top k and the tail, the mean over all positions."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the loss; positions are text of the batch alone, padding left out."""
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        at = inputs["attention_mask"].bool()
        names = ("logprob_token_ids", "logprobs", "logprob_tail")
        teacher = TopKDistributions(*(inputs[name][at] for name in names))
        loss = forward_kl(teacher, outputs.logits[at]).mean()
        return (loss, outputs) if return_outputs else loss


def distil(cache: str, samples: str, student: str, output: str, **how: Any) -> TopKTrainer:
    """Train `student`; `how` is given to SFTConfig."""
    config = SFTConfig(
        output,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        **({"report_to": "none", "save_strategy": "no"} | how),
    )
    dataset = top_k_dataset(cache, [samples], student)
    trainer = TopKTrainer(student, config, data_collator=collate, train_dataset=dataset)
    trainer.train()
    trainer.save_model(output)
    return trainer


if __name__ == "__main__":
    distil(*sys.argv[1:])
