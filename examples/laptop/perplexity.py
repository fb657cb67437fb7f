"""Measure the perplexity of texts that are read, by a text LLM and by checkpoints that were made from it.

python examples/laptop/perplexity.py runs/laptop/text-lm runs/laptop/stage1 --texts reading.parquet -o perplexity.json
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import model_type
from saladkit.machine import share_cores
from saladkit.sources.samples import read_samples

share_cores()  # before torch is loaded

import torch  # noqa: E402

from saladkit.model.loading import load_salad_model, load_text_model, load_tokenizer  # noqa: E402


def nll(name: str, texts: list[str]) -> tuple[float, int]:
    """Return the mean negative log-likelihood of a token, in nats, and the number of tokens.

    The first token of a text counts only if the tokenizer begins texts with a token of its own.

    Raises:
        SaladError: the model cannot be loaded.
    """
    load = load_salad_model if model_type(name) == "salad" else load_text_model
    model, tokenizer = load(name, dtype="float32", device="cpu").eval(), load_tokenizer(name)
    total, count = 0.0, 0
    for text in texts:
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, :-1].double()
        total += torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
        count += len(logits)
    return total / count, count


def main() -> None:
    """Write one entry for each model, and print them as one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--texts", required=True, help="samples with a column `text`")
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file")
    options = parser.parse_args()
    found = {}
    try:
        texts = read_samples(options.texts, needed=["text"], optional=[]).column("text").to_pylist()
        for model in options.models:
            mean, tokens = nll(model, texts)
            found[Path(model).name] = {"perplexity": math.exp(mean), "nll": mean, "tokens": tokens}
    except SaladError as error:
        sys.exit(f"error: {error.problem}\n  fix: {error.fix}")
    aside = options.out.with_suffix(".json.part")
    aside.write_text(json.dumps(found, indent=1) + "\n")
    os.replace(aside, options.out)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
