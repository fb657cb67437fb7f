"""Samples of other tools are read with their ids, their texts and the exact audio that was recorded."""

import gzip
import json
import os

import numpy as np
import pytest
from foreign_sources import (
    GAP,
    audiofolder,
    common_voice,
    librispeech,
    nemo,
    nemo_stretches,
    text_beside,
    write_lines,
    write_wav,
)

from saladkit.errors import SaladError
from saladkit.formats.artefact import digest_path, is_artefact
from saladkit.formats.samples import COLUMNS
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row, seconds_of_row


def read(source, needed=("text", "audio"), **settings):
    return read_samples(source, needed=list(needed), **settings).to_pylist()


KINDS = {
    "nemo": (nemo, "wav/{}"),
    "audiofolder, csv": (audiofolder, "data/{}"),
    "audiofolder, jsonl": (lambda folder, spoken: audiofolder(folder, spoken, ".jsonl"), "data/{}"),
    "audiofolder, parquet": (lambda folder, spoken: audiofolder(folder, spoken, ".parquet"), "data/{}"),
    "common voice": (common_voice, "{}"),
    "txt": (text_beside, "{0[0]}/{0}"),
    "lab": (lambda folder, spoken: text_beside(folder, spoken, ".lab"), "{0[0]}/{0}"),
    "LibriTTS": (lambda folder, spoken: text_beside(folder, spoken, ".normalized.txt"), "{0[0]}/{0}"),
    "LibriSpeech": (librispeech, None),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_gives_the_recordings_and_their_texts(kind, spoken, tmp_path):
    lay_out, id_ = KINDS[kind]
    source = lay_out(tmp_path, spoken)
    table = read_samples(source, needed=["text", "audio"])
    for column in table.column_names:
        if column in COLUMNS:
            assert table.schema.field(column).type == COLUMNS[column]
    rows = {row["text"]: row for row in table.to_pylist()}
    assert table.num_rows == len(spoken) == len(rows)
    for number, one in enumerate(spoken):
        row = rows[one.text]
        subfolder = "train/" if kind.startswith("audiofolder") and number else ""
        expected = f"84-121123-{number:04d}" if id_ is None else subfolder + id_.format(one.name)
        assert row["id"] == expected
        samples, rate = decode_row(row, "x")
        assert rate == one.rate
        assert np.array_equal(samples, one.samples)
        assert seconds_of_row(row, "x") == len(samples) / rate
        assert row["audio"]["bytes"] is None
    assert len(read(source, limit=2)) == 2
    only_texts = read_samples(source, needed=["text"], optional=[])
    assert sorted(only_texts.column_names) == ["id", "text"]
    assert sorted(only_texts.column("text").to_pylist()) == sorted(rows)
    assert read_samples(source, needed=["audio"], optional=[]).column_names == ["id", "audio"]


def test_what_is_known_of_speakers_and_durations_is_kept(spoken, tmp_path):
    (row, *_) = read(nemo(tmp_path / "nemo", spoken))
    assert row["duration"] == pytest.approx(len(spoken[0].samples) / spoken[0].rate)
    assert row["lang"] == 1
    assert "audio_filepath" not in row
    assert {row["speaker"] for row in read(audiofolder(tmp_path / "folder", spoken))} == {"7"}
    assert {row["speaker"] for row in read(librispeech(tmp_path / "libri", spoken))} == {"84"}
    source = common_voice(tmp_path / "voice", spoken)
    assert {row["speaker"] for row in read(source)} == {"somebody"}
    assert "duration" not in read(source)[0]
    (tmp_path / "voice" / "clip_durations.tsv").write_text("clip\tduration[ms]\ntwo.wav\t2345\n")
    assert [row["duration"] for row in read(source)] == [None, 2.345, None]


def test_a_nemo_line_with_an_offset_is_a_stretch(spoken, tmp_path):
    source = nemo_stretches(tmp_path, spoken)
    rows = read(source)
    assert [row["text"] for row in rows] == [one.text for one in spoken]
    assert rows[0]["id"] == f"{str(tmp_path).lstrip('/')}/long@{GAP:g}"
    for row, one in zip(rows, spoken, strict=True):
        samples, rate = decode_row(row, "x")
        assert np.array_equal(samples, one.samples)
        assert seconds_of_row(row, "x") == len(samples) / rate == row["duration"]
    with gzip.open(tmp_path / "again.jsonl.gz", "wt") as stream:
        stream.write(source.read_text())
    assert read(tmp_path / "again.jsonl.gz") == rows


def test_nemo_ids_and_paths(spoken, tmp_path, monkeypatch):
    write_wav(tmp_path / "a.wav", spoken[0].samples, spoken[0].rate)
    line = {"audio_filepath": "a.wav", "text": "x", "duration": 1}
    assert read(write_lines(tmp_path / "own.json", [line | {"id": "mine", "offset": 0.25}]))[0]["id"] == "mine"
    named = read(write_lines(tmp_path / "named.json", [line | {"utt": "u1"}]), names=ColumnNames(id="utt"))
    assert [row["id"] for row in named] == ["u1"]
    home = read(write_lines(tmp_path / "home.json", [line | {"audio_filepath": "~/b.wav"}]))
    assert home[0]["audio"]["path"] == os.path.expanduser("~/b.wav")
    monkeypatch.chdir(tmp_path)
    assert read(write_lines(tmp_path / "plain.json", [line]) and "plain.json")[0]["audio"]["path"] == "a.wav"
    explicit = read("plain.json", names=ColumnNames(audio="audio_filepath"))
    assert explicit == read("plain.json")
    other = write_lines(tmp_path / "other.json", [line | {"text_raw": "y"}])
    assert read(other, names=ColumnNames(text="text_raw"))[0]["text"] == "y"


def test_samples_with_such_a_column_besides_their_audio_are_samples(tmp_path):
    rows = [{"id": "a", "text": "x", "audio": "b.wav", "audio_filepath": "c.wav"}]
    assert read(write_lines(tmp_path / "rows.jsonl", rows))[0]["audio"]["path"] == str(tmp_path / "b.wav")


def test_a_glob_may_join_manifests_and_samples(spoken, tmp_path):
    nemo(tmp_path, spoken[:1]).rename(tmp_path / "1.jsonl")
    write_lines(tmp_path / "2.jsonl", [{"id": "own", "text": "mine", "audio": "x.wav"}])
    for source in (tmp_path / "*.jsonl", tmp_path):
        assert [row["id"] for row in read(source)] == ["wav/one", "own"]


def test_tables_may_name_their_columns(spoken, tmp_path):
    source = audiofolder(tmp_path / "folder", spoken[:1])
    table = source / "metadata.csv"
    table.write_text('id,file_name,sentence\n007,data/one.wav,"Well, ""so"" it\nis."\n')
    (row,) = read(table, names=ColumnNames(text="sentence"))
    assert (row["id"], row["text"]) == ("007", 'Well, "so" it\nis.')
    source = common_voice(tmp_path / "voice", spoken[:1])
    source.write_text('path\tid\tsaid\none.wav\tmine\t"So it goes\n')
    (row,) = read(source, names=ColumnNames(text="said"))
    assert (row["id"], row["text"]) == ("mine", '"So it goes')


def test_common_voice_by_its_folder_and_without_suffixes(spoken, tmp_path):
    source = common_voice(tmp_path, spoken, suffix="")
    (row, *_) = read(tmp_path)
    assert row["audio"]["path"] == str(tmp_path / "clips" / "one.mp3")
    assert row["id"] == "one"
    source.with_name("train.tsv").write_text(source.read_text())
    with pytest.raises(SaladError, match=r"several tables, which share rows: train.tsv, validated.tsv"):
        read(tmp_path)


def test_a_folder_of_recordings_alone_can_be_heard(spoken, tmp_path):
    for one in spoken:
        write_wav(tmp_path / f"{one.name}.wav", one.samples, one.rate)
    (tmp_path / ".hidden.wav").write_bytes(b"")
    (tmp_path / "README.txt").write_text("About this.")
    rows = read_samples(tmp_path, needed=["audio"], optional=["duration"]).to_pylist()
    assert [row["id"] for row in rows] == ["one", "three", "two"]
    with pytest.raises(SaladError, match="3 of 3 recordings have no text beside them, the first is one") as raised:
        read(tmp_path)
    assert "one.txt" in raised.value.fix


def test_links_are_followed_and_not_in_a_circle(spoken, tmp_path):
    text_beside(tmp_path / "elsewhere", spoken)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "folder")
    rows = read(tmp_path / "folder")
    assert sorted(row["id"] for row in rows) == ["linked/o/one", "linked/t/three", "linked/t/two"]
    before = digest_path(tmp_path / "folder")
    (tmp_path / "elsewhere" / "o" / "one.txt").write_text("Another text.")
    assert digest_path(tmp_path / "folder") != before


