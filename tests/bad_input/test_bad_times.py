"""Word times of other tools that cannot be imported, and samples whose times cannot be exported."""

import json
import sys

import pytest

CTM = "row-1 1 0.0 0.5 Water\nrow-1 1 0.5 0.5 boils\n"
GRID = '"ooTextFile"\n"TextGrid" 0 1 <exists> 1\n"IntervalTier" "words" 0 1 2 0 0.5 "Water" 0.5 1 "boils"\n'


@pytest.fixture
def rows(write_rows, tmp_path):
    """One row without audio."""
    return write_rows(tmp_path / "rows.parquet", [{"id": "row-1", "text": "Water boils.", "duration": 1.0}])


@pytest.fixture
def not_imported(refused, rows, tmp_path):
    """Times that must be refused, with nothing written; returns (problem, fix)."""

    def run(times, *options, named=()):
        answer = refused("import-times", rows, "--times", times, *options, named=named)
        assert not (tmp_path / "output").exists()
        return answer

    return run


@pytest.mark.parametrize(
    "command, options, said",
    [
        ("timestamps", [], "Missing option '--aligner'"),
        ("timestamps", ["--aligner", "sphinx", "--times", "ctm:a.ctm"], "No such option '--times'"),
        ("import-times", [], "Missing option '--times'"),
        ("import-times", ["--times", "ctm:a.ctm", "--aligner", "sphinx"], "No such option '--aligner'"),
        ("import-times", ["--times", "ctm:a.ctm", "--device", "cpu"], "No such option '--device'"),
    ],
)
def test_times_are_found_or_imported(command, options, said, shell, rows, tmp_path):
    done = shell(command, rows, *options, "-o", tmp_path / "output")
    assert (done.exit_code, done.stdout) == (2, "") and said in done.stderr
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("times", ["mfa:somewhere", "somewhere", "ctm:", ":somewhere", ""])
def test_no_such_kind(times, not_imported):
    _, fix = not_imported(times, named=[times, "names no word times"])
    assert "ctm, textgrid, lhotse, whisperx" in fix


@pytest.mark.parametrize("kind", ["ctm", "textgrid", "lhotse", "whisperx"])
def test_nothing_there(kind, not_imported, tmp_path):
    not_imported(f"{kind}:{tmp_path / 'nowhere'}", named=[tmp_path / "nowhere", "is not there"])


@pytest.mark.parametrize("kind", ["ctm", "textgrid", "lhotse", "whisperx"])
def test_an_empty_folder(kind, not_imported, tmp_path):
    (tmp_path / "times").mkdir()
    not_imported(f"{kind}:{tmp_path / 'times'}", named=[tmp_path / "times"])


BROKEN_CTM = {
    "three columns": (CTM + "row-1 1.0 0.5\n", "line 3: it has 3 columns"),
    "a word for a time": (CTM.replace("0.0", "zero"), "line 1: could not convert string to float"),
    "nothing": ("", "holds no words"),
    "not a number": (CTM.replace("0.0", "nan"), "the time of 'Water' is not finite"),
    "reversed": ("".join(reversed(CTM.splitlines(keepends=True))), "before 'boils' ends"),
    "a negative duration": (CTM.replace("0.0 0.5", "0.2 -0.1"), "before it starts"),
    "negative": (CTM.replace("0.0 0.5", "-0.2 0.3"), "'Water' starts at -0.200 s"),
    "milliseconds": (CTM.replace("0.5 0.5", "500 500"), "'boils' ends at 1000.000 s, and the audio at 1.000 s"),
    "another text": ("row-1 1 0.0 0.5 Fire\nrow-1 1 0.5 0.5 burns\n", "the times are of another text"),
    "other ids": (CTM.replace("row-1", "row-2"), "has no times of this id"),
    "JSON": ('{"segments": []}\n', "line 1: it has 2 columns"),
}


@pytest.mark.parametrize("kind", list(BROKEN_CTM))
def test_a_broken_ctm(kind, not_imported, tmp_path):
    content, expected = BROKEN_CTM[kind]
    (tmp_path / "a.ctm").write_text(content)
    problem, _ = not_imported(f"ctm:{tmp_path / 'a.ctm'}", named=[tmp_path / "a.ctm"])
    assert expected in problem


def test_a_parquet_file_is_no_ctm(not_imported, rows):
    not_imported(f"ctm:{rows}", named=[rows, "line 1"])


BROKEN_GRIDS = {
    "cut": (GRID[:-10].encode(), "it is cut short"),
    "cut in Praat's encoding": (GRID.encode("utf-16")[:-31], "TextGrid"),
    "nothing": (b"", "it is cut short"),
    "binary": (b"ooBinaryFile\x08TextGrid\x00\x00\xff", "not a complete TextGrid"),
    "no words": (
        GRID.replace('<exists> 1\n"IntervalTier" "words"', '<absent> 0\n"IntervalTier" "words"').encode(),
        "tier",
    ),
    "not a number": (GRID.replace("0.5", "nan").encode(), "where a number belongs"),
    "reversed": (GRID.replace('0 0.5 "Water"', '0.7 0.5 "Water"').encode(), "before it starts"),
}


