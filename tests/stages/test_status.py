"""`status`: what is done, by whom the rest is claimed, and how long it will take."""

import json
import os
import shutil
import time

import pytest

import saladkit.stages.synth as stage
from saladkit.errors import SaladError
from saladkit.formats.claims import Claims, claims_folder
from saladkit.formats.parts import Part, write_parts
from saladkit.stages.status import status, status_table

NAMES = [f"part-{index:05d}-of-00008.bin" for index in range(8)]
BEGAN = 1_000_000_000.0


@pytest.fixture
def folder(tmp_path):
    """Eight parts of ten rows, of which the first four were made at 10 s each."""
    (tmp_path / "plan.json").write_text(json.dumps({"fingerprint": "f", "verb": "count"}))
    write_parts(tmp_path, [Part((f"left-out-{name}", name), 10) for name in NAMES], "number")
    for index, name in enumerate(NAMES[:4]):
        for file in (tmp_path / f"left-out-{name}", tmp_path / name):
            file.write_bytes(b"")
            os.utime(file, (0, BEGAN + 10 * index))
    return tmp_path


def test_parts_rows_speed_and_time_left(folder):
    found = status(folder)
    assert (found["command"], found["state"], found["unit"]) == ("count", "unfinished", "number")
    assert found["parts"] == {"all": 8, "done": 4, "claimed": 0, "stale": 0, "missing": 4}
    assert found["rows"] == {"all": 80, "done": 40}
    assert (found["rows_per_second"], found["seconds_left"]) == (1.0, 40)


def test_a_part_that_lacks_a_file_is_not_done(folder):
    (folder / f"left-out-{NAMES[1]}").unlink()
    assert status(folder)["parts"]["done"] == 3


def test_the_speed_does_not_reach_back_over_a_pause(folder):
    os.utime(folder / NAMES[0], (0, BEGAN - 86_400))
    os.utime(folder / f"left-out-{NAMES[0]}", (0, BEGAN - 86_400))
    assert status(folder)["rows_per_second"] == 1.0


@pytest.mark.parametrize("done", [0, 1])
def test_the_speed_of_fewer_than_two_parts_is_unknown(done, folder):
    for name in NAMES[done:4]:
        (folder / name).unlink()
    found = status(folder)
    assert found["rows_per_second"] is None and found["seconds_left"] is None
    assert "a second" not in status_table(found)


def test_claims_with_their_processes(folder):
    with Claims(folder, 900.0, lambda claim: None) as claims:
        for name in (NAMES[0], *NAMES[4:7], "manifest"):  # the first one is ready: nobody minds its claim
            claims.take(name)
        others = claims_folder(folder) / f"{NAMES[5]}.0"
        others.write_text(others.read_text().replace(json.dumps(os.uname().nodename), '"elsewhere"'))
        hour_ago = time.time() - 3600
        os.utime(others, (hour_ago, hour_ago))
        os.utime(claims_folder(folder) / f"{NAMES[6]}.0", (0, 0))  # given up
        found = status(folder)
    assert found["state"] == "at work"
    assert found["parts"] == {"all": 8, "done": 4, "claimed": 1, "stale": 1, "missing": 2}
    claimed = {claim["part"]: claim for claim in found["claims"]}
    assert list(claimed) == ["manifest", NAMES[4], NAMES[5]]
    assert (claimed[NAMES[4]]["process"], claimed[NAMES[4]]["stale"]) == (os.getpid(), False)
    assert claimed[NAMES[5]]["stale"] and abs(claimed[NAMES[5]]["silent_seconds"] - 3600) < 60
    table = status_table(found)
    assert "4 of 8 parts done, 1 claimed, 1 stale, 2 missing" in table
    assert "40 of 80 numbers done, 1 a second, about 40 s left" in table
    assert [line.split()[0] for line in table.splitlines()[4:]] == ["part", "manifest", NAMES[4], NAMES[5]]
    assert "elsewhere (process" in table and "60 min ago, stale" in table


def test_a_claim_that_was_taken_over_counts_once(folder):
    with Claims(folder, 900.0, lambda claim: None) as claims:
        claims.take(NAMES[5])
        claims.give_up()
        claims.take(NAMES[5])
        assert [claim["part"] for claim in status(folder)["claims"]] == [NAMES[5]]


def test_the_parts_of_a_command(shell, world, tmp_path, monkeypatch):
    """A run is stopped after five of eight parts; then it is completed."""
    monkeypatch.setattr(stage, "ROWS_PER_PART", 3)
    line = ["synth", world / "natural.parquet", "-o", tmp_path / "out", "--voice", "espeak:en-us", "--workers", 1]
    write, left = stage.write_samples, [None] * 5

    def stops(part, aside):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        write(part, aside)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_samples", stops)
        shell(*line, "--claim")
    found = json.loads(shell("status", tmp_path / "out", "--json").stdout)
    assert found["parts"] == {"all": 8, "done": 5, "claimed": 0, "stale": 0, "missing": 3}
    assert (found["command"], found["unit"], found["rows"]) == ("synth", "row", {"all": 24, "done": 15})
    assert "5 of 8 parts done, 3 missing" in shell("status", tmp_path / "out").stdout
    shell(*line, "--claim")
    found = json.loads(shell("status", tmp_path / "out", "--json").stdout)
    assert (found["state"], found["files"], found["counts"]["rows"]) == ("complete", 16, 24)
    assert "synth, complete, 16 files" in shell("status", tmp_path / "out").stdout


def test_a_command_without_parts_is_unfinished(folder):
    shutil.rmtree(folder / "working")
    assert status(folder) == {"folder": str(folder), "command": "count", "state": "unfinished"}


@pytest.mark.parametrize("what", ["nothing", "file", "other"])
def test_what_is_no_artefact(what, tmp_path, shell):
    place = tmp_path / "place"
    if what == "file":
        place.write_text("x")
    if what == "other":
        place.mkdir()
        (place / "notes.txt").write_text("x")
    with pytest.raises(SaladError, match="is no artefact"):
        status(place)
    assert shell("status", place).exit_code == 2
