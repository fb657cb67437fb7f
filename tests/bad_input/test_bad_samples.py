"""Samples that cannot be used: files, columns, ids, texts, audio, word times."""

import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from saladkit.formats.samples import write_samples
from saladkit.sources.samples import read_samples


def wav(samples):
    content = io.BytesIO()
    soundfile.write(content, np.asarray(samples, dtype=np.float32), 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


BROKEN_AUDIO = {
    "no audio at all": (b"this is no audio", "does not decode"),
    "a FLAC header and nothing else": (b"fLaC\x00\x00\x00\x22" + bytes(20), "does not decode"),
    "no bytes": (b"", "is an empty file"),
    "not a number": (wav([0.0, np.nan, 0.0] * 200), "NaN"),
    "infinite": (wav([0.0, np.inf, 0.0] * 200), "NaN or infinite"),
    "no samples": (wav([]), "no samples"),
}


def with_broken_audio(source, path, content, row=3):
    """The spoken samples, the audio of one row broken; returns its id."""
    table = read_samples(source, needed=["audio"])
    audio = table.column("audio").to_pylist()
    audio[row] = {"bytes": content, "path": None}
    index = table.column_names.index("audio")
    write_samples(table.set_column(index, "audio", pa.array(audio, table.schema.field("audio").type)), path)
    return table.column("id")[row].as_py()


@pytest.mark.parametrize("kind", list(BROKEN_AUDIO))
@pytest.mark.parametrize("command", ["cache-speech", "eval", "gap", "distill"])
def test_audio_that_cannot_be_heard(
    command, kind, refused, speech, spoken_questions, checkpoint, text_lm, tiny_adapter, tmp_path
):
    content, expected = BROKEN_AUDIO[kind]
    path = tmp_path / "broken.parquet"
    id_ = with_broken_audio(spoken_questions if command == "eval" else speech, path, content)
    arguments = {
        "cache-speech": [path],
        "eval": [checkpoint, path, "--device", "cpu", "--modality", "speech"],
        "gap": [checkpoint, path, "--teacher", text_lm, "--device", "cpu"],
        "distill": [
            text_lm,
            "--data",
            path,
            "--max-steps",
            24,
            "--per-device-train-batch-size",
            1,
            "--device",
            "cpu",
            *tiny_adapter,
        ],
    }[command]
    problem, _ = refused(command, *arguments, "--strict", named=[path, f"'{id_}'"])
    assert expected in problem


def test_an_output_of_which_nothing_was_made_takes_the_mended_samples(
    refused, shell, speech, checkpoint, text_lm, tmp_path
):
    with_broken_audio(speech, tmp_path / "broken.parquet", b"this is no audio")
    options = ["--teacher", text_lm, "--text-words", 2, 4, "--speech-words", 2, 4, "--device", "cpu"]
    refused("gap", checkpoint, tmp_path / "broken.parquet", *options, "--strict")
    result = shell("gap", checkpoint, speech, *options, "-o", tmp_path / "output")
    assert result.exit_code == 0, result.stderr


def test_audio_that_is_neither_stored_nor_named(refused, speech, tmp_path):
    path = tmp_path / "broken.parquet"
    id_ = with_broken_audio(speech, path, None)
    refused("cache-speech", path, "--strict", named=[path, f"'{id_}'"])


def test_an_audio_file_that_is_not_there(refused, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "row-1", "text": "x", "audio": "nowhere.flac"}) + "\n")
    refused("cache-speech", tmp_path / "rows.jsonl", named=[tmp_path / "rows.jsonl", "'row-1'"])


READERS = {
    "synth": ["--voice", "espeak:en-us"],
    "cache-teacher": ["--model", "TEXT_LM", "--device", "cpu"],
    "cache-speech": [],
    "regions": ["--embedder", "lm:TEXT_LM", "--clusters", "2", "--device", "cpu"],
}


