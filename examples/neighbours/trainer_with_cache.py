"""Distil a text LLM into another of the same tokenizer by transformers' own Trainer, from a teacher cache.

saladkit cache-teacher texts.parquet -o teacher --model Qwen/Qwen2.5-7B
python examples/neighbours/trainer_with_cache.py teacher texts.parquet Qwen/Qwen2.5-0.5B student
"""

import sys
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments

from saladkit.api import read_samples, teacher_kl
from saladkit.formats.teacher_cache import TeacherCache


class CacheTrainer(Trainer):
    """A Trainer whose loss is KL(teacher || student), the mean over all positions of the batch."""

    cache: TeacherCache

    def compute_loss(self, model: torch.nn.Module, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        """Look each text of the batch up by its token ids; padding stands behind a text."""
        outputs = model(**inputs)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        texts = zip(inputs["input_ids"].cpu().numpy(), outputs.logits, lengths, strict=True)
        loss = torch.cat([teacher_kl(self.cache, ids[:n], logits[:n]) for ids, logits, n in texts]).mean()
        return (loss, outputs) if return_outputs else loss


def distil(cache: str, texts: str, student: str, output: str, **how: Any) -> Trainer:
    """Train on the texts that the cache holds; `how` is given to TrainingArguments."""
    tokenizer, model = AutoTokenizer.from_pretrained(student), AutoModelForCausalLM.from_pretrained(student)
    tokenizer.padding_side, tokenizer.pad_token = "right", tokenizer.pad_token or tokenizer.eos_token
    opened, rows = TeacherCache(cache), tokenizer(read_samples(texts).column("text").to_pylist())["input_ids"]
    held = [{"input_ids": ids} for ids in rows if opened.has(ids)]  # longer texts are in it in pieces
    print(f"{len(held)} of {len(rows)} texts are in {cache}", file=sys.stderr)
    arguments = TrainingArguments(output, report_to="none", save_strategy="no", **how)
    trainer = CacheTrainer(model, arguments, DataCollatorWithPadding(tokenizer), held)
    trainer.cache = opened
    trainer.train()
    trainer.save_model(output)
    return trainer


if __name__ == "__main__":
    distil(*sys.argv[1:])
