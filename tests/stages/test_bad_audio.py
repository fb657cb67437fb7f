"""Rows whose audio cannot be used: every command that reads audio leaves them out and lists them, by one rule."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from saladkit.formats.artefact_writer import reopen
from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import write_samples
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.sources.samples import read_samples
from saladkit.stages.cache_speech import cache_speech

TINY = "--adapter-layers 1 --adapter-width 16 --adapter-mlp-width 32 --adapter-heads 2 --adapter-kv-heads 1"
SPANS = ["--text-words", "2", "4", "--speech-words", "2", "4"]


def wav(samples, **settings):
    content = io.BytesIO()
    soundfile.write(content, samples, 16_000, format="WAV", **settings)
    return content.getvalue()


NOISE = np.random.default_rng(0).normal(0, 0.1, 16_000)
ROWS = 12
DAMAGED = {
    "nothing": (None, "no audio"),
    "garbage": ({"bytes": b"this is no audio", "path": None}, "does not decode"),
    "half": ({"bytes": wav(NOISE)[:16_000], "path": None}, "cut short: it ends after"),
    "NaN": ({"bytes": wav([0, np.nan] * 800, subtype="FLOAT"), "path": None}, "NaN or infinite"),
    "not there": ({"bytes": None, "path": "nowhere/a.wav"}, "No such file"),
}


def damaged(source, path, audio):
    """Write `ROWS` rows of `source` with other audio in the first of them, whose ids are returned."""
    table = read_samples(source, needed=["audio"], limit=ROWS)
    column = table.column("audio")
    changed = pa.array([*audio, *column.to_pylist()[len(audio) :]], column.type)
    write_samples(table.set_column(table.column_names.index("audio"), "audio", changed), path)
    return table.column("id").to_pylist()[: len(audio)]


COMMANDS = ("cache-speech", "timestamps", "gap", "distill", "eval")


@pytest.fixture
def line_of(checkpoint, text_lm):
    """The command line of a command for one source."""

    def line(command, source):
        return {
            "cache-speech": ["cache-speech", source, "--mel-bins", 16],
            "timestamps": ["timestamps", source, "--aligner", "sphinx", "--min-score", 0, "--workers", 1],
            "gap": ["gap", checkpoint, source, "--teacher", text_lm, "--device", "cpu", "--interleavings", 1, *SPANS],
            "distill": [
                *["distill", text_lm, "--data", source, "--max-steps", 1, "--device", "cpu", *TINY.split(), *SPANS],
                *["--mel-bins", 16, "--encoder-width", 8, "--per-device-train-batch-size", 2],
            ],
            "eval": ["eval", checkpoint, source, "--device", "cpu", "--modality", "speech"],
        }[command]

    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_bad_rows_are_listed_unless_the_rule_is_strict(command, shell, line_of, speech, spoken_questions, tmp_path):
    source = spoken_questions if command == "eval" else speech
    path, output = tmp_path / "table.parquet", tmp_path / "out"
    ids = damaged(source, path, [audio for audio, _ in DAMAGED.values()])
    done = shell(*line_of(command, path), "-o", output)
    assert done.exit_code == 0, done.output
    manifest = json.loads((output / "manifest.json").read_text())
    listed = {row["id"]: row["reason"] for row in manifest["skipped"]}
    for id_, (_, reason) in zip(ids, DAMAGED.values(), strict=True):
        assert f"row '{id_}'" in listed[id_] and reason in listed[id_]
    summary = json.loads(done.stdout)
    assert manifest["counts"]["bad_audio"] == summary["bad_audio"] == len(DAMAGED)
    assert "their audio cannot be used (see `skipped` in the manifest): 5 (" in done.stderr
    assert f"  such as {path}: row '" in done.stderr and "\n  fix: " in done.stderr
    again = shell(*line_of(command, path), "-o", output, "--strict")
    assert again.exit_code == 2 and ("made without --strict" in again.stderr or f"row '{ids[0]}'" in again.stderr)
    strict = shell(*line_of(command, path), "-o", tmp_path / "strict", "--strict")
    assert strict.exit_code == 2 and f"{path}: row '{ids[0]}'" in strict.stderr and "no audio" in strict.stderr
    assert not (tmp_path / "strict").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_input_of_which_most_rows_are_bad_is_an_error(command, shell, line_of, speech, spoken_questions, tmp_path):
    source = spoken_questions if command == "eval" else speech
    path, bad = tmp_path / "table.parquet", ROWS // 2 + 1
    damaged(source, path, [DAMAGED["not there"][0]] * bad)
    done = shell(*line_of(command, path), "-o", tmp_path / "out")
    assert done.exit_code == 2 and done.stdout == ""
    assert f"{bad} of the {ROWS} rows of {path}, more than half, cannot be used" in done.stderr
    assert "No such file" in done.stderr and not (tmp_path / "out").exists()


def test_a_run_that_is_resumed_has_the_same_manifest(shell, line_of, speech, monkeypatch, tmp_path):
    """The first parts are made, with their bad rows, and the run is broken off; also one part is of bad rows only."""
    monkeypatch.setattr("saladkit.stages.cache_speech.ROWS_PER_PART", 3)
    path = tmp_path / "table.parquet"
    ids = damaged(speech, path, [audio for audio, _ in DAMAGED.values()])
    for name in ("whole", "resumed"):
        if name == "resumed":
            shell(*line_of("cache-speech", path), "-o", tmp_path / name, "--num-shards", 2, "--shard-index", 0)
        assert shell(*line_of("cache-speech", path), "-o", tmp_path / name).exit_code == 0
    whole, resumed = ((tmp_path / name / "manifest.json").read_bytes() for name in ("whole", "resumed"))
    assert whole == resumed and not (tmp_path / "resumed" / "working").exists()
    cache = FramesCache(tmp_path / "resumed")
    assert [id_ in cache for id_ in ids] == [False] * 5
    assert all(cache.length(id_) for id_ in read_samples(path, needed=["id"]).column("id").to_pylist()[5:])


@pytest.mark.parametrize("file", ["audio-part-00000", "part-00000", "manifest.json"])
def test_the_rows_left_out_outlive_every_other_file(file, shell, line_of, speech, contents, monkeypatch, tmp_path):
    """A file of a cache is damaged and its part made again; or the run ended just before the manifest."""
    monkeypatch.setattr("saladkit.stages.cache_speech.ROWS_PER_PART", 3)
    path, out = tmp_path / "table.parquet", tmp_path / "out"
    damaged(speech, path, [audio for audio, _ in DAMAGED.values()])
    assert shell(*line_of("cache-speech", path), "-o", out).exit_code == 0
    whole = contents(out)
    records = [name for name in whole if name.startswith("audio-part-")]
    assert 0 < len(records) < len([name for name in whole if name.endswith(".safetensors")])
    if file == "manifest.json":
        reopen(out, [])
    else:
        next(out.glob(f"{file}*")).write_bytes(b"")
        assert shell("verify", "--reopen", out).exit_code == 1
    assert shell(*line_of("cache-speech", path), "-o", out).exit_code == 0
    assert contents(out) == whole


@pytest.mark.parametrize("with_times", [False, True])
def test_training_leaves_out_what_its_inputs_list(with_times, shell, line_of, speech, tmp_path):
    path = tmp_path / "table.parquet"
    ids = damaged(speech, path, [audio for audio, _ in DAMAGED.values()])
    shell(*line_of("cache-speech", path), "-o", tmp_path / "frames")
    inputs = ["--frames", tmp_path / "frames"]
    if with_times:
        shell(*line_of("timestamps", path), "-o", tmp_path / "times")
        inputs += ["--words", tmp_path / "times"]
    done = shell(*line_of("distill", path), *inputs, "-o", tmp_path / "stage1")
    assert done.exit_code == 0, done.output
    skipped = json.loads((tmp_path / "stage1" / "manifest.json").read_text())["skipped"]
    assert [row["id"] for row in skipped] == ids and all("left out: " in row["reason"] for row in skipped)
    strict = shell(*line_of("distill", path), *inputs, "-o", tmp_path / "strict", "--strict")
    assert strict.exit_code == 2 and f"for the row '{ids[0]}' (left out: " in strict.stderr


def test_what_was_done_to_audio_is_counted(speech, capsys, tmp_path):
    scaled = {"bytes": wav(32768 * NOISE, subtype="FLOAT"), "path": None}
    opposite = {"bytes": wav(np.stack([NOISE, -NOISE], axis=1)), "path": None}
    ids = damaged(speech, tmp_path / "table.parquet", [scaled, opposite, opposite])
    found = cache_speech([str(tmp_path / "table.parquet")], tmp_path / "out", CacheSpeechSettings(bins=16))
    assert (found["audio_scaled"], found["audio_of_one_channel"], found["skipped"]) == (1, 2, 0)
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert (counts["audio_scaled"], counts["audio_of_one_channel"]) == (1, 2)
    printed = capsys.readouterr().err
    assert f"scaled to [-1, 1]: 1 ({ids[0]})" in printed and f"cancel each other: 2 ({ids[1]}, {ids[2]})" in printed
