import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.samples import write_samples
from saladkit.formats.word_times import COLUMNS, join_word_times, read_word_times
from saladkit.settings.timestamps import LOW_SCORE, TimestampsSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.encoding import encode_flac
from saladkit.speech.voices.voice import open_voice
from saladkit.stages import timestamps as stage

TEXTS = {
    "fox": "The quick brown fox.",
    "milk": "She sells milk — and honey.",
    "sea": "Water boils near the sea.",
    "noon": "The clock had stopped at noon.",
}


def timestamps(source, output, **settings):
    """Run `timestamps` with these settings."""
    return stage.timestamps(source, output, TimestampsSettings(**settings))


def speech(text):
    utterance = open_voice("espeak:en-us").speak(text)
    return encode_flac(utterance.samples, utterance.sample_rate), len(utterance.samples) / utterance.sample_rate


def write_source(path, further=()):
    """Speech of every text, and `further` rows."""
    rows = []
    for id_, text in TEXTS.items():
        audio, duration = speech(text)
        rows.append({"id": id_, "text": text, "audio": {"bytes": audio, "path": None}, "duration": duration})
    write_samples(pa.Table.from_pylist([*rows, *further]), path)
    return str(path)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    short, duration = speech("Oh.")
    strange = [
        {"id": "short", "text": "word " * 40, "audio": {"bytes": short, "path": None}, "duration": duration},
        {"id": "damaged", "text": "Hello.", "audio": {"bytes": b"RIFF", "path": None}, "duration": 1.0},
        {"id": "nowhere", "text": "Hello.", "audio": {"bytes": None, "path": None}, "duration": 1.0},
        {"id": "nothing", "text": "Hello.", "audio": None, "duration": 1.0},
    ]
    return write_source(tmp_path_factory.mktemp("source") / "samples.parquet", strange)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "summary.json"}


def test_every_row_is_aligned_or_listed_with_a_reason(source, tmp_path):
    summary = timestamps(source, tmp_path / "times", aligner="sphinx", workers=1)
    artefact = Artefact.open(tmp_path / "times", "word-times")
    table = read_word_times(tmp_path / "times")
    assert table.schema.equals(COLUMNS)
    assert table.column("id").to_pylist() == list(TEXTS)
    assert set(table.column("aligner").to_pylist()) == {"sphinx"}
    scores = table.column("score").to_pylist()
    assert all(LOW_SCORE < score < 1 for score in scores)
    for row in table.to_pylist():
        assert [word["word"] for word in row["words"]] == TEXTS[row["id"]].split()
        assert [word["start"] is None for word in row["words"]] == [word == "—" for word in TEXTS[row["id"]].split()]
    reasons = {row["id"]: row["reason"] for row in artefact.manifest["skipped"]}
    assert reasons.keys() == {"short", "damaged", "nowhere", "nothing"}
    assert "has no audio" in reasons["nowhere"] and "has no audio" in reasons["nothing"]
    assert "no way through" in reasons["short"]
    assert "does not decode" in reasons["damaged"]
    words = sum(len(text.split()) for text in TEXTS.values())
    assert artefact.manifest["counts"] == {
        "rows": 4,
        "words": words,
        "words_with_times": words - 1,
        "flagged": 0,
        "bad_audio": 3,
        "skipped": 4,
    }
    assert artefact.manifest["identity"]["model"] == "en-us"
    assert (summary["rows"], summary["skipped"], summary["words_with_times"]) == (4, 4, words - 1)
    assert summary["score"] == pytest.approx(sum(scores) / len(scores))
    assert sum(path.stat().st_size for path in (tmp_path / "times").iterdir()) < 20_000


