"""Settings of `regions`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import DTYPES, BatchTokens, Columns, Device, Files, Seed, Shards


@dataclass(frozen=True, kw_only=True)
class RegionsSettings(BatchTokens, Columns, Seed, Device, Shards, Files):
    """Settings of `regions`: embedder, clustering, and comparison with existing speech."""

    embedder: str = setting(
        "BAAI/bge-large-en-v1.5",  # the paper's
        recorded=False,
        help="Embedder: folder or Hub name of an encoder (sentence-transformers) or of static embeddings (model2vec);"
        " or lm:MODEL, the mean of a text LLM's hidden states.",
    )
    reuse: tuple[str, ...] = setting(
        (),
        metavar="REGIONS",
        recorded=False,
        help="Copy embeddings of the same texts from these regions of the same embedder; repeat for more.",
    )
    dtype: str | None = setting(
        None,
        option="--embedder-dtype",
        choices=DTYPES,
        help="Data type of the embedder's weights.  [default: bfloat16 on a GPU, else float32]",
    )
    clusters: int = setting(128, low=2, help="Number of regions.")
    balance: float = setting(
        1.5,
        low=1.1,
        applies=lambda own: not own.plain,
        help="Greatest ratio of the largest region's size to the smallest's, in texts.",
    )
    plain: bool = setting(False, help="Do not balance the sizes of the regions of k-means.")
    kmeans: str = setting(
        "spherical",
        choices=("spherical", "l2"),
        help="K-means with centroids of length 1 and cosine distances, or with means and squared distances.",
    )
    iterations: int = setting(25, low=1, help="Iterations of k-means.")
    speech: tuple[str, ...] = setting(
        (),
        recorded=False,
        help="Existing speech, to which distances from the pool are measured; repeat for more.",
    )
    neighbours: int = setting(5, low=1, help="Number of nearest spoken texts stored for each text.")
    # Recorded: products of matrices of other shapes may differ in the last bit.
    memory_gb: float = setting(
        4.0, option="--memory", low=0.01, help="Memory for the search of nearest neighbours, in GB."
    )
    exact_up_to: int = setting(
        10_000_000,
        low=1,
        help="Greatest number of spoken texts to search exactly; for more, recall is measured and printed.",
    )
