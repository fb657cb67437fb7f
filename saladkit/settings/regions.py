"""Settings of `regions`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import DTYPES, BatchTokens, Columns, Device, Files, Seed, Shards


@dataclass(frozen=True, kw_only=True)
class RegionsSettings(BatchTokens, Columns, Seed, Device, Shards, Files):
    """How a text pool is embedded, clustered and compared with what is spoken already."""

    embedder: str = setting(
        "BAAI/bge-large-en-v1.5",  # the paper's
        recorded=False,
        help="An encoder (pooled as sentence-transformers' files beside it say) or static embeddings (model2vec), a"
        " folder or a name; or lm:MODEL, the mean of a text LLM's hidden states.",
    )
    reuse: tuple[str, ...] = setting(
        (), metavar="REGIONS", recorded=False, help="Copy the vectors of regions of the same embedder; repeat for more."
    )
    dtype: str | None = setting(
        None,
        option="--embedder-dtype",
        choices=DTYPES,
        help="Type of the embedder's weights while it runs.  [default: bfloat16 on a GPU, else float32]",
    )
    clusters: int = setting(128, low=2, help="Number of regions.")
    balance: float = setting(
        1.5,
        low=1.1,
        applies=lambda own: not own.plain,
        help="Let the largest region have at most this many times the texts of the smallest.",
    )
    plain: bool = setting(False, help="Leave regions as large as k-means makes them.")
    kmeans: str = setting(
        "spherical",
        choices=("spherical", "l2"),
        help="Centroids of length 1 and cosine distances, or means and squared distances.",
    )
    iterations: int = setting(25, low=1, help="Iterations of k-means.")
    speech: tuple[str, ...] = setting(
        (),
        recorded=False,
        help="Samples that are spoken already: measures how far the pool lies from them; repeat for more.",
    )
    neighbours: int = setting(5, low=1, help="Nearest spoken texts kept per text.")
    memory_gb: float = setting(
        4.0, option="--memory", low=0.01, help="GB that a search for neighbours may take at a time."
    )  # recorded: products of other shapes may differ in the last bit
    exact_up_to: int = setting(
        10_000_000,
        low=1,
        help="Spoken texts up to which the search is exact; beyond, its recall is measured and printed.",
    )
