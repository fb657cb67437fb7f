"""What `regions` cuts a pool by, and what `select` chooses by."""

import click

from saladkit import options

STRATEGIES = ("active", "uniform", "proportional", "balanced", "coverage", "dsir", "knn", "hybrid")

clusters = options.stack(
    click.option("--clusters", type=click.IntRange(min=2), default=128, show_default=True, help="Regions."),
    click.option(
        "--balance",
        type=options.Real(min=1.1),
        default=1.5,
        show_default=True,
        help="The largest region has at most so many times the texts of the smallest.",
    ),
    click.option("--plain", is_flag=True, help="Leave regions as large as k-means makes them."),
    click.option(
        "--kmeans",
        type=click.Choice(["spherical", "l2"]),
        default="spherical",
        show_default=True,
        help="Centroids of length 1 and cosine distances, or means and squared distances.",
    ),
    click.option("--iterations", type=click.IntRange(min=1), default=25, show_default=True, help="k-means iterations."),
)
covered = options.stack(
    click.option(
        "--speech",
        multiple=True,
        help="Samples that are spoken already: measures how far the pool lies from them; repeat.",
    ),
    click.option(
        "--neighbours",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        help="Nearest spoken texts kept a text.",
    ),
    click.option(
        "--memory",
        "memory_gb",
        type=options.Real(min=0.01),
        default=4.0,
        show_default=True,
        help="GB that the pieces of a search for neighbours may take.",
    ),
    click.option(
        "--exact-up-to",
        type=click.IntRange(min=1),
        default=10_000_000,
        show_default=True,
        help="Spoken texts up to which the search is exact; beyond, its recall is measured and printed.",
    ),
)
embedder = options.stack(
    click.option(
        "--embedder",
        default="BAAI/bge-large-en-v1.5",
        show_default=True,
        help="An encoder (pooled as sentence-transformers' files beside it say) or static embeddings (model2vec), a"
        " folder or a name; or lm:MODEL, the mean of a text LLM's hidden states.",
    ),
    click.option(
        "--reuse",
        multiple=True,
        metavar="REGIONS",
        help="Regions of the same embedder: their vectors are copied; repeat.",
    ),
    click.option("--batch-tokens", type=click.IntRange(min=1), default=8192, show_default=True, help="Tokens a batch."),
    click.option(
        "--embedder-dtype",
        "dtype",
        type=click.Choice(["float32", "bfloat16", "float16"]),
        help="Type of the embedder's weights while it runs.  [default: bfloat16 on a GPU, else float32]",
    ),
)

choice = options.stack(
    click.option(
        "--strategy",
        type=click.Choice(STRATEGIES),
        default="active",
        show_default=True,
        help="active: P(region) ~ P_pool * M^gamma (the method). uniform: any text. proportional: every region by its"
        " share. balanced: small regions as often as large ones (MetaCLIP). coverage: far from speech. dsir: like"
        " --target by its words. knn: by the nearest probes. hybrid: M of the region, and far from speech.",
    ),
    click.option("--gap", help="Gap table by region: needed by active, knn and hybrid. Its bad regions are left out."),
    click.option(
        "--gamma",
        type=options.Real(min=0),
        default=5.0,
        show_default=True,
        help="Exponent of active, coverage, knn and hybrid.",
    ),
    click.option(
        "--metric",
        type=click.Choice(["misalignment", "teacher-kl", "accuracy", "nll-gap", "jsd", "coverage"]),
        default="teacher-kl",
        show_default=True,
        help="Which figure of the gap table is M; coverage: the distance to speech that the regions have.",
    ),
    click.option(
        "--bonus",
        type=options.Real(),
        default=1.0,
        show_default=True,
        help="Standard deviations of its prediction that knn adds to it.",
    ),
    click.option("--target", multiple=True, metavar="SAMPLES", help="What dsir chooses the like of; repeat."),
)
budget = options.stack(
    click.option("--per-region", type=click.IntRange(min=1), help="Budget: so many texts of every region (probes)."),
    click.option("--count", type=click.IntRange(min=1), help="Budget: texts."),
    click.option("--tokens", type=click.IntRange(min=1), help="Budget: tokens of --tokenizer."),
    click.option("--tokenizer", metavar="MODEL", help="Whose tokens --tokens counts."),
    click.option("--hours", type=options.Real(min=0, min_open=True), help="Budget: hours of speech, predicted."),
    click.option(
        "--fraction-of",
        type=(str, options.Real(min=0, min_open=True)),
        metavar="SPEECH SHARE",
        help="Budget: such a share of these samples' hours.",
    ),
    click.option(
        "--rate-from",
        multiple=True,
        metavar="SPEECH",
        help="Samples with durations: the speaking rate is fitted to them.  [default: those of --fraction-of]",
    ),
    click.option(
        "--words-per-second",
        type=options.Real(min=0, min_open=True),
        default=2.5,
        show_default=True,
        help="Speaking rate where none is fitted.",
    ),
)
filters = options.stack(
    click.option("--min-words", type=click.IntRange(min=1), help="Leave out shorter texts."),
    click.option("--max-words", type=click.IntRange(min=1), help="Leave out longer texts."),
    click.option("--any-text", is_flag=True, help="Keep tables, code, links and what hardly has letters."),
    click.option(
        "--near-duplicate",
        type=options.Real(min=0, max=1, min_open=True),
        metavar="COSINE",
        help="Draw no text whose vector is so similar to that of one drawn before.",
    ),
    click.option(
        "--decontaminate",
        multiple=True,
        metavar="QUESTIONS",
        help="Leave out texts that share --ngram words in a row with these; repeat.",
    ),
    click.option(
        "--ngram",
        type=click.IntRange(min=1),
        default=13,
        show_default=True,
        help="Words in a row, for --decontaminate.",
    ),
    click.option(
        "--decontaminate-cosine",
        type=options.Real(min=0, max=1, min_open=True),
        metavar="COSINE",
        help="Leave out also texts whose vector is so similar to a question's.",
    ),
)
