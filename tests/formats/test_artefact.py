"""The life of an artefact: planned, filled shard by shard, resumed, complete; and which files it never touches."""

import json
import os
import socket
import subprocess
import sys

import pytest

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact, digest_path, is_artefact
from saladkit.formats.artefact_writer import create_artefact, reopen
from saladkit.formats.files import write_json, written_aside
from saladkit.formats.parts import Part, read_parts, write_parts

SCHEMA = "numbers"
SHARDS = ("part-00000-of-00003.bin", "part-00001-of-00003.bin", "part-00002-of-00003.bin")


class Killed(Exception):
    """Stands for any error that ends a process before its work is done."""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.txt"
    path.write_text("one two three")
    return path


def make(output, source, *, stop_before=None, stop_inside=None, settings=None, overwrite=False, remake=False):
    """Write three shards; perhaps be killed before or inside one. Returns the writer and the shards that it made."""
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=1,
        verb="count",
        settings=settings or {"seed": 0},
        inputs={"source": source, "nothing": None},
        overwrite=overwrite,
        remake=remake,
    )
    made = []
    if writer.finished is not None:
        return writer, made
    for index, name in enumerate(SHARDS):
        if index == stop_before:
            raise Killed
        if writer.has(name):
            continue
        with writer.writing(name) as aside:
            aside.write_bytes(bytes([index]) * 10)
            if index == stop_inside:
                raise Killed
        made.append(name)
    writer.finish(counts={"rows": 3}, skipped=[{"id": "a", "reason": "too long"}], identity={"model": "x"})
    writer.record({"rows": 3})
    return writer, made


def test_the_manifest_says_what_was_made_from_what(source, tmp_path):
    make(tmp_path / "out", source)
    opened = Artefact.open(tmp_path / "out", SCHEMA)
    manifest = opened.manifest
    assert (manifest["schema"], manifest["schema_version"], manifest["verb"]) == (SCHEMA, 1, "count")
    assert manifest["settings"] == {"seed": 0}
    assert manifest["inputs"] == {"source": {"path": str(source), "digest": digest_path(source)}}
    assert manifest["counts"] == {"rows": 3, "skipped": 1}
    assert manifest["identity"] == {"model": "x"}
    assert list(manifest["files"]) == list(SHARDS)
    assert [path.name for path in opened.parts(".bin")] == list(SHARDS)
    assert not (tmp_path / "out" / "plan.json").exists()


@pytest.mark.parametrize("stop", [{"stop_before": 0}, {"stop_before": 1}, {"stop_before": 2}, {"stop_inside": 1}])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(stop, source, tmp_path, contents):
    make(tmp_path / "whole", source)
    with pytest.raises(Killed):
        make(tmp_path / "cut", source, **stop)
    assert is_artefact(tmp_path / "cut")
    assert not (tmp_path / "cut" / "manifest.json").exists()
    with pytest.raises(SaladError, match="is not finished"):
        Artefact.open(tmp_path / "cut", SCHEMA)
    ready = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cut").glob("*.bin")}
    writer, made = make(tmp_path / "cut", source)
    assert writer.started_before
    assert {*made, *ready} == set(SHARDS)
    assert all((tmp_path / "cut" / name).stat().st_mtime_ns == then for name, then in ready.items())
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_the_manifest_is_written_after_every_shard(source, tmp_path, monkeypatch):
    order = []
    replace = os.replace

    def noted(aside, path):
        order.append(os.path.basename(path))
        replace(aside, path)

    monkeypatch.setattr(os, "replace", noted)
    make(tmp_path / "out", source)
    assert order == ["plan.json", *SHARDS, "manifest.json", "summary.json"]