def test_what_does_not_decode_is_a_row_too(spoken, tmp_path):
    text_beside(tmp_path, spoken)
    (tmp_path / "four.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    (tmp_path / "four.txt").write_text("Nobody hears this.")
    (row,) = [row for row in read(tmp_path) if row["id"] == "four"]
    with pytest.raises(SaladError, match="x: row 'four': the audio does not decode"):
        decode_row(row, "x")


def test_a_folder_of_samples_beside_their_recordings_stays_one(spoken, tmp_path):
    write_wav(tmp_path / "a.wav", spoken[0].samples, spoken[0].rate)
    write_lines(tmp_path / "rows.jsonl", [{"id": "a", "text": "x", "audio": "a.wav"}])
    assert [row["text"] for row in read(tmp_path)] == ["x"]


def test_a_log_beside_recordings_makes_no_samples(spoken, tmp_path):
    text_beside(tmp_path / "data", spoken)
    expected = read(tmp_path / "data")
    (tmp_path / "data" / "log.jsonl").write_text('{"step": 1}\n')
    assert read(tmp_path / "data") == expected and len(expected) == len(spoken)


def test_a_table_beside_recordings_that_lacks_its_id_is_told_of(spoken, tmp_path):
    text_beside(tmp_path / "data", spoken)
    write_lines(tmp_path / "data" / "rows.jsonl", [{"utterance": "u", "text": "x"}])
    with pytest.raises(SaladError, match="has no column 'id'"):
        read(tmp_path / "data")


def test_texts_may_be_in_capital_files(spoken, tmp_path):
    write_wav(tmp_path / "A.WAV", spoken[0].samples, spoken[0].rate)
    (tmp_path / "A.TXT").write_text(spoken[0].text)
    assert [row["text"] for row in read(tmp_path)] == [spoken[0].text]


def test_a_manifest_json_of_nemo_makes_no_folder_ours(spoken, tmp_path):
    text_beside(tmp_path, spoken)
    nemo(tmp_path / "other", spoken).rename(tmp_path / "manifest.json")
    for path in (tmp_path / "other").rglob("*.wav"):
        path.unlink()
    assert not is_artefact(tmp_path)
    before = digest_path(tmp_path)
    assert [row["text"] for row in read(tmp_path)] == [spoken[i].text for i in (0, 2, 1)]
    (tmp_path / "o" / "one.txt").write_text("Another text.")
    assert digest_path(tmp_path) != before


def test_tables_of_different_kinds_are_named(tmp_path):
    for name, rows in (("1", [{"id": "a", "text": "x", "extra": 1}]), ("2", [{"id": "b", "text": "y", "extra": [1]}])):
        write_lines(tmp_path / f"{name}.jsonl", rows)
    with pytest.raises(SaladError, match="2.jsonl have columns of different types"):
        read(tmp_path / "*.jsonl", needed=["text"])
    write_lines(tmp_path / "2.jsonl", [{"id": "b", "text": "y", "extra": 0.5}])
    assert [row["extra"] for row in read(tmp_path / "*.jsonl", needed=["text"])] == [1.0, 0.5]


def test_json_of_many_kinds_in_one_column(tmp_path):
    lines = [{"audio_filepath": f"{i}.wav", "text": "x", "extra": extra} for i, extra in enumerate([1, "a", None])]
    assert [
        json.loads(row["extra"]) if row["extra"] == "1" else row["extra"]
        for row in read(write_lines(tmp_path / "m.json", lines))
    ] == [1, "a", None]
