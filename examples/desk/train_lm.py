"""Train the desk's text LLM from random weights: a small Qwen2 with its own BPE tokenizer, in Hugging Face layout.

python examples/desk/train_lm.py runs/desk/world/lm.parquet -o runs/desk/text-lm
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from saladkit.errors import SaladError
from saladkit.formats.artefact import PLAN, SUMMARY, create_artefact
from saladkit.progress import progress
from saladkit.runtime import Run
from saladkit.sources.samples import read_samples


def train_tokenizer(texts: list[str], vocabulary: int) -> Qwen2Tokenizer:
    """Train a byte-level BPE tokenizer of Qwen2's kind: no BOS, and one end-of-text token that is also the padding."""
    return Qwen2Tokenizer().train_new_from_iterator(texts, vocabulary, show_progress=False)


def batches(rows: list[list[int]], batch: int, steps: int, seed: int) -> list[list[list[int]]]:
    """Return `steps` batches of rows of similar length, in randomly ordered passes over the rows.

    Raises:
        SaladError: there are fewer rows than a batch has.
    """
    random = np.random.default_rng(seed)
    if len(rows) < batch:
        raise SaladError(
            f"{len(rows)} texts do not fill a batch of {batch} rows", "Give more texts or lower --batch-size."
        )
    made: list[list[list[int]]] = []
    while len(made) < steps:
        order = random.permutation(len(rows))
        order = np.concatenate(
            [sorted(order[i : i + 16 * batch], key=lambda j: len(rows[j])) for i in range(0, len(order), 16 * batch)]
        )
        cuts = [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]
        made += [[rows[j] for j in cuts[i]] for i in random.permutation(len(cuts))]
    return made[:steps]


def train(arguments: argparse.Namespace) -> dict:
    """Train and save the text LLM, and return the summary.

    Raises:
        SaladError: the texts cannot be read, the output folder holds something else, or texts do not fill a batch.
    """
    run = Run("train-lm")
    settings = {key: value for key, value in vars(arguments).items() if key not in ("texts", "output", "overwrite")}
    writer = create_artefact(
        arguments.output,
        schema="text-lm",
        version=1,
        verb="train-lm",
        settings=settings,
        inputs={"texts": arguments.texts},
        overwrite=arguments.overwrite,
    )
    if writer.finished is not None:
        return writer.finished
    torch.manual_seed(arguments.seed)
    texts = read_samples(arguments.texts, needed=["text"], optional=[]).column("text").to_pylist()
    tokenizer = train_tokenizer(texts, arguments.vocabulary)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=arguments.hidden_size,
        intermediate_size=int(arguments.hidden_size * 8 / 3),
        num_hidden_layers=arguments.layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen2ForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate, betas=(0.9, 0.98), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        arguments.learning_rate,
        total_steps=arguments.steps,
        pct_start=max(0.1, 2 / arguments.steps),
        anneal_strategy="linear",
    )
    rows = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
    losses = []
    for batch in progress(
        batches(rows, arguments.batch_size, arguments.steps, arguments.seed), what="train-lm", unit="step"
    ):
        padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in batch], batch_first=True)
        real = torch.nn.utils.rnn.pad_sequence([torch.ones(len(row) - 1) for row in batch], batch_first=True).bool()
        hidden = model.get_decoder()(input_ids=padded[:, :-1]).last_hidden_state[real]
        loss = torch.nn.functional.cross_entropy(model.get_output_embeddings()(hidden), padded[:, 1:][real])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.save_pretrained(writer.path)
    tokenizer.save_pretrained(writer.path)
    for file in writer.path.iterdir():
        if file.suffix in (".json", ".safetensors") and file.name not in (PLAN, SUMMARY):
            writer.has(file.name)
    writer.finish(counts={"rows": len(rows), "steps": arguments.steps})
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return run.summary(
        {"parameters": parameters, "vocabulary": len(tokenizer), "loss": round(float(np.mean(losses[-10:])), 4)}, writer
    )


def main() -> None:
    """Parse the arguments, train, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", help="Parquet with a text column")
    parser.add_argument("-o", "--output", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--hidden-size", type=int, default=160)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=4096, help="most tokens of the vocabulary")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--overwrite", action="store_true", help="delete what the output folder holds")
    try:
        print(json.dumps(train(parser.parse_args())))
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
