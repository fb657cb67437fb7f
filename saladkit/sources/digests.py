"""The content digest of any source that a command reads."""

from pathlib import Path

from saladkit.formats.artefact import digest_path
from saladkit.formats.digests import digest_json
from saladkit.sources.benchmarks.named import named_source


def digest_source(source: str | Path) -> str:
    """Return the digest of a path by `digest_path`; of a benchmark's copied folder, that of name, splits and content.

    Raises:
        SaladError: a folder cannot be read.
    """
    benchmark = named_source(str(source))
    if benchmark is not None and benchmark.folder is not None:
        return digest_json([benchmark.name, benchmark.splits, digest_path(benchmark.folder)])
    return digest_path(source)