@pytest.mark.parametrize("kind", list(BROKEN_GRIDS))
def test_a_broken_textgrid(kind, not_imported, tmp_path):
    content, expected = BROKEN_GRIDS[kind]
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "row-1.TextGrid").write_bytes(content)
    problem, _ = not_imported(f"textgrid:{tmp_path / 'grids'}", named=[tmp_path / "grids"])
    assert expected in problem


BROKEN_JSON = {
    "no JSON": ("{", "JSONDecodeError"),
    "no segments": ('{"text": "Water boils."}', "it has no 'segments'"),
    "segments alone": ('{"segments": [{"text": "Water boils."}]}', "but no words of it"),
    "NaN": (
        '{"segments": [{"words": [{"word": "Water", "start": NaN, "end": 0.5, "score": 1}]}]}',
        "the time of 'Water' is not finite",
    ),
    "a word for a time": (
        '{"segments": [{"words": [{"word": "Water", "start": "early", "end": 0.5, "score": 1}]}]}',
        "not WhisperX's JSON",
    ),
}


@pytest.mark.parametrize("kind", list(BROKEN_JSON))
def test_broken_json(kind, not_imported, tmp_path):
    content, expected = BROKEN_JSON[kind]
    (tmp_path / "row-1.json").write_text(content)
    problem, _ = not_imported(f"whisperx:{tmp_path / 'row-1.json'}", named=[tmp_path / "row-1.json"])
    assert expected in problem


@pytest.mark.parametrize(
    "name, content",
    [
        ("cuts.jsonl", "{"),
        ("cuts.jsonl", '{"id": "row-1", "hello": 1}\n'),
        ("cuts.jsonl", ""),
        ("cuts.jsonl.gz", "this is no gzip"),
        ("cuts.json", "[]"),
        ("cuts.txt", "row-1"),
        (
            "recordings.jsonl",
            json.dumps(
                {
                    "id": "row-1",
                    "sources": [{"type": "file", "channels": [0], "source": "a.wav"}],
                    "sampling_rate": 16000,
                    "num_samples": 16000,
                    "duration": 1.0,
                }
            ),
        ),
    ],
)
def test_no_manifest_of_lhotse(name, content, not_imported, tmp_path):
    (tmp_path / name).write_text(content)
    not_imported(f"lhotse:{tmp_path / name}", named=[tmp_path / name])


def test_lhotse_is_not_installed(not_imported, monkeypatch, tmp_path):
    (tmp_path / "cuts.jsonl").write_text("{}")
    monkeypatch.setitem(sys.modules, "lhotse", None)
    problem, fix = not_imported(f"lhotse:{tmp_path / 'cuts.jsonl'}")
    assert "needs the package 'lhotse'" in problem
    assert "saladkit[lhotse]" in fix


def test_an_import_needs_texts(refused, write_rows, tmp_path):
    (tmp_path / "a.ctm").write_text(CTM)
    path = write_rows(tmp_path / "ids.parquet", [{"id": "row-1"}])
    refused("import-times", path, "--times", f"ctm:{tmp_path / 'a.ctm'}", named=[path, "no column 'text'"])


def test_an_output_that_holds_something_else(refused, shell, rows, contents, tmp_path):
    (tmp_path / "a.ctm").write_text(CTM)
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "thesis.tex").write_text("years of work")
    line = ["import-times", rows, "--times", f"ctm:{tmp_path / 'a.ctm'}"]
    refused(*line, output=output, named=[output, "something else"])
    assert shell(*line, "-o", tmp_path / "times").exit_code == 0
    for option in ([], ["--overwrite"]):
        export = ["export-times", tmp_path / "times", "--format", "ctm", *option]
        refused(*export, output=output, named=[output, "something else"])
    assert contents(output) == {"thesis.tex": b"years of work"}
    assert shell("export-times", tmp_path / "times", "--format", "ctm", "-o", tmp_path / "out").exit_code == 0
    before = contents(tmp_path / "out")
    export = ["export-times", tmp_path / "times", "--format", "textgrid"]
    refused(*export, output=tmp_path / "out", named=["made from something else", "settings"])
    assert contents(tmp_path / "out") == before
    assert shell(*export, "--overwrite", "-o", tmp_path / "out").exit_code == 0
    assert set(contents(tmp_path / "out")) == {"manifest.json", "row-1.TextGrid"}


def test_times_that_lie_in_the_output(refused, shell, rows, contents, tmp_path):
    (tmp_path / "a.ctm").write_text(CTM)
    assert shell("import-times", rows, "--times", f"ctm:{tmp_path / 'a.ctm'}", "-o", tmp_path / "times").exit_code == 0
    (tmp_path / "times" / "a.ctm").write_text(CTM)
    before = contents(tmp_path / "times")
    line = ["import-times", rows, "--times", f"ctm:{tmp_path / 'times' / 'a.ctm'}", "--overwrite"]
    refused(*line, output=tmp_path / "times", named=["throw away"])
    assert contents(tmp_path / "times") == before


def test_nothing_to_export(refused, shell, rows, tmp_path):
    refused("export-times", tmp_path / "nowhere", "--format", "ctm", named=[tmp_path / "nowhere"])
    refused("export-times", rows, "--format", "ctm", named=[rows, "no column 'words'"])
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "plan.json").write_text('{"schema": "word-times", "fingerprint": "x"}')
    refused("export-times", tmp_path / "begun", "--format", "ctm", named=[tmp_path / "begun", "is not finished"])
