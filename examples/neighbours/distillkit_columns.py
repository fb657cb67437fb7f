"""A teacher cache in the columns that DistillKit reads, and a cache made of a data set that it wrote.

python examples/neighbours/distillkit_columns.py write teacher texts.parquet --model Qwen/Qwen2.5-7B -o for-distillkit
python examples/neighbours/distillkit_columns.py read from-distillkit --model Qwen/Qwen2.5-7B -o teacher

DistillKit (https://github.com/arcee-ai/DistillKit) takes such a folder without a compressor:

    dataset: {train_dataset: {disk_path: for-distillkit}, prepacked: true}
    teacher: {kind: dataset}
    loss_functions: [{function: kl, weight: 1.0, temperature: 1.0, missing_probability_handling: symmetric_uniform}]

Its columns, one row a text: `input_ids` [n]; `token_ids` [n, k] and `top_values` [n, k], the most likely tokens behind
each token and their log-probabilities. `prepacked` wants rows of one length, so shorter ones are padded: `labels` is
-100 there, which takes the places out of its losses. `symmetric_uniform` is our tail class.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from datasets import Dataset, load_from_disk

from cached_texts import cached_texts
from saladkit.errors import SaladError
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.files import part_name
from saladkit.formats.teacher_cache import SCHEMA, VERSION, TopKRow, write_cache_part
from saladkit.model.limits import read_limits
from saladkit.model.loading import load_tokenizer
from saladkit.rows.tokens import sets_bos, tokenizer_digest

IGNORED = -100  # label of a place without loss
COMPRESSED = "compressed_logprobs"
ROWS_PER_PART = 4096


def write(cache: str, samples: list[str], model: str, output: Path) -> int:
    """Write the texts of `samples` as a data set of `datasets`; returns the number of texts.

    Raises:
        SaladError: as `cached_texts`.
    """
    rows = list(cached_texts(cache, samples, model))
    longest = max(len(tokens) for _, tokens, _ in rows)
    Dataset.from_list([_padded(id_, tokens, found, longest) for id_, tokens, found in rows]).save_to_disk(output)
    return len(rows)


def _padded(id_: str, tokens: np.ndarray, found: TopKRow, length: int) -> dict:
    """Return a row of DistillKit; padding has finite values, because its loss multiplies them by 0."""
    behind = length - len(tokens)
    return {
        "id": id_,
        "input_ids": np.pad(tokens, (0, behind)),
        "attention_mask": np.arange(length) < len(tokens),
        "labels": np.pad(tokens, (0, behind), constant_values=IGNORED),
        "token_ids": np.pad(found.kept_ids, ((0, behind), (0, 0))),
        "top_values": np.pad(found.kept_log_probs.astype(np.float32), ((0, behind), (0, 0))),
    }


def read(folder: Path, model: str, output: Path) -> int:
    """Make a teacher cache of a data set of DistillKit; returns the number of texts.

    A row may have one distribution fewer than tokens, as DistillKit captures them: the last token is then predicted
    and no part of the text. The tail is what the kept probabilities lack of 1.

    Args:
        model: the text LLM whose distributions they are, or a model with its tokenizer.

    Raises:
        SaladError: the distributions are compressed or damaged, or the model cannot be loaded.
    """
    dataset, tokenizer = load_from_disk(str(folder)).with_format("numpy"), load_tokenizer(model)
    if COMPRESSED in dataset.column_names:
        raise SaladError(
            f"{folder} holds compressed distributions",
            "Map `decompress_to_sparse` of DistillKit's LogprobCompressor over it, to token_ids and top_values.",
        )
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="cache-teacher",
        settings={"max_length": max(map(len, dataset["input_ids"]))},
        inputs={"rows": folder},
    )
    identity = {
        "keep": "top-k",
        "top_k": len(dataset[0]["token_ids"][0]),
        "model": "DistillKit",
        "tokenizer": tokenizer_digest(tokenizer),
        "sets_bos": sets_bos(tokenizer),
        "temperature": 1.0,
        "dtype": "float32",
        "vocabulary": read_limits(model).vocabulary,
    }
    begins = range(0, len(dataset), ROWS_PER_PART)
    for part, begin in enumerate(begins):
        rows = [dataset[number] for number in range(begin, min(begin + ROWS_PER_PART, len(dataset)))]
        texts = [_distributions(row, f"{folder}: row {begin + at}") for at, row in enumerate(rows)]
        ids = [str(row.get("id", begin + at)) for at, row in enumerate(rows)]
        names = [part_name(part, len(begins), suffix) for suffix in (".safetensors", ".parquet")]
        tokens, found = map(list, zip(*texts, strict=True))
        write_cache_part(output / names[0], ids, tokens, found, identity)
        writer.has_all(names)
    writer.finish(counts={"rows": len(dataset)}, identity=identity)
    return len(dataset)


def _distributions(row: dict, where: str) -> tuple[np.ndarray, TopKRow]:
    """Return the tokens of a row, int32 [n], and its distributions, the most likely token first."""
    labels = row.get("labels", row["input_ids"])
    tokens = row["input_ids"][labels != IGNORED]
    ids, log_probs = np.asarray(row["token_ids"]), np.asarray(row["top_values"], dtype=np.float64)
    positions = min(len(ids), len(tokens))
    if ids.shape != log_probs.shape or ids.ndim != 2 or positions < len(tokens) - 1:
        raise SaladError(
            f"{where} has {len(tokens)} tokens, token_ids {list(ids.shape)} and top_values {list(log_probs.shape)}",
            "Give each row the k most likely tokens behind every token, k the same in all rows.",
        )
    ids, log_probs = ids[:positions], log_probs[:positions]
    order = np.argsort(-log_probs, axis=1, kind="stable")
    ids, log_probs = (np.take_along_axis(values, order, axis=1) for values in (ids, log_probs))
    with np.errstate(divide="ignore"):
        tail = np.log(np.maximum(-np.expm1(np.logaddexp.reduce(log_probs, axis=1)), 0))
    kept = log_probs.astype(np.float16)
    return tokens[:positions].astype(np.int32), TopKRow(ids.astype(np.int32), kept, tail.astype(np.float32))


@click.group()
def main() -> None:
    """Exchange teacher caches with DistillKit."""


@main.command("write")
@click.argument("cache")
@click.argument("samples", nargs=-1, required=True)
@click.option("--model", required=True, help="The text LLM, or a model with its tokenizer.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the data set.")
def write_command(cache: str, samples: tuple[str, ...], model: str, output: Path) -> None:
    """Write the distributions that CACHE has of the texts of SAMPLES."""
    _say(lambda: write(cache, list(samples), model, output), output)


@main.command("read")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The text LLM whose distributions they are.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the cache.")
def read_command(folder: Path, model: str, output: Path) -> None:
    """Make a teacher cache of the data set in FOLDER."""
    _say(lambda: read(folder, model, output), output)


def _say(run: Callable[[], int], output: Path) -> None:
    try:
        print(f"{run()} texts in {output}")
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
