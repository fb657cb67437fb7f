"""Compare the tokens/s of `cache-teacher`, with its files, with the same model's forward pass on the same batches."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.background import InBackground
from saladkit.batches import batches_by_length
from saladkit.formats.teacher_cache import CachedRow, write_cache_part
from saladkit.teacher.encodings import Encoding, Sampled, TopK, encode_texts, to_rows
from shapes import configuration, text_model
from side_by_side import Target, arguments, emit, run_pairs
from texts import random_texts, realistic_lengths

SPREAD = 7.2  # as in cache_teacher_bytes.py


def main() -> None:
    """Print one line for each encoding of the cache."""
    parser = arguments(__doc__, shape="0.5b")
    parser.add_argument("--tokens", type=int, default=512, help="about how many tokens all texts have")
    parser.add_argument("--batch-tokens", type=int, default=256)
    options = parser.parse_args()
    vocabulary = configuration(options.shape).vocab_size
    model = text_model(options.shape, dtype=options.dtype, device=options.device, spread=SPREAD)
    texts = random_texts(realistic_lengths(options.tokens, options.batch_tokens), vocabulary)
    places = batches_by_length([len(text) for text in texts], padded=options.batch_tokens)
    batches = [[texts[place] for place in of_batch] for of_batch in places]
    padded = [_padded(batch).to(options.device) for batch in batches]
    for encoding, identity in (
        (TopK(32, 1.0), {"keep": "top-k", "top_k": 32}),
        (Sampled(50, 1.0), {"keep": "sampled", "draws": 50, "seed": 0}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "part.safetensors"
            written = identity | {"vocabulary": vocabulary}
            found = run_pairs(
                partial(cache, model, texts, batches, encoding, part, written, options.device),
                lambda: bare_forward(model, padded),
                options.pairs,
                options.device,
            )
        tokens = sum(len(text) for text in texts)
        emit(
            f"cache-teacher, speed: {identity['keep']} {identity.get('top_k', identity.get('draws'))}",
            ours=tokens / found.ours,
            theirs=tokens / found.theirs,
            unit="tokens/s",
            ratio=found.speedup,
            target=Target("ratio", ">=", 0.9, holds=options.shape != "tiny"),
            device=options.device,
            shape=options.shape,
            dtype=options.dtype,
            pairs=found.pairs,
            tokens=tokens,
            places=sum(batch.numel() for batch in padded),
        )


def _padded(texts: list[np.ndarray]) -> torch.Tensor:
    rows = [torch.from_numpy(text.astype(np.int64)) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


@torch.inference_mode()
def bare_forward(model: PreTrainedModel, batches: list[torch.Tensor]) -> None:
    """Compute all logits and keep none."""
    for batch in batches:
        model(batch, use_cache=False)


def cache(
    model: PreTrainedModel,
    texts: list[np.ndarray],
    batches: list[list[np.ndarray]],
    encoding: Encoding,
    part: Path,
    identity: dict,
    device: str,
) -> None:
    """Make a cache as the stage does: the model runs in this thread, and another thread cuts rows and writes them."""
    made: list[CachedRow] = []
    with InBackground() as background:
        for batch in batches:
            tensors = encode_texts(model, batch, encoding, device, 0)
            lengths = [len(text) for text in batch]
            background.put(lambda *of_batch: made.extend(to_rows(*of_batch)), tensors, encoding, lengths)
        ids = [str(index) for index in range(len(texts))]
        background.put(write_cache_part, part, ids, texts, made, identity)


if __name__ == "__main__":
    main()
