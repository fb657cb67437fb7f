"""Rollouts: what a checkpoint itself wrote behind a prompt, as token ids, for the text LLM to score.

A prompt is the first `prompt_words` words of a row of samples, heard or read. Ids are those that the model read and
wrote; they are never made again from `text`, because a text may have other tokens. Audio and word times are not copied:
they are joined by `source_id`. `response_ids` are never empty; the last one is the token that ended the response (EOS)
where `finish` is `stop`, and where it is `length` the response was cut off by --max-new-tokens.

A teacher cache of rollouts has the text LLM's distributions of every token of a response, keyed by all tokens of prompt
and response but the last, which is only predicted.

`log_probs` are of the distribution the tokens were drawn from, with its temperature and top p; of greedy responses,
those of the model at temperature 1. They come from a second pass over prompt and response as training lays them out.
Each part has in its schema's metadata, as `largest_difference`, how far they lie at most from the log-probabilities
with which the tokens were drawn.

The manifest's `identity` has the digests of `checkpoint`, `tokenizer` and `chat_template` (null without one). Its
settings have `temperature`, which is 0 for greedy responses, and else `top_p`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats.artefact import MANIFEST, PLAN, Artefact
from saladkit.formats.records import read_record
from saladkit.formats.tables import read_table

SCHEMA, VERSION = "rollouts", 1
SPEECH, TEXT = "speech", "text"
MODALITIES = (SPEECH, TEXT)
STOP, LENGTH = "stop", "length"
TAIL = 0.05  # the quantile of the teacher's log-probabilities of what was written that is reported
LOST = -8.0  # nats: where this quantile is lower, the teacher does not know what it reads
_DIFFERENCE = "largest_difference"

COLUMNS = pa.schema(
    [
        ("id", pa.string()),  # SOURCE_ID/cPROMPT_WORDS/kSAMPLE, and /text behind it if the prompt was read
        ("source_id", pa.string()),  # id of the row of samples
        ("modality", pa.string()),  # in which the model was given the prompt: speech or text
        ("prompt_words", pa.int32()),  # number of first words of the row's text
        ("prompt_ids", pa.list_(pa.int32())),  # tokens of these words, BOS included; in chat, of the whole prompt
        ("response_ids", pa.list_(pa.int32())),  # at least one
        ("log_probs", pa.list_(pa.float32())),  # of the response's tokens, in the distribution they were drawn from
        ("finish", pa.string()),  # stop or length
        ("text", pa.string()),  # the response without special tokens, for people to read
    ]
)


def id_of(source_id: str, words: int, sample: int, modality: str) -> str:
    """Return the id of a rollout."""
    return f"{source_id}/c{words}/k{sample}" + (f"/{TEXT}" if modality == TEXT else "")


def tokens_of(row: dict) -> np.ndarray:
    """Return the tokens by which a teacher cache knows a rollout: all but the last, int32 [n]."""
    return np.array([*row["prompt_ids"], *row["response_ids"]][:-1], dtype=np.int32)


def write_rollouts(rows: list[dict], path: Path, largest_difference: float = 0.0) -> None:
    """Write one part; each row has the columns of `COLUMNS`."""
    schema = COLUMNS.with_metadata({_DIFFERENCE: repr(largest_difference)})
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="zstd")


def read_part(path: Path) -> tuple[list[dict], float]:
    """Return the rows of one part, and its `largest_difference`."""
    table = read_table(path)
    return table.to_pylist(), float(table.schema.metadata[_DIFFERENCE.encode()])


def holds_rollouts(path: str | Path) -> bool:
    """Return whether `path` is an artefact of rollouts, complete or not."""
    records = [Path(path) / name for name in (MANIFEST, PLAN)]
    return any(record.is_file() and read_record(record).get("schema") == SCHEMA for record in records)


def read_rollouts(path: str | Path) -> Iterator[dict]:
    """Yield the rows of rollouts, in order.

    Raises:
        SaladError: `path` is no complete artefact of rollouts.
    """
    for part in Artefact.open(path, SCHEMA, VERSION).parts(".parquet"):
        yield from read_table(part, COLUMNS).to_pylist()
