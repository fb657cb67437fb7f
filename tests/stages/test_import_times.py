"""`import-times`: each kind of file as its tool writes it."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import words_from_row
from saladkit.formats.word_times import COLUMNS, join_word_times, read_word_times
from saladkit.rows.training_sources import check_words
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.sources.samples import read_samples
from saladkit.stages import import_times as stage

ROWS = [
    {"id": "84-121", "text": "“Mr. O’Neil,” she said — go!", "duration": 2.0},
    {"id": "84/122", "text": "The New-York clock", "duration": 1.4},
    {"id": "85-1", "text": "Nobody spoke of it", "duration": 1.0},
]
# The words of the first two rows as every file below has them: (start, end) in s.
FIRST = [(0.1, 0.35), (0.35, 0.8), (0.8, 1.0), (1.0, 1.4), (None, None), (1.5, 1.9)]
SECOND = [(0.0, 0.2), (0.25, 0.9), (1.0, 1.42)]

CTM = """\
84-121 1 0.10 0.25 MR 0.9
84-121 1 0.35 0.45 O'NEIL 0.8
84-121 1 0.80 0.20 SHE 0.9
84-121 1 1.00 0.40 SAID 0.9
84-121 1 1.50 0.40 GO 1
84/122 1 0.00 0.20 the 0.9
84/122 1 0.25 0.35 new 0.5
84/122 1 0.60 0.30 york 0.7
84/122 1 1.00 0.42 clock 0.3
"""
MFA_LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0.0 
xmax = 2.0 
tiers? <exists> 
size = 2 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "words" 
        xmin = 0.0 
        xmax = 2.0 
        intervals: size = 8 
        intervals [1]:
            xmin = 0.0 
            xmax = 0.1 
            text = "" 
        intervals [2]:
            xmin = 0.1 
            xmax = 0.35 
            text = "mr" 
        intervals [3]:
            xmin = 0.35 
            xmax = 0.8 
            text = "o'neil" 
        intervals [4]:
            xmin = 0.8 
            xmax = 1.0 
            text = "she" 
        intervals [5]:
            xmin = 1.0 
            xmax = 1.4 
            text = "said" 
        intervals [6]:
            xmin = 1.4 
            xmax = 1.5 
            text = "<eps>" 
        intervals [7]:
            xmin = 1.5 
            xmax = 1.9 
            text = "go" 
        intervals [8]:
            xmin = 1.9 
            xmax = 2.0 
            text = "" 
    item [2]:
        class = "IntervalTier" 
        name = "phones" 
        xmin = 0.0 
        xmax = 2.0 
        intervals: size = 2 
        intervals [1]:
            xmin = 0.0 
            xmax = 0.1 
            text = "" 
        intervals [2]:
            xmin = 0.1 
            xmax = 2.0 
            text = "spn" 
"""
PRAAT_SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.42
<exists>
2
"IntervalTier"
"Ann - words"
0
1.42
5
0
0.2
"the"
0.2
0.25
""
0.25
0.9
"new-york"
0.9
1
""
1
1.42
"clock"
"IntervalTier"
"Ann - phones"
0
1.42
1
0
1.42
"AH0"
"""
WHISPERX = [
    {
        "segments": [
            {
                "start": 0.1,
                "end": 1.4,
                "text": " Mr. O'Neil, she said",
                "words": [
                    {"word": "Mr.", "start": 0.1, "end": 0.35, "score": 0.9},
                    {"word": "O'Neil,", "start": 0.35, "end": 0.8, "score": 0.8},
                    {"word": "she", "start": 0.8, "end": 1.0, "score": 0.9},
                    {"word": "said", "start": 1.0, "end": 1.4, "score": 0.9},
                ],
            },
            {
                "start": 1.5,
                "end": 1.9,
                "text": " go",
                "words": [{"word": "go", "start": 1.5, "end": 1.9, "score": 1.0}],
            },
        ],
        "word_segments": [],
        "language": "en",
    },
    {
        "segments": [
            {
                "text": " The New-York 1 clock",
                "words": [
                    {"word": "The", "start": 0.0, "end": 0.2, "score": 0.9},
                    {"word": "New-York", "start": 0.25, "end": 0.9, "score": 0.6},
                    {"word": "1"},
                    {"word": "clock", "start": 1.0, "end": 1.42, "score": 0.3},
                ],
            }
        ],
        "word_segments": [],
    },
]


def write_ctm(folder):
    (folder / "all.ctm").write_text(CTM)
    return f"ctm:{folder / 'all.ctm'}"


def write_nemo(folder):
    words = folder / "nemo" / "ctm" / "words"
    words.mkdir(parents=True)
    for row in ROWS[:2]:
        lines = [line.rpartition(" ")[0] + "\n" for line in CTM.splitlines() if line.startswith(row["id"])]
        (words / f"{row['id'].replace('/', '_')}.ctm").write_text("".join(lines))
    return f"ctm:{folder / 'nemo'}"


def write_textgrids(folder):
    (folder / "aligned" / "84").mkdir(parents=True)
    (folder / "aligned" / "84-121.TextGrid").write_text(MFA_LONG)
    (folder / "aligned" / "84" / "122.TextGrid").write_text(PRAAT_SHORT, encoding="utf-16")  # as Praat does
    return f"textgrid:{folder / 'aligned'}"


def write_whisperx(folder):
    (folder / "whisperx" / "84").mkdir(parents=True)
    for name, content in zip(("84-121", "84/122"), WHISPERX, strict=True):
        (folder / "whisperx" / f"{name}.json").write_text(json.dumps(content))
    return f"whisperx:{folder / 'whisperx'}"


def alignment(id_):
    from lhotse.supervision import AlignmentItem

    fields = (line.split() for line in CTM.splitlines() if line.split()[0] == id_)
    return [
        AlignmentItem(word, float(start), float(seconds), float(score)) for _, _, start, seconds, word, score in fields
    ]


def write_lhotse(folder):
    """Cuts as LibriHeavy's: the texts stand in the supervision's custom fields. The row is the cut."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
    from lhotse.audio import AudioSource

    source = AudioSource("file", [0], "/nowhere/book.flac")
    recording = Recording("book", [source], sampling_rate=16_000, num_samples=1_600_000, duration=100.0)
    cuts = []
    for begin, row in ((30.0, ROWS[0]), (50.0, ROWS[1])):
        supervision = SupervisionSegment(
            f"{row['id']}-part",
            "book",
            start=0.0,
            duration=row["duration"],
            language="English",
            custom={"texts": [row["text"], "MR O'NEIL"], "pre_texts": ["Then", "THEN"], "begin_byte": 1, "end_byte": 9},
            alignment={"word": alignment(row["id"])},
        )
        cuts.append(MonoCut(row["id"], begin, row["duration"], 0, [supervision], recording=recording))
    CutSet.from_cuts(cuts).to_file(folder / "libriheavy_cuts.jsonl.gz")
    return f"lhotse:{folder / 'libriheavy_cuts.jsonl.gz'}"


