"""`rollout` by processes that are killed: the finished folder has the bytes of an undisturbed run."""

import json
import random
import signal
import time

import pytest
from claiming import Together, have_ended
from click.testing import CliRunner

import saladkit.rollouts.filling as filling
from saladkit.cli import main

pytestmark = pytest.mark.faults
ROWS, KILLS = 24, 3  # rows in parts of two


@pytest.fixture
def line(text_lm, tmp_path):
    """The command line, without its output."""
    rows = tmp_path / "rows.jsonl"
    texts = [f"Row {index} speaks of the sea and of hill {index}." for index in range(ROWS)]
    rows.write_text("".join(json.dumps({"id": f"row {i}", "text": text}) + "\n" for i, text in enumerate(texts)))
    options = ["--prompt-modality", "text", "--prompt-words", 2, 6, "--max-new-tokens", 8, "--device", "cpu"]
    return ["rollout", str(text_lm), str(rows), *map(str, options)]


def test_kills_at_random_moments(line, loaded_python, contents, monkeypatch, tmp_path):
    """One of two processes is killed after a random number of parts and a random time, and replaced."""
    monkeypatch.setattr(filling, "ROLLOUTS_PER_PART", 2)
    CliRunner().invoke(main, [*line, "-o", str(tmp_path / "undisturbed")], catch_exceptions=False)
    draws, kills = random.Random(0), 0
    with Together(loaded_python, line, tmp_path / "out") as runs:
        alive = [runs.start(), runs.start()]
        while kills < KILLS and not runs.is_complete:
            runs.wait_for_parts(min(len(runs.parts()) + draws.randint(0, 2), ROWS // 2))
            time.sleep(draws.uniform(0, 0.05))
            victim = alive.pop(draws.randrange(2))
            kills += victim.poll() is None
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            alive.append(runs.start())
        runs.watch(have_ended(*alive))
        assert [process.returncode for process in alive] == [0, 0], alive[0].stderr.read()
    assert kills >= 2
    assert len(list((tmp_path / "undisturbed").glob("part-*.parquet"))) == ROWS // 2
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")