def arguments_of(command, source, text_lm):
    return [command, source, *[option.replace("TEXT_LM", str(text_lm)) for option in READERS[command]]]


@pytest.mark.parametrize("command", list(READERS))
def test_samples_without_what_the_command_needs(command, refused, text_lm, write_rows, tmp_path):
    path = write_rows(tmp_path / "rows.parquet", [{"id": "a", "sentence": "x"}])
    problem, fix = refused(*arguments_of(command, path, text_lm), named=[path, "sentence"])
    column = "audio" if command == "cache-speech" else "text"
    assert f"no column '{column}'" in problem
    assert f"--{column}-column" in fix


@pytest.mark.parametrize("command", list(READERS))
@pytest.mark.parametrize("kind", ["cut", "garbage", "nothing", "no rows", "missing"])
def test_files_that_cannot_be_read(command, kind, refused, speech, text_lm, tmp_path):
    path = tmp_path / "rows.parquet"
    whole = next(speech.glob("*.parquet")).read_bytes()
    if kind == "no rows":
        pq.write_table(read_samples(speech, needed=["id"]).slice(0, 0), path)
    elif kind != "missing":
        path.write_bytes({"cut": whole[: len(whole) // 2], "garbage": b"PAR1" + bytes(64), "nothing": b""}[kind])
    problem, _ = refused(*arguments_of(command, path, text_lm), named=[path])
    assert {"no rows": "has no rows", "missing": "holds no samples"}.get(kind, "cannot be read") in problem


@pytest.mark.parametrize("command", ["synth", "cache-teacher", "regions"])
@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_text(command, text, refused, text_lm, write_rows, tmp_path):
    rows = [{"id": f"row-{i}", "text": "Water boils near the sea."} for i in range(3)]
    path = write_rows(tmp_path / "rows.parquet", [*rows, {"id": "row-3", "text": text}])
    refused(*arguments_of(command, path, text_lm), named=[path, "'row-3'", "empty text"])


@pytest.mark.parametrize("command", list(READERS))
def test_ids_that_occur_twice(command, refused, speech, text_lm, tmp_path):
    table = read_samples(speech, needed=["id"])
    path = tmp_path / "rows.parquet"
    write_samples(pa.concat_tables([table, table.slice(2, 1)]), path)
    refused(*arguments_of(command, path, text_lm), named=[path, f"'{table.column('id')[2].as_py()}'"])


def test_one_id_in_two_sources(refused, speech, tmp_path):
    shutil.copy(next(speech.glob("*.parquet")), tmp_path / "again.parquet")
    refused("cache-speech", speech, tmp_path / "again.parquet", named=[speech, tmp_path / "again.parquet"])


@pytest.mark.parametrize("command", ["synth", "cache-teacher", "select"])
def test_a_named_column_that_is_not_there(command, refused, world, text_lm, regions):
    options = {
        "synth": ["--voice", "espeak:en-us"],
        "cache-teacher": ["--model", text_lm],
        "select": ["--regions", regions, "--count", 1, "--gamma", 0],
    }
    refused(command, world / "pool.parquet", *options[command], "--text-column", "txt", named=["no column 'txt'"])


@pytest.mark.parametrize("change", ["fewer", "backwards", "not finite", "beyond the end"])
def test_word_times_that_do_not_fit(change, refused, checkpoint, text_lm, speech, tmp_path):
    rows = read_samples(speech, needed=["id"]).to_pylist()
    words = rows[4]["words"]
    if change == "fewer":
        words.pop()
    elif change == "beyond the end":
        words[-1]["end"] = rows[4]["duration"] + 0.2
    else:
        words[1]["start"] = {"backwards": 99.0, "not finite": float("nan")}[change]
    path = tmp_path / "rows.parquet"
    write_samples(pa.Table.from_pylist(rows), path)
    refused("gap", checkpoint, path, "--teacher", text_lm, "--device", "cpu", named=[path, f"'{rows[4]['id']}'"])
