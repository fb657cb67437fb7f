"""Runs that share one folder by claims: kills, joiners, stragglers, dead machines, wrong clocks, full disks.

However the processes end, the finished folder has the bytes of an undisturbed run. Every rename comes up to 50 ms late.
`FAULTS=long` kills twenty times instead of five.
"""

import json
import os
import random
import signal
import time

import pytest
from claiming import TIMEOUT, Together, claim_by_another_machine, have_ended
from click.testing import CliRunner

import saladkit.caching.filling as filling
import saladkit.stages.synth as synth
from saladkit.cli import main
from saladkit.formats.claims import claims_folder

pytestmark = pytest.mark.faults
KILLS = 20 if os.environ.get("FAULTS") == "long" else 5
HOUR = 3600.0
COMMANDS = ["synth", "cache-teacher"]
ROWS = 40  # in parts of two


@pytest.fixture(scope="module")
def line(world, text_lm, tmp_path_factory):
    """The command line of a command, without its output."""
    rows = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    texts = [f"Row {index} speaks of the sea and of hill {index}." for index in range(ROWS)]
    rows.write_text("".join(json.dumps({"id": text[:6], "text": text}) + "\n" for text in texts))
    lines = {
        "synth": ["synth", rows, "--voice", "espeak:en-us@150..200", "--workers", 1],
        "cache-teacher": ["cache-teacher", rows, "--model", text_lm, "--device", "cpu", "--top-k", 4],
    }
    return {command: [str(word) for word in words] for command, words in lines.items()}


@pytest.fixture(scope="module")
def undisturbed(line, contents, tmp_path_factory):
    """The files of an undisturbed run of each command."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synth, "ROWS_PER_PART", 2)
        patch.setattr(filling, "ROWS_PER_PART", 2)
        for command in COMMANDS:
            output = tmp_path_factory.mktemp("undisturbed") / command
            CliRunner().invoke(main, [*line[command], "-o", str(output)], catch_exceptions=False)
            found[command] = contents(output)
            assert len(list(output.glob("part-*.parquet"))) == ROWS // 2
    return found


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


@pytest.fixture
def together(line, loaded_python, tmp_path):
    def of(command):
        return Together(loaded_python, line[command], tmp_path / "out")

    return of


@pytest.mark.parametrize("seed", [0, 1])
def test_kills_at_random_moments(seed, command, together, undisturbed, contents, tmp_path):
    """One of two processes is killed after a random number of parts and a random time, and replaced."""
    draws, kills, began = random.Random(seed), 0, time.monotonic()
    with together(command) as runs:
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
    print(f"{command}: {kills} kills, {time.monotonic() - began:.1f} s")
    assert kills >= 3
    assert contents(tmp_path / "out") == undisturbed[command]


def test_two_at_once_make_each_part_once(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        both = [runs.start(), runs.start()]
        seen = runs.watch(have_ended(*both))
        summaries = [json.loads(process.communicate()[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len(seen.processes) == 2 and not seen.again
    assert [summary["rows"] for summary in summaries] == [ROWS, ROWS]
    assert contents(tmp_path / "out") == undisturbed[command]


def test_one_joins_in_the_middle_and_the_other_leaves(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        first = runs.start(late=0.6, timeout=HOUR)
        (early,) = runs.watch(lambda: len(runs.parts()) >= 2).processes
        second = runs.start(timeout=HOUR)
        parts = len(runs.parts())
        runs.watch(lambda: any(claim.process != early for claim in runs.claims()))
        runs.watch(lambda: len(runs.parts()) >= parts + 2)
        os.kill(early, signal.SIGINT)
        runs.watch(have_ended(first, second))
        assert (first.returncode, second.returncode) == (1, 0)
    assert contents(tmp_path / "out") == undisturbed[command]


@pytest.mark.parametrize("age", [0.0, HOUR], ids=["that has just died", "dead for an hour"])
def test_claims_of_a_dead_machine_are_taken_over(age, command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        half = runs.start()
        runs.wait_for_parts(4)
        half.kill()
        half.wait()
        missing = sorted({f"part-{index:05d}-of-{ROWS // 2:05d}.parquet" for index in range(ROWS // 2)} - runs.parts())
        for part in (missing[0], missing[-1]):
            claim_by_another_machine(runs.folder, part, age=age)
        began = time.monotonic()
        again = runs.start(late=0)
        _, told = again.communicate()
    assert again.returncode == 0
    assert f"taking over {missing[-1]} of elsewhere (process 7)" in told
    assert "waiting for 2 parts by elsewhere (process 7)" in told or age or time.monotonic() - began > TIMEOUT
    assert contents(tmp_path / "out") == undisturbed[command]


def test_clocks_that_differ_by_hours_change_nothing(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        all_three = [runs.start(clock=clock) for clock in (-HOUR, 0.0, 2 * HOUR)]
        seen = runs.watch(have_ended(*all_three))
    assert [process.returncode for process in all_three] == [0, 0, 0]
    assert not seen.again
    assert contents(tmp_path / "out") == undisturbed[command]


def test_a_straggler_whose_part_is_taken_over_finishes_too(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        slow = runs.start(late=0.2)
        (process,) = runs.watch(lambda: len(runs.parts()) >= 3).processes
        os.kill(process, signal.SIGSTOP)
        try:
            fast = runs.start(late=0)
            seen = runs.watch(have_ended(fast))
        finally:
            os.kill(process, signal.SIGCONT)
        runs.watch(have_ended(slow))
        assert (fast.returncode, slow.returncode) == (0, 0)
        assert "taking over" in fast.stderr.read()
    assert seen.again
    assert contents(tmp_path / "out") == undisturbed[command]


def test_a_full_disk_of_one_machine_stops_that_one_alone(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        other = runs.start(late=0.2)
        runs.wait_for_parts(2)
        full = runs.start(room=600)  # bytes in a file: enough for a claim
        _, told = full.communicate()
        assert full.returncode == 2 and "Make room on the disk" in told
        runs.watch(have_ended(other))
        assert other.returncode == 0
    assert contents(tmp_path / "out") == undisturbed[command]


def test_a_read_only_folder_ends_in_two_lines(command, together, undisturbed, contents, tmp_path):
    with together(command) as runs:
        begun = runs.start(late=0.2)
        runs.wait_for_parts(2)
        begun.kill()
        begun.wait()
        folders = [runs.folder, runs.folder / "working", claims_folder(runs.folder)]
        for folder in folders:
            folder.chmod(0o555)
        refused = runs.start(without_privileges=True)
        _, told = refused.communicate()
        for folder in folders:
            folder.chmod(0o755)
        lines = [text for text in told.splitlines() if text.startswith(("error:", "  fix:"))]
        assert refused.returncode == 2 and len(lines) == 2, told
        assert "writable" in lines[1] and "Traceback" not in told
        assert runs.start(late=0).wait() == 0
    assert contents(tmp_path / "out") == undisturbed[command]
