"""`import-times` on what other tools name, count and leave out in their own way."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.formats.samples import LEFT_OUT
from saladkit.formats.word_times import read_word_times
from saladkit.sources.samples import read_samples

TEXTS = {"one": "Water boils near New York in 1984.", "two": "Dogs sleep late."}
LABELS = {"one": ["water", "boils", "near", "New York", "in", "1984"], "two": ["dogs", "sleep", "late"]}
EXPECTED = {
    "wav/one": [0.0, 0.5, 1.0, 1.5, None, 2.0, 2.5],
    "wav/two": [0.0, 0.5, 1.0],
}


def placed(name):
    return [(label, 0.5 * at, 0.5) for at, label in enumerate(LABELS[name])]


@pytest.fixture
def manifest(tmp_path):
    """A NeMo manifest, whose rows have paths as ids."""
    lines = [{"audio_filepath": f"wav/{name}.wav", "text": text, "duration": 3.0} for name, text in TEXTS.items()]
    (tmp_path / "manifest.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path / "manifest.json"


def nemo_forced_aligner(folder):
    """CTM files whose ids are the stems of the recordings."""
    (folder / "ctm" / "words").mkdir(parents=True)
    for name in TEXTS:
        words = [(part, start, seconds) for label, start, seconds in placed(name) for part in label.split()]
        lines = [f"{name} 1 {start:.2f} {seconds:.2f} {word} NA lex NA\n" for word, start, seconds in words]
        if name == "one":  # a CTM has a line for each word
            lines[3:5] = ["one 1 1.50 0.20 new NA lex NA\n", "one 1 1.70 0.30 york NA lex NA\n"]
        (folder / "ctm" / "words" / f"{name}.ctm").write_text("".join(lines))
    return f"ctm:{folder}"


def whisperx(folder):
    folder.mkdir()
    for name in TEXTS:
        words = [{"word": word, "start": a, "end": a + s, "score": 0.9} for word, a, s in placed(name)]
        (folder / f"{name}.json").write_text(json.dumps({"segments": [{"words": words}], "language": "en"}))
    return f"whisperx:{folder}"


def flat_textgrids(folder):
    folder.mkdir()
    for name in TEXTS:
        entries = " ".join(f'{a} {a + s} "{label}"' for label, a, s in placed(name))
        tier = f'"IntervalTier" "words" 0 3 {len(placed(name))} {entries}'
        (folder / f"{name}.TextGrid").write_text(f'"ooTextFile"\n"TextGrid" 0 3 <exists> 1\n{tier}\n')
    return f"textgrid:{folder}"


def lhotse(folder):
    folder.mkdir()
    lines = [
        {
            "id": name,
            "recording_id": name,
            "start": 0.0,
            "duration": 3.0,
            "alignment": {"word": [[word, start, seconds] for word, start, seconds in placed(name)]},
        }
        for name in TEXTS
    ]
    (folder / "supervisions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"lhotse:{folder}/supervisions.jsonl"


def starts(shell, manifest, times, output):
    done = shell("import-times", manifest, "--times", times, "-o", output)
    assert done.exit_code == 0, done.stderr
    rows = read_word_times(output).to_pylist()
    return {row["id"]: [word["start"] for word in row["words"]] for row in rows}, json.loads(done.stdout)


@pytest.mark.parametrize("write", [nemo_forced_aligner, whisperx, flat_textgrids, lhotse])
def test_ids_that_are_paths_find_times_under_stems(write, shell, manifest, tmp_path):
    found, summary = starts(shell, manifest, write(tmp_path / "times"), tmp_path / "out")
    expected = EXPECTED if write != nemo_forced_aligner else EXPECTED | {"wav/one": [0.0, 0.5, 1.0, 1.5, 1.7, 2.0, 2.5]}
    assert found == expected
    assert (summary["skipped"], summary["words_not_in_text"], summary["times_left_out"]) == (0, 0, 0)


def test_the_error_shows_an_id_of_each_side(shell, manifest, tmp_path):
    (tmp_path / "other.ctm").write_text("utt-0001 1 0.0 0.5 water\n")
    done = shell("import-times", manifest, "--times", f"ctm:{tmp_path}/other.ctm", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "has no times of this id, 'wav/one': its ids are such as 'utt-0001'" in done.stderr


def test_one_overlapping_word_of_whisperx_is_listed(shell, manifest, tmp_path):
    times = whisperx(tmp_path / "times")
    path = tmp_path / "times" / "two.json"
    content = json.loads(path.read_text())
    content["segments"][0]["words"][1]["end"] = 2.5  # of the second of three words
    path.write_text(json.dumps(content))
    found, summary = starts(shell, manifest, times, tmp_path / "out")
    assert found == EXPECTED | {"wav/two": [0.0, None, 1.0]}
    assert summary["times_left_out"] == 1
    (listed,) = map(json.loads, (tmp_path / "out" / LEFT_OUT).read_text().splitlines())
    assert listed == {
        "id": "wav/two",
        "word": "sleep",
        "reason": "'late' starts at 1.000 s, before 'sleep' ends (2.500 s)",
    }


@pytest.mark.parametrize(
    "item",
    [
        ["sleep", 0.5],
        ["sleep", 0.5, None, 0.9],
        ["sleep", None, None, None],
        {"symbol": "sleep", "start": 0.5},
        "sleep",
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["supervisions.jsonl", "supervisions.json", "cuts.jsonl"])
def test_a_word_of_lhotse_without_a_duration_costs_its_time(kind, item, shell, manifest, tmp_path):
    lhotse(tmp_path / "times")
    lines = [json.loads(line) for line in (tmp_path / "times" / "supervisions.jsonl").read_text().splitlines()]
    lines[1]["alignment"]["word"][1] = item
    lines[1]["alignment"] |= {"phone": None}  # a kind of alignment that is empty costs nothing
    lines[1]["alignment"]["word"] += [[], None]
    if kind == "cuts.jsonl":
        cut = {"type": "MonoCut", "start": 0.0, "duration": 3.0, "channel": 0}
        lines = [cut | {"id": line["id"], "supervisions": [line]} for line in lines]
    text = json.dumps(lines) if kind.endswith(".json") else "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "times" / kind).write_text(text)
    found, _ = starts(shell, manifest, f"lhotse:{tmp_path}/times/{kind}", tmp_path / "out")
    assert found == EXPECTED | {"wav/two": [0.0, None, 1.0]}


def test_a_cut_whose_word_has_no_duration_is_a_sample_with_the_others(tmp_path):
    items = [["Dogs", 0.0, 0.5, None], ["sleep", 0.5], ["late.", 1.0, 0.5, None]]
    said = {"id": "two", "recording_id": "r", "start": 0.0, "duration": 3.0, "text": TEXTS["two"]}
    cut = {"id": "two", "type": "MonoCut", "start": 0.0, "duration": 3.0, "channel": 0}
    line = cut | {"supervisions": [said | {"alignment": {"word": items}}]}
    (tmp_path / "cuts.jsonl").write_text(json.dumps(line) + "\n")
    (row,) = read_samples(tmp_path / "cuts.jsonl", needed=["text", "words"]).to_pylist()
    assert [(word["word"], word["start"], word["end"]) for word in row["words"]] == [
        ("Dogs", 0.0, 0.5),
        ("sleep", None, None),
        ("late.", 1.0, 1.5),
    ]


def test_rows_that_share_a_stem_are_listed(shell, tmp_path):
    rows = [{"id": f"{folder}/a", "text": "Dogs sleep late."} for folder in ("x", "y")]
    rows.append({"id": "x/b", "text": "Dogs sleep late."})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    words = "".join(f"{name} 1 {start} {seconds} {word}\n" for name in "ab" for word, start, seconds in placed("two"))
    (tmp_path / "all.ctm").write_text(words)
    found, _ = starts(shell, tmp_path / "rows.parquet", f"ctm:{tmp_path}/all.ctm", tmp_path / "out")
    assert list(found) == ["x/b"]
    skipped = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert [row["id"] for row in skipped] == ["x/a", "y/a"]
    assert all("a may be the row 'x/a' or the row 'y/a'" in row["reason"] for row in skipped)
