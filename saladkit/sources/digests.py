"""The content digest of anything that a command reads."""

from pathlib import Path

from saladkit.formats.artefact import digest_path
from saladkit.formats.digests import digest_json
from saladkit.sources.benchmarks.named import named_source


def digest_source(source: str | Path) -> str:
    """The digest of a path as `digest_path` has it; of a benchmark's copied folder, of name, splits and content."""
    benchmark = named_source(str(source))
    if benchmark is not None and benchmark.folder is not None:
        return digest_json([benchmark.name, benchmark.splits, digest_path(benchmark.folder)])
    return digest_path(source)
