"""Wrong input, through the real shell: exit code 2, two lines that name file and row, and no manifest."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

# What tqdm draws, what transformers notes in its own name, and the log of a training.
NOISE = re.compile(r"/s\]|s/\w+\]|^\[transformers\] |^\{.loss.: ")


@pytest.fixture(scope="session")
def lines_of():
    """The lines on stderr without progress bars."""

    def lines(stderr):
        return [line for line in re.split(r"[\n\r]", stderr) if line.strip() and not NOISE.search(line)]

    return lines


@pytest.fixture(scope="session")
def write_rows():
    """Write rows as Parquet; returns the path."""

    def write(path, rows):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path

    return write


@pytest.fixture(scope="session")
def tiny_adapter():
    """Options of `distill` for an adapter that is made in no time."""
    shape = "--adapter-layers 1 --adapter-width 16 --adapter-mlp-width 32 --adapter-heads 2 --adapter-kv-heads 1"
    return [*shape.split(), "--encoder-width", "8"]


@pytest.fixture
def refused(shell, lines_of, tmp_path):
    """Run a command that must be refused, with `-o OUTPUT`; returns (problem, fix)."""

    def run(*arguments, output=tmp_path / "output", named=()):
        had_manifest = (output / "manifest.json").exists()
        result = shell(*arguments, "-o", output)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        lines = lines_of(result.stderr)
        assert len(lines) == 2, lines
        problem, fix = lines
        assert problem.startswith("error: ")
        assert fix.startswith("  fix: ")
        assert len(problem) > 20
        assert len(fix) > 10
        assert "Traceback" not in result.stderr
        assert (output / "manifest.json").exists() == had_manifest
        for name in named:
            assert str(name) in problem, problem
        return problem, fix

    return run


@pytest.fixture(scope="session")
def regions(workshop, world, text_lm):
    """pool.parquet in four regions."""
    from saladkit.settings.regions import RegionsSettings
    from saladkit.stages.regions import regions

    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=4, device="cpu")
    regions(str(world / "pool.parquet"), workshop / "four-regions", settings)
    return workshop / "four-regions"