def test_what_a_killed_process_left_aside_is_swept_up_and_nobody_elses(source, tmp_path, contents):
    make(tmp_path / "whole", source)
    with pytest.raises(Killed):
        make(tmp_path / "cut", source, stop_before=1)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    host = socket.gethostname()
    left = tmp_path / "cut" / f"{SHARDS[1]}.partial-{host}-{int(ended.stdout)}"
    others = [
        tmp_path / "cut" / f"{SHARDS[2]}.partial-{host}-{os.getppid()}",  # it lives, and writes its own shard
        tmp_path / "cut" / f"{SHARDS[2]}.partial-elsewhere-{int(ended.stdout)}",
    ]
    for path in (left, *others):
        path.write_bytes(b"half")
    make(tmp_path / "cut", source)
    assert [path.exists() for path in (left, *others)] == [False, True, True]
    for path in others:
        path.unlink()
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_what_is_taken_away_may_stand_behind_a_link(source, tmp_path, monkeypatch):
    begun = {"schema": SCHEMA, "version": 1, "verb": "count", "settings": {}, "inputs": {"source": source}}
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "real")
    for output in (tmp_path / "link", "."):
        writer = create_artefact(output, **begun)
        with writer.writing("part") as aside:
            aside.write_bytes(b"nothing of use")
        writer.discard()
        assert (tmp_path / "real").is_dir() and not list((tmp_path / "real").iterdir())
    writer = create_artefact(tmp_path / "out", **begun)
    writer.discard()
    assert not (tmp_path / "out").exists()


def test_two_commands_with_one_folder_do_not_mix(source, tmp_path):
    begun = {"schema": SCHEMA, "version": 1, "verb": "count", "inputs": {"source": source}}
    first = create_artefact(tmp_path / "out", settings={"seed": 1}, **begun)
    second = create_artefact(tmp_path / "out", settings={"seed": 2}, **begun)  # the first has made nothing yet
    with pytest.raises(SaladError, match="begun to make something else"), first.writing("part") as aside:
        aside.write_bytes(b"first")
    with pytest.raises(SaladError, match="begun to make something else"):
        first.finish(counts={})
    with second.writing("part") as aside:
        aside.write_bytes(b"second")
    second.finish(counts={})
    assert (tmp_path / "out" / "part").read_bytes() == b"second"
    with pytest.raises(SaladError, match="begun to make something else"), first.writing("late") as aside:
        aside.write_bytes(b"first")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "part"]


def test_two_processes_may_begin_at_once(source, tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / f"plan.json.partial-elsewhere-{os.getppid()}").write_bytes(b"{")
    assert make(tmp_path / "output", source)[1] == list(SHARDS)


def test_the_same_line_again_does_nothing(source, tmp_path, contents):
    make(tmp_path / "out", source)
    before = contents(tmp_path / "out")
    writer, made = make(tmp_path / "out", source)
    assert writer.finished == {"rows": 3}
    assert made == []
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("changed", ["settings", "input"])
def test_a_plan_of_which_nothing_was_made_gives_way_to_another(changed, source, tmp_path, contents):
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=0)
    settings = {"seed": 1} if changed == "settings" else None
    if changed == "input":
        source.write_text("one two four")
    writer, made = make(tmp_path / "out", source, settings=settings)
    assert not writer.started_before
    assert made == list(SHARDS)
    make(tmp_path / "whole", source, settings=settings)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("name", ["part.bin.0", "now-elsewhere-7-7"])
@pytest.mark.parametrize("age", [0, 3600])
def test_a_plan_with_live_claims_stays(name, age, source, tmp_path):
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=0)
    claim = tmp_path / "out" / "working" / "claims" / name
    claim.parent.mkdir(parents=True)
    claim.write_text("")
    os.utime(claim, (claim.stat().st_mtime - age,) * 2)
    if name.startswith("part") and not age:
        with pytest.raises(SaladError, match="changed: settings"):
            make(tmp_path / "out", source, settings={"seed": 1})
    else:
        assert make(tmp_path / "out", source, settings={"seed": 1})[1] == list(SHARDS)


def test_the_parts_of_a_plan_go_with_the_plan(source, tmp_path):
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=0)
    write_parts(tmp_path / "out", [Part(("old.bin",), 9)], "row")
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=0, settings={"seed": 1})
    assert read_parts(tmp_path / "out") is None


def test_another_list_of_parts_replaces_the_one_that_is_there(tmp_path):
    write_parts(tmp_path, [Part(("old.bin",), 9)], "row")
    write_parts(tmp_path, [Part(("new.bin",), 2)], "text")
    assert read_parts(tmp_path) == ("text", [Part(("new.bin",), 2)])


