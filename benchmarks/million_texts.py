"""Measure seconds and peak memory of the command `saladkit regions` on a million texts of 384 dimensions.

Each text has ten random words out of 5,000; some of the texts count as spoken. The embedder is static with random
vectors, so the figures are about all that follows the embedder.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from model2vec import StaticModel
from tokenizers import Tokenizer, models, pre_tokenizers

from side_by_side import emit

WORDS, PER_TEXT, WIDTH = 5000, 10, 384


def main() -> None:
    """Print two lines: memory, then time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000)
    parser.add_argument("--spoken", type=int, default=20_000)
    parser.add_argument("--clusters", type=int, default=128)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        summary = run(Path(folder), options)
    further = {
        "device": "cpu",
        "shape": f"{options.texts:,} x {WIDTH}",
        "spoken": options.spoken,
        "clusters": options.clusters,
        "largest_to_smallest": summary["largest_to_smallest"],
    }
    figures = {"peak memory": (summary["peak_memory_bytes"] / 1e9, "GB"), "whole command": (summary["seconds"], "s")}
    for name, (value, unit) in figures.items():
        emit(f"regions of many texts: {name}", ours=value, theirs=None, unit=unit, ratio=None, target=None, **further)


def run(folder: Path, options: argparse.Namespace) -> dict:
    """Make texts and embedder, run the command, return its summary."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *(f"w{i}" for i in range(WORDS))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    random = np.random.default_rng(0)
    vectors = random.normal(size=(len(vocabulary), WIDTH)).astype(np.float32)
    StaticModel(vectors, tokenizer, config={}, normalize=True).save_pretrained(folder / "static")
    for name, count in (("pool", options.texts), ("spoken", options.spoken)):
        # A text's words come from one of a hundred groups of words; without groups, there would be no regions to find.
        drawn = random.integers(0, WORDS // 10, (count, PER_TEXT)) + random.integers(0, 100, (count, 1)) * (
            WORDS // 110
        )
        texts = [" ".join(f"w{number}" for number in row) for row in drawn.tolist()]
        table = pa.table({"id": [f"{name}-{i}" for i in range(count)], "text": texts})
        pq.write_table(table, folder / f"{name}.parquet")
    command = [sys.executable, "-m", "saladkit", "regions", str(folder / "pool.parquet"), "-o", str(folder / "regions")]
    settings = ["--embedder", str(folder / "static"), "--speech", str(folder / "spoken.parquet")]
    line = [*command, *settings, "--clusters", str(options.clusters), "--device", "cpu"]
    return json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