@pytest.mark.parametrize("language, timed", [("en", [True, True, True, False]), ("de", [True] * 4)])
def test_texts_are_aligned_as_they_are_spoken_in_their_language(language, timed, shell, tmp_path):
    audio, duration = speech("He paid five million dollars")
    row = {"id": "sum", "text": "He paid $5 million", "audio": {"bytes": audio, "path": None}, "duration": duration}
    write_samples(pa.Table.from_pylist([row]), tmp_path / "sum.parquet")
    done = shell(
        *("timestamps", tmp_path / "sum.parquet", "--aligner", "sphinx", "-o", tmp_path / "times"),
        *([] if language == "en" else ["--language", language]),
    )
    assert done.exit_code == 0, done.stderr
    words = read_word_times(tmp_path / "times").to_pylist()[0]["words"]
    assert [word["word"] for word in words] == row["text"].split()
    assert [word["start"] is not None for word in words] == timed  # "million" is spoken inside of "$5"
    settings = Artefact.open(tmp_path / "times", "word-times").manifest["settings"]
    assert settings["language"] == language


def test_a_run_that_was_cut_off_goes_on_and_ends_with_the_same_bytes(tmp_path, monkeypatch):
    source = write_source(tmp_path / "samples.parquet")
    monkeypatch.setattr(stage, "ROWS_PER_PART", 2)
    timestamps(source, tmp_path / "whole", aligner="sphinx", workers=1)
    expected = files_of(tmp_path / "whole")
    assert sum(name.endswith(".parquet") for name in expected) == 2

    timestamps(source, tmp_path / "cut", aligner="sphinx", workers=1)
    manifest = json.loads((tmp_path / "cut" / "manifest.json").read_text())
    plan = {key: manifest[key] for key in manifest if key not in ("counts", "skipped", "identity", "files")}
    (tmp_path / "cut" / "plan.json").write_text(json.dumps(plan))
    kept = "part-00000-of-00002.parquet"
    for name in ["manifest.json", "summary.json", *expected.keys() - {"manifest.json", kept}]:
        if name != f"counts-{kept.removesuffix('.parquet')}.json":
            (tmp_path / "cut" / name).unlink()
    before = (tmp_path / "cut" / kept).stat().st_mtime_ns
    summary = timestamps(source, tmp_path / "cut", aligner="sphinx", workers=1)
    assert summary["resumed"]
    assert (tmp_path / "cut" / kept).stat().st_mtime_ns == before
    assert files_of(tmp_path / "cut") == expected
    assert timestamps(source, tmp_path / "cut", aligner="sphinx", workers=1) == summary


def test_a_dry_run_makes_nothing(source, tmp_path):
    plan = timestamps(source, tmp_path / "times", aligner="sphinx", workers=1, limit=2, dry_run=True)
    assert (plan["dry_run"], plan["rows"], plan["words"]) == (True, 2, 10)
    assert plan["seconds_of_speech"] > 2
    assert not (tmp_path / "times").exists()


def test_a_source_without_one_row_to_align_is_an_error(source, tmp_path):
    rows = pq.read_table(source)
    pq.write_table(rows.slice(len(TEXTS)), tmp_path / "bad.parquet")
    with pytest.raises(SaladError, match="no row of .*bad.parquet could be aligned: PocketSphinx finds no way"):
        timestamps(str(tmp_path / "bad.parquet"), tmp_path / "times", aligner="sphinx", workers=1)
    assert not (tmp_path / "times").exists()


def test_any_number_of_processes_gives_the_same_bytes(source, tmp_path):
    for workers in (1, 2):
        timestamps(source, tmp_path / str(workers), aligner="sphinx", workers=workers)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_an_unknown_aligner_leaves_no_folder(source, tmp_path):
    with pytest.raises(SaladError, match="names no aligner"):
        timestamps(source, tmp_path / "times", aligner="mfa")
    assert not (tmp_path / "times").exists()


