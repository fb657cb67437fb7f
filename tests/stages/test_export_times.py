import json

import pyarrow as pa
import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import write_samples
from saladkit.formats.word_times import read_word_times
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.sources.samples import read_samples
from saladkit.sources.word_times.textgrid import read_textgrid
from saladkit.stages import export_times as stage
from saladkit.stages.export_times import export_times
from saladkit.stages.import_times import import_times

KINDS = ["textgrid", "ctm"]


def timed(word, start, end, score=None):
    return {"word": word, "start": start, "end": end, "score": score}


@pytest.fixture
def rows(tmp_path):
    """Rows of every kind, as samples."""
    rows = [
        {
            "id": "large/1 ü%",
            "duration": 2.0,
            "words": [timed("“Say", 0.1234567, 0.5), timed('"a"', 0.5, 0.75, 0.5), timed("—", None, None)]
            + [timed("50%", 0.8, 0.8, 1.0), timed("b", 1.0 / 3 + 0.5, 1.9)],
        },
        {"id": "plain", "duration": None, "words": [timed("x", 0.0, 0.5)]},
        {"id": "untimed", "duration": 1.0, "words": [timed("x", None, None)]},
        {"id": "n" * 200, "duration": 1.0, "words": [timed("x", 0.0, 0.5)]},
        {"id": "overlap", "duration": 1.0, "words": [timed("x", 0.0, 0.5), timed("y", 0.4, 0.6)]},
        {"id": "infinite", "duration": 1.0, "words": [timed("x", 0.0, float("inf"))]},
        {"id": "backwards", "duration": 1.0, "words": [timed("x", 0.5, 0.2)]},
    ]
    write_samples(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


def skipped(folder):
    return {row["id"]: row["reason"] for row in Artefact.open(folder, "times-export").manifest["skipped"]}


def test_textgrids_hold_every_word_that_has_a_length(rows, tmp_path):
    summary = export_times(rows, tmp_path / "grids", ExportTimesSettings(format="textgrid"))
    names = {path.name for path in (tmp_path / "grids").iterdir()}
    first = "large%2F1%20%C3%BC%25.TextGrid"
    assert names == {first, "plain.TextGrid", "left-out.jsonl", "manifest.json", "summary.json"}
    (tier,) = read_textgrid(tmp_path / "grids" / first)
    assert tier.name == "words"
    assert tier.intervals == [
        (0.0, 0.123457, ""),
        (0.123457, 0.5, "“Say"),
        (0.5, 0.75, '"a"'),
        (0.75, 0.833333, ""),
        (0.833333, 1.9, "b"),
        (1.9, 2.0, ""),
    ]
    assert read_textgrid(tmp_path / "grids" / "plain.TextGrid")[0].intervals == [(0.0, 0.5, "x")]
    reasons = skipped(tmp_path / "grids")
    assert list(reasons) == ["untimed", "n" * 200, "overlap", "infinite", "backwards"]
    assert reasons["untimed"] == "no word of it has times"
    assert "file name of more than 170 characters" in reasons["n" * 200]
    assert "'y' starts before the word before it ends" in reasons["overlap"]
    assert reasons["backwards"] == "the times of 'x' are 0.5 and 0.2 s"
    left_out = [json.loads(line) for line in (tmp_path / "grids" / "left-out.jsonl").read_text().splitlines()]
    assert left_out == [
        {"id": "large/1 ü%", "index": 2, "word": "—", "reason": "it has no times"},
        {"id": "large/1 ü%", "index": 3, "word": "50%", "reason": "it has no length"},
    ]
    counts = {"rows": 2, "words": 4, "words_left_out": 2, "skipped": 5}
    assert Artefact.open(tmp_path / "grids", "times-export").manifest["counts"] == counts
    assert {key: summary[key] for key in counts} == counts


def test_a_ctm_is_one_file(rows, tmp_path):
    export_times(rows, tmp_path / "ctm", ExportTimesSettings(format="ctm"))
    lines = (tmp_path / "ctm" / "words.ctm").read_bytes().decode()
    assert lines.startswith(
        "large/1%20ü%25 1 0.123457 0.376543 “Say\n"
        'large/1%20ü%25 1 0.500000 0.250000 "a" 0.500000\n'
        "large/1%20ü%25 1 0.800000 0.000000 50% 1.000000\n"
        "large/1%20ü%25 1 0.833333 1.066667 b\n"
        "plain 1 0.000000 0.500000 x\n"
    )
    assert list(skipped(tmp_path / "ctm")) == ["untimed", "infinite", "backwards"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_comes_back_within_half_a_microsecond(kind, speech, contents, tmp_path):
    """Samples of `synth`, their words exported, and imported as word times; these exported give the same file."""
    export_times(str(speech), tmp_path / "out", ExportTimesSettings(format=kind))
    times = f"{kind}:{tmp_path / 'out' if kind == 'textgrid' else tmp_path / 'out' / 'words.ctm'}"
    summary = import_times(str(speech), tmp_path / "back", ImportTimesSettings(times=times))
    assert (summary["skipped"], summary["words_not_in_text"]) == (0, 0)
    spoken = read_samples(speech, needed=["id", "words"], optional=[])
    back = read_word_times(tmp_path / "back")
    assert back.column("id").to_pylist() == spoken.column("id").to_pylist()
    placed = 0
    for ours, theirs in zip(spoken.column("words").to_pylist(), back.column("words").to_pylist(), strict=True):
        for word, returned in zip(ours, theirs, strict=True):
            assert word["word"] == returned["word"]
            if returned["start"] is not None:
                assert returned["start"] == pytest.approx(word["start"], abs=0.5001e-6)
                assert returned["end"] == pytest.approx(word["end"], abs=0.5001e-6)
                placed += 1
    assert placed == summary["words_with_times"] > 0.95 * summary["words"]
    export_times(str(tmp_path / "back"), tmp_path / "again", ExportTimesSettings(format="ctm"))
    export_times(str(speech), tmp_path / "once", ExportTimesSettings(format="ctm"))
    again, once = ((tmp_path / name / "words.ctm").read_text().splitlines() for name in ("again", "once"))
    timed_again = {tuple(line.split()[:5]) for line in again}
    assert timed_again <= {tuple(line.split()[:5]) for line in once}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_line_gives_the_same_bytes_and_goes_on_where_it_stopped(kind, rows, contents, tmp_path, monkeypatch):
    export_times(rows, tmp_path / "whole", ExportTimesSettings(format=kind))
    expected = contents(tmp_path / "whole")
    name = "textgrid" if kind == "textgrid" else "ctm_lines"
    place = stage if kind == "textgrid" else stage.ctm
    written, calls = getattr(place, name), []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return written(*arguments)

    monkeypatch.setattr(place, name, killed)
    with pytest.raises(KeyboardInterrupt):
        export_times(rows, tmp_path / "cut", ExportTimesSettings(format=kind))
    assert len(contents(tmp_path / "cut")) == 2 if kind == "textgrid" else 1
    monkeypatch.setattr(place, name, written)
    summary = export_times(rows, tmp_path / "cut", ExportTimesSettings(format=kind))
    assert summary["resumed"]
    assert contents(tmp_path / "cut") == expected
    assert export_times(rows, tmp_path / "cut", ExportTimesSettings(format=kind)) == summary


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_to_write_is_an_error_and_leaves_nothing(kind, rows, tmp_path):
    table = read_samples(rows, needed=["id"]).slice(2, 1)
    write_samples(table, tmp_path / "untimed.parquet")
    with pytest.raises(SaladError, match="no row can be written: no word of it has times"):
        export_times(str(tmp_path / "untimed.parquet"), tmp_path / "out", ExportTimesSettings(format=kind))
    assert not (tmp_path / "out").exists()


def test_a_dry_run_makes_nothing(rows, tmp_path):
    plan = export_times(rows, tmp_path / "out", ExportTimesSettings(format="ctm", limit=2, dry_run=True))
    assert (plan["dry_run"], plan["rows"], plan["words"]) == (True, 2, 6)
    assert not (tmp_path / "out").exists()


def test_the_shell_exports(shell, rows, tmp_path):
    done = shell("export-times", rows, "-o", tmp_path / "out", "--format", "textgrid")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 2