def test_a_reopened_artefact_has_no_summary(source, tmp_path):
    make(tmp_path / "out", source)
    reopen(tmp_path / "out", [SHARDS[1]])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [SHARDS[0], SHARDS[2], "plan.json"]


@pytest.mark.parametrize("beside", [SHARDS[0], f"{SHARDS[0]}.partial-12345", "notes.txt"])
def test_a_plan_with_anything_beside_it_stays(beside, source, tmp_path, contents):
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=0)
    (tmp_path / "out" / beside).write_bytes(b"work")
    before = contents(tmp_path / "out")
    with pytest.raises(SaladError, match=r"changed: settings\)"):
        make(tmp_path / "out", source, settings={"seed": 1})
    assert contents(tmp_path / "out") == before


def test_all_files_that_are_ready_belong_to_the_artefact(source, tmp_path):
    with pytest.raises(Killed):
        make(tmp_path / "out", source, stop_before=1)
    (tmp_path / "out" / SHARDS[2]).write_bytes(b"ready")
    writer = create_artefact(
        tmp_path / "out", schema=SCHEMA, version=1, verb="count", settings={"seed": 0}, inputs={"source": source}
    )
    assert not writer.has_all(SHARDS)
    assert writer.files == {SHARDS[0], SHARDS[2]}
    (tmp_path / "out" / SHARDS[1]).write_bytes(b"ready")
    assert writer.has_all(SHARDS)


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_or_inputs_are_an_error_that_names_them(finished, source, tmp_path, contents):
    if finished:
        make(tmp_path / "out", source)
    else:
        with pytest.raises(Killed):
            make(tmp_path / "out", source, stop_before=2)
    before = contents(tmp_path / "out")
    with pytest.raises(SaladError, match=r"changed: settings\)"):
        make(tmp_path / "out", source, settings={"seed": 1})
    source.write_text("one two four")
    with pytest.raises(SaladError, match=r"changed: input source\)"):
        make(tmp_path / "out", source)
    with pytest.raises(SaladError, match=r"changed: settings, input source\)"):
        make(tmp_path / "out", source, settings={"seed": 1})
    assert contents(tmp_path / "out") == before
    make(tmp_path / "out", source, settings={"seed": 1}, overwrite=True)
    assert Artefact.open(tmp_path / "out", SCHEMA).manifest["settings"] == {"seed": 1}