def test_word_times_join_their_samples_by_id(source, tmp_path):
    timestamps(source, tmp_path / "times", aligner="sphinx", workers=1)
    samples = read_samples(source, needed=["id", "text"])
    spoken = samples.slice(0, len(TEXTS)).take(pa.array([2, 0, 3, 1]))
    joined = join_word_times(spoken, tmp_path / "times")
    assert joined.column("id").to_pylist() == ["sea", "fox", "noon", "milk"]
    for row in joined.select(["text", "words"]).to_pylist():
        assert [word["word"] for word in row["words"]] == row["text"].split()
    assert joined.drop_columns(["words"]).equals(spoken)
    assert join_word_times(joined, tmp_path / "times").equals(joined)


def test_a_sample_without_word_times_is_an_error_that_names_it(source, tmp_path):
    timestamps(source, tmp_path / "times", aligner="sphinx", workers=1)
    samples = read_samples(source, needed=["id", "text"], optional=[])
    with pytest.raises(SaladError, match=r"no word times for the row 'short' \(not aligned: PocketSphinx"):
        join_word_times(samples, tmp_path / "times")
    with pytest.raises(SaladError, match="no word times for the row 'else'\n"):
        join_word_times(pa.table({"id": ["fox", "else"]}), tmp_path / "times")
    with pytest.raises(SaladError, match="the row 'fox' belong to another text"):
        join_word_times(pa.table({"id": ["fox"], "text": ["The quick brown dog."]}), tmp_path / "times")
    with pytest.raises(SaladError, match="not a folder"):
        join_word_times(samples, tmp_path / "nowhere")


def test_training_cuts_speech_by_word_times(shell, text_lm, tmp_path):
    source = write_source(tmp_path / "speech.parquet")
    timestamps(source, tmp_path / "times", aligner="sphinx", workers=1)
    size = ["--adapter-layers", 1, "--adapter-width", 16, "--adapter-mlp-width", 16, "--adapter-heads", 2]
    size += ["--adapter-kv-heads", 1, "--mel-bins", 16, "--encoder-width", 16, "--device", "cpu"]
    steps = ["--max-steps", 2, "--logging-steps", 1, "--save-steps", 1, "--text-words", 1, 2, "--speech-words", 1, 2]
    command = ["distill", text_lm, "--data", source, *size, *steps]
    without = shell(*command, "-o", tmp_path / "without")
    assert (without.exit_code, "no column 'words'" in without.stderr) == (2, True)
    done = shell(*command, "--words", tmp_path / "times", "-o", tmp_path / "with")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["last"]["distillation"] > 0
    inputs = json.loads((tmp_path / "with" / "manifest.json").read_text())["inputs"]
    assert "words 0" in inputs


def test_a_transcript_of_something_else_is_flagged(tmp_path):
    audio, duration = speech("Water boils near the sea.")
    wrong = {"id": "wrong", "text": "My brother wrote a letter.", "audio": {"bytes": audio, "path": None}}
    source = write_source(tmp_path / "samples.parquet", [wrong | {"duration": duration}])
    summary = timestamps(source, tmp_path / "times", aligner="sphinx", workers=1)
    flagged = [json.loads(line) for line in (tmp_path / "times" / "flagged.jsonl").read_text().splitlines()]
    assert [row["id"] for row in flagged] == ["wrong"] and flagged[0]["score"] < LOW_SCORE
    assert (summary["flagged"], summary["rows"]) == (1, len(TEXTS) + 1)  # kept
    unasked = timestamps(source, tmp_path / "unasked", aligner="sphinx", workers=1, min_score=0.0)
    assert (unasked["flagged"], unasked["score"]) == (0, None)


def test_shards_make_the_whole(tmp_path, monkeypatch):
    source = write_source(tmp_path / "samples.parquet")
    monkeypatch.setattr(stage, "ROWS_PER_PART", 1)
    timestamps(source, tmp_path / "whole", aligner="sphinx", workers=1)
    for index in (2, 0, 1):
        summary = timestamps(source, tmp_path / "shards", aligner="sphinx", workers=1, num_shards=3, shard_index=index)
        assert summary.get("shards_missing", False) is (index != 1)
    assert files_of(tmp_path / "shards") == files_of(tmp_path / "whole")
