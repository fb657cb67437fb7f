"""Compare the bytes per position of a teacher cache, files and index, with dense logits in bfloat16.

Our own writer writes the files from a model with the true vocabulary. The model's logits are normally distributed, with
the standard deviation at which 50 draws find about 12 distinct tokens; the JSON line says how many they found.
"""

import tempfile
from pathlib import Path

from saladkit.batches import batches_by_length
from saladkit.formats.teacher_cache import write_cache_part
from saladkit.teacher.encodings import Encoding, Sampled, TopK, encode_texts, to_rows
from shapes import configuration, text_model
from side_by_side import Target, arguments, emit
from texts import random_texts

SPREAD = 7.2  # standard deviation of the logits


def main() -> None:
    """Print one line for each encoding of the cache."""
    parser = arguments(__doc__.splitlines()[0], shape="narrow")
    parser.add_argument("--positions", type=int, default=8192)
    parser.add_argument("--text-tokens", type=int, default=256)
    options = parser.parse_args()
    vocabulary = configuration(options.shape).vocab_size
    model = text_model(options.shape, dtype=options.dtype, device=options.device, spread=SPREAD)
    texts = random_texts([options.text_tokens] * (options.positions // options.text_tokens), vocabulary)
    for encoding, identity, most in (
        (TopK(32, 1.0), {"keep": "top-k", "top_k": 32}, 200),
        (Sampled(50, 1.0), {"keep": "sampled", "draws": 50, "seed": 0}, 40),
    ):
        rows = [
            row
            for batch in batches_by_length([len(text) for text in texts], padded=8192)
            for row in _rows(model, [texts[place] for place in batch], encoding, options.device)
        ]
        positions = sum(len(text) for text in texts)
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "part.safetensors"
            ids = [f"text-{index:08d}" for index in range(len(texts))]
            write_cache_part(part, ids, texts, rows, identity | {"vocabulary": vocabulary})
            stored = sum(file.stat().st_size for file in Path(folder).iterdir()) / positions
        drawn = {}
        if isinstance(encoding, Sampled):
            distinct = sum(int(row.distinct.sum()) for row in rows) / positions
            drawn = {"distinct": round(distinct, 2), "logit_standard_deviation": SPREAD}
        emit(
            f"cache-teacher, bytes: {identity['keep']} {identity.get('top_k', identity.get('draws'))}",
            ours=stored,
            theirs=2 * vocabulary,
            unit="B/position",
            ratio=stored / (2 * vocabulary),
            target=Target("ours", "<=", most, holds=options.shape != "tiny"),
            device=options.device,
            shape=options.shape,
            vocabulary=vocabulary,
            positions=positions,
            texts=len(texts),
            **drawn,
        )


def _rows(model: object, texts: list, encoding: Encoding, device: str) -> list:
    return to_rows(encode_texts(model, texts, encoding, device, seed=0), encoding, [len(text) for text in texts])


if __name__ == "__main__":
    main()