def test_the_same_input_at_another_path_is_the_same_input(source, tmp_path):
    make(tmp_path / "out", source)
    moved = tmp_path / "moved.txt"
    source.rename(moved)
    writer, made = make(tmp_path / "out", moved)
    assert writer.finished is not None
    assert made == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "foreign",
    [
        {"thesis.tex": "years of work"},
        {"manifest.json": '{"name": "a web page"}'},
        {"manifest.json": "[1, 2]"},
        {"manifest.json": "not JSON"},
        {"plan.json": '{"steps": ["read", "write"]}', "thesis.tex": "years of work"},
    ],
)
def test_what_is_not_ours_is_never_touched(foreign, overwrite, source, tmp_path, contents):
    output = tmp_path / "out"
    output.mkdir()
    for name, text in foreign.items():
        (output / name).write_text(text)
    before = contents(output)
    with pytest.raises(SaladError) as raised:
        make(output, source, overwrite=overwrite)
    assert str(output) in raised.value.problem
    assert contents(output) == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_place_of_the_output_stays(overwrite, source, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(SaladError, match="is a file"):
        make(tmp_path / "out", source, overwrite=overwrite)
    assert (tmp_path / "out").read_text() == "mine"


def test_overwrite_leaves_nothing_of_the_artefact_before(source, tmp_path, contents):
    make(tmp_path / "whole", source, settings={"seed": 1})
    make(tmp_path / "out", source)
    (tmp_path / "out" / "part-00003-of-00004.bin").write_bytes(b"of an older run")
    make(tmp_path / "out", source, settings={"seed": 1}, overwrite=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_new_or_empty_folder_is_taken(source, tmp_path):
    (tmp_path / "empty").mkdir()
    for output in (tmp_path / "empty", tmp_path / "deep" / "new"):
        make(output, source)
        assert Artefact.open(output, SCHEMA).manifest["counts"]["rows"] == 3


def test_opening_says_what_is_wrong(source, tmp_path):
    make(tmp_path / "out", source)
    with pytest.raises(SaladError, match="holds numbers, not letters"):
        Artefact.open(tmp_path / "out", "letters")
    with pytest.raises(SaladError, match="not a folder"):
        Artefact.open(tmp_path / "nowhere", SCHEMA)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SaladError, match=r"no manifest\.json"):
        Artefact.open(tmp_path / "empty", SCHEMA)
    (tmp_path / "out" / SHARDS[1]).write_bytes(b"short")
    with pytest.raises(SaladError, match=f"{SHARDS[1]} is missing or cut short"):
        Artefact.open(tmp_path / "out", SCHEMA)
    (tmp_path / "out" / SHARDS[1]).unlink()
    with pytest.raises(SaladError, match=f"{SHARDS[1]} is missing or cut short"):
        Artefact.open(tmp_path / "out", SCHEMA)


def test_digests_follow_content_and_not_place(source, tmp_path):
    make(tmp_path / "a", source)
    make(tmp_path / "b", source)
    (tmp_path / "b" / "summary.json").write_text("{}")
    assert digest_path(tmp_path / "a") == digest_path(tmp_path / "b")
    folders = [tmp_path / name for name in ("folder", "same", "other")]
    for folder, text in zip(folders, ("x", "x", "y"), strict=True):
        folder.mkdir()
        (folder / "file.txt").write_text(text)
    one, same, other = (digest_path(folder) for folder in folders)
    assert one == same != other
    assert digest_path(tmp_path / "fold*" / "*.txt") == digest_path(tmp_path / "sa*" / "*.txt")
    assert digest_path("owner/name") == digest_path("owner/name") != digest_path("owner/other")


def test_a_folder_with_somebody_elses_manifest_is_a_folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "shards of another tool"}))
    (tmp_path / "data.txt").write_text("a")
    before = digest_path(tmp_path)
    (tmp_path / "data.txt").write_text("b")
    assert digest_path(tmp_path) != before


def test_a_body_that_fails_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(Killed), written_aside(path) as aside:
        aside.write_text("new")
        raise Killed
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_a_number_that_json_does_not_know_is_no_manifest(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "file.json", {"mean": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_another_version_is_refused_and_a_tool_that_reads_it_is_named_if_it_is_another(source, tmp_path):
    make(tmp_path / "out", source)
    with pytest.raises(SaladError) as refused:
        Artefact.open(tmp_path / "out", SCHEMA, version=2)
    assert "numbers of version 1, but this saladkit reads version 2" in refused.value.problem
    assert refused.value.fix == f"Make it again with saladkit {__version__}."
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest | {"tool": "saladkit 0.0.1"}))
    with pytest.raises(SaladError) as refused:
        Artefact.open(tmp_path / "out", SCHEMA, version=2)
    assert refused.value.fix == f"Make it again with saladkit {__version__}, or read it with saladkit 0.0.1."


def test_remake_replaces_what_was_made_from_something_else_alone(source, tmp_path, contents):
    output = tmp_path / "out"
    make(output, source)
    before = contents(output)
    _, made = make(output, source, remake=True)
    assert made == [] and contents(output) == before
    _, made = make(output, source, remake=True, settings={"seed": 1})
    assert len(made) == 3 and contents(output) != before
    with pytest.raises(Killed):
        make(tmp_path / "half", source, stop_before=1)
    _, made = make(tmp_path / "half", source, remake=True)
    assert len(made) == 2  # of an interrupted run of the same, which is resumed
    source.write_text("four")
    _, made = make(tmp_path / "half", source, remake=True)
    assert len(made) == 3
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    with pytest.raises(SaladError, match="holds something else"):
        make(tmp_path / "foreign", source, remake=True)