def write_lhotse_supervisions(folder):
    """Supervisions of a recording, whose alignments count from the recording's start, as Lhotse's do."""
    from lhotse import SupervisionSegment, SupervisionSet

    supervisions = [
        SupervisionSegment(
            row["id"],
            "book",
            start=begin,
            duration=row["duration"],
            alignment={"word": [item.with_offset(begin) for item in alignment(row["id"])], "phone": []},
        )
        for begin, row in ((30.1, ROWS[0]), (50.7, ROWS[1]))
    ]
    SupervisionSet.from_segments(supervisions).to_file(folder / "supervisions.jsonl")
    return f"lhotse:{folder / 'supervisions.jsonl'}"


def write_cuts_of_whole_recordings(folder):
    """The row is the supervision; the cut is longer, and holds another."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
    from lhotse.audio import AudioSource

    source = AudioSource("file", [0], "/nowhere/book.flac")
    recording = Recording("book", [source], sampling_rate=16_000, num_samples=1_600_000, duration=100.0)
    supervisions = [
        SupervisionSegment(
            row["id"],
            "book",
            start=begin,
            duration=row["duration"],
            alignment={"word": [item.with_offset(begin) for item in alignment(row["id"])]},
        )
        for begin, row in ((5.1, ROWS[1]), (0.3, ROWS[0]))
    ]
    CutSet.from_cuts([MonoCut("cut", 20.0, 10.0, 0, supervisions, recording=recording)]).to_file(folder / "cuts.jsonl")
    return f"lhotse:{folder / 'cuts.jsonl'}"


def write_trimmed_cuts(folder):
    """What Lhotse cuts out: the words of the cut go on counting from the start of the recording."""
    from lhotse import CutSet, load_manifest

    write_cuts_of_whole_recordings(folder)
    (whole,) = load_manifest(folder / "cuts.jsonl")
    for part in whole.supervisions:  # counted from the cut until here, which began at 20 s
        part.alignment["word"] = [item.with_offset(20.0) for item in part.alignment["word"]]
    trimmed = [cut.with_id(cut.supervisions[0].id) for cut in whole.trim_to_supervisions(keep_overlapping=False)]
    for cut in trimmed:
        cut.supervisions[0].id += " as part"
    CutSet.from_cuts(trimmed).to_file(folder / "trimmed.jsonl")
    return f"lhotse:{folder / 'trimmed.jsonl'}"


WRITERS = [
    write_ctm,
    write_nemo,
    write_textgrids,
    write_whisperx,
    write_lhotse,
    write_lhotse_supervisions,
    write_cuts_of_whole_recordings,
    write_trimmed_cuts,
]


def import_times(source, output, **settings):
    """As `stage.import_times`, with these settings."""
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
    """What LibriHeavy itself publishes."""
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
