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
        help="Folder or name of a text encoder (for sentence-transformers) or of static embeddings (model2vec); or"
        " lm:MODEL, to use the mean of a text LLM's hidden states.",
    )
    reuse: tuple[str, ...] = setting(
        (),
        metavar="REGIONS",
        recorded=False,
        help="Copy embeddings from earlier regions with the same embedder; repeat for more.",
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
        help="Largest allowed ratio between the sizes of the largest and the smallest region.",
    )
    plain: bool = setting(False, help="Do not balance the sizes of regions: plain k-means.")
    kmeans: str = setting(
        "spherical",
        choices=("spherical", "l2"),
        help="spherical: centroids of length 1 and cosine distances; l2: means and squared Euclidean distances.",
    )
    iterations: int = setting(25, low=1, help="Number of iterations of k-means.")
    speech: tuple[str, ...] = setting(
        (),
        recorded=False,
        help="Samples that are spoken already, to measure how far each text lies from theirs; repeat for more.",
    )
    neighbours: int = setting(5, low=1, help="Number of nearest spoken texts to store for each text.")
    # Recorded: products of matrices of other shapes may differ in the last bit.
    memory_gb: float = setting(
        4.0, option="--memory", low=0.01, help="Memory for the search for nearest spoken texts, in GB."
    )
    exact_up_to: int = setting(
        10_000_000,
        low=1,
        help="Search exactly among up to this many spoken texts; among more, search approximately and print the"
        " recall.",
    )
