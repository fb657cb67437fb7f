"""`import-times`: each kind of file as its tool writes it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from files_of_word_times import FIRST, MFA_LONG, ROWS, SECOND, WRITERS, write_ctm, write_nemo, write_textgrids

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import words_from_row
from saladkit.formats.word_times import COLUMNS, join_word_times, read_word_times
from saladkit.rows.timed_speech import check_words
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.sources.samples import read_samples
from saladkit.stages import import_times as stage


def import_times(source, output, **settings):
    """Run `import-times` with these settings."""
    return stage.import_times(source, output, ImportTimesSettings(**settings))


@pytest.fixture
def samples(tmp_path):
    """Three rows without audio; no file has times of the third."""
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    return str(tmp_path / "rows.parquet")


@pytest.mark.parametrize("write", WRITERS)
def test_every_kind_gives_the_texts_words_their_times(write, samples, tmp_path):
    times = write(tmp_path)
    kind = times.partition(":")[0]
    summary = import_times(samples, tmp_path / "times", times=times)
    table = read_word_times(tmp_path / "times")
    assert table.schema.equals(COLUMNS)
    assert table.column("id").to_pylist() == ["84-121", "84/122"]
    assert table.column("aligner").to_pylist() == [kind, kind]
    for row, sample, expected in zip(table.to_pylist(), ROWS, (FIRST, SECOND), strict=False):
        assert [word["word"] for word in row["words"]] == sample["text"].split()
        assert [(word["start"], word["end"]) for word in row["words"]] == expected
    scores = [[word["score"] for word in row["words"]] for row in table.to_pylist()]
    if write in (write_nemo, write_textgrids):
        assert scores == [[None] * 6, [None] * 3]
        assert (table.column("score").to_pylist(), summary["score"]) == ([None, None], None)
    else:
        assert scores == [[0.9, 0.8, 0.9, 0.9, None, 1.0], [0.9, pytest.approx(0.6), 0.3]]
        assert table.column("score").to_pylist() == pytest.approx([0.9, 0.6])
        assert summary["score"] == pytest.approx(0.75)
    artefact = Artefact.open(tmp_path / "times", "word-times")
    assert [row["id"] for row in artefact.manifest["skipped"]] == ["85-1"]
    assert "has no times of this id" in artefact.manifest["skipped"][0]["reason"]
    extra = int(kind == "whisperx")
    counts = {
        "rows": 2,
        "words": 9,
        "words_with_times": 8,
        "words_not_in_text": extra,
        "unknown_words": 0,
        "skipped": 1,
    }
    assert artefact.manifest["counts"] == counts
    assert {key: summary[key] for key in counts} == counts
    assert artefact.manifest["identity"]["format"] == kind
    assert set(artefact.manifest["inputs"]) == {"samples", "times"}
    rows = read_samples(samples, needed=["id", "text"], optional=["duration"]).slice(0, 2)
    for row in join_word_times(rows, tmp_path / "times").to_pylist():
        check_words(row["id"], row["text"], words_from_row(row), row["duration"], "as training does")


def test_rows_are_listed_with_the_reason(tmp_path):
    texts = {
        "good": "one two",
        "empty": "one two",
        "other": "three four five",
        "backwards": "one two",
        "late": "one two",
        "broken": "one two",
        "phones": "one two",
        "twice": "one two",
    }
    folder = tmp_path / "grids"
    for id_ in [*texts, "a/twice", "b/twice"]:
        first, second = ("one", "two") if id_ != "empty" else ("", "")
        middle = 0.9 if id_ == "backwards" else 0.5
        lines = ['"ooTextFile"\n"TextGrid" 0 1 1', f'"IntervalTier" "words" 0 1 2 0 {middle} "{first}"']
        lines += [f'0.5 1 "{second}"'] if id_ != "broken" else []
        content = "\n".join(lines)
        if id_ == "phones":
            content = content.replace('"words"', '"phones"').replace("0 1 1\n", "0 1 2\n") + ' "IntervalTier" "x" 0 1 0'
        (folder / id_).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{id_}.TextGrid").write_text(content)
    (folder / "twice.TextGrid").unlink()
    rows = [{"id": id_, "text": text, "duration": 0.5 if id_ == "late" else 1.0} for id_, text in texts.items()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    import_times(str(tmp_path / "rows.parquet"), tmp_path / "times", times=f"textgrid:{folder}")
    assert read_word_times(tmp_path / "times").column("id").to_pylist() == ["good"]
    skipped = {row["id"]: row["reason"] for row in Artefact.open(tmp_path / "times", "word-times").manifest["skipped"]}
    assert list(skipped) == list(texts)[1:]
    assert "but no words of it" in skipped["empty"]
    assert "the times are of another text: 0 of its 3 words" in skipped["other"]
    assert "before 'one' ends" in skipped["backwards"]
    assert "'two' ends at 1.000 s, and the audio at 0.500 s" in skipped["late"]
    assert "broken.TextGrid is not a complete TextGrid: it is cut short" in skipped["broken"]
    assert "phones.TextGrid has no tier of words" in skipped["phones"]
    assert "are both named after the row" in skipped["twice"]


def test_unknown_words_have_no_times_and_are_counted(tmp_path):
    """Older versions of MFA write <unk> for what their dictionary lacks."""
    (tmp_path / "a.TextGrid").write_text(MFA_LONG.replace("o'neil", "<unk>").replace('"go"', '"spn"'))
    pq.write_table(pa.Table.from_pylist([ROWS[0] | {"id": "a"}]), tmp_path / "rows.parquet")
    summary = import_times(str(tmp_path / "rows.parquet"), tmp_path / "times", times=f"textgrid:{tmp_path}")
    (row,) = read_word_times(tmp_path / "times").to_pylist()
    assert [word["start"] for word in row["words"]] == [0.1, None, 0.8, 1.0, None, None]
    assert (summary["words_with_times"], summary["unknown_words"], summary["words_not_in_text"]) == (3, 2, 0)


def test_a_cut_without_an_alignment_has_no_words(tmp_path):
    """LibriHeavy is published like this."""
    from lhotse import CutSet, MonoCut, SupervisionSegment

    supervision = SupervisionSegment("part", "book", 0.0, 2.0, custom={"texts": [ROWS[0]["text"]]})
    path = tmp_path / "cuts.jsonl.gz"
    CutSet.from_cuts([MonoCut("84-121", 0.0, 2.0, 0, [supervision])]).to_file(path)
    pq.write_table(pa.Table.from_pylist(ROWS[:1]), tmp_path / "rows.parquet")
    with pytest.raises(SaladError, match="no row of .*rows.parquet has times in .* but no words of it"):
        import_times(str(tmp_path / "rows.parquet"), tmp_path / "times", times=f"lhotse:{path}")
    assert not (tmp_path / "times").exists()


def test_the_same_line_gives_the_same_bytes_and_goes_on_where_it_stopped(samples, contents, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ROWS_PER_PART", 1)
    times = write_ctm(tmp_path)
    import_times(samples, tmp_path / "whole", times=times)
    expected = contents(tmp_path / "whole")
    parts = [name for name in expected if name.endswith(".parquet")]
    assert parts == ["part-00000-of-00003.parquet", "part-00001-of-00003.parquet"]

    written = stage.write_word_times

    def killed(rows, path):
        if rows[0]["id"] == "84/122":
            raise KeyboardInterrupt
        written(rows, path)

    monkeypatch.setattr(stage, "write_word_times", killed)
    with pytest.raises(KeyboardInterrupt):
        import_times(samples, tmp_path / "cut", times=times)
    assert sorted(contents(tmp_path / "cut")) == [parts[0], "plan.json"]
    monkeypatch.setattr(stage, "write_word_times", written)
    summary = import_times(samples, tmp_path / "cut", times=times)
    assert summary["resumed"]
    assert contents(tmp_path / "cut") == expected
    assert import_times(samples, tmp_path / "cut", times=times) == summary


def test_a_dry_run_makes_nothing(samples, tmp_path):
    plan = import_times(samples, tmp_path / "times", times=write_ctm(tmp_path), limit=2, dry_run=True)
    assert (plan["dry_run"], plan["rows"], plan["words"]) == (True, 2, 9)
    assert not (tmp_path / "times").exists()


def test_the_shell_imports_without_audio_or_torch(samples, shell, tmp_path):
    pq.write_table(pa.table({"key": ["84-121"], "sentence": [ROWS[0]["text"]]}), tmp_path / "foreign.parquet")
    line = ["import-times", tmp_path / "foreign.parquet", "-o", tmp_path / "times", "--times", write_ctm(tmp_path)]
    done = shell(*line, "--id-column", "key", "--text-column", "sentence")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["words_with_times"] == 5
