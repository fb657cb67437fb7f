"""One table of readers: each layout has one, and plain tables of samples are not opened to find that out."""

import builtins
import json
import os

import lhotse
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from foreign_sources import (
    audiofolder,
    common_voice,
    kaldi,
    librispeech,
    ljspeech,
    mls,
    nemo,
    text_beside,
    vctk,
    write_lines,
)

from saladkit.errors import SaladError
from saladkit.sources.place import Place
from saladkit.sources.recognition import READERS, find_reader
from saladkit.sources.samples import read_samples

ROWS = [{"id": "a", "text": "Water boils."}, {"id": "b", "text": "Dogs sleep."}]


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are opened, by Python or as Parquet, and of the folders that are listed."""
    found = []

    def record(owner, name):
        original = getattr(owner, name)

        def call(path, *arguments, **settings):
            if isinstance(path, str | os.PathLike):
                found.append(os.path.basename(path))
            return original(path, *arguments, **settings)

        monkeypatch.setattr(owner, name, call)

    record(builtins, "open")
    for name in ("ParquetDataset", "ParquetFile", "read_schema", "read_metadata", "read_table"):
        record(pq, name)
    for name in ("listdir", "walk", "scandir"):
        record(os, name)
    return found


def cuts(folder, spoken):
    recording = lhotse.Recording("x", [], 16_000, 16_000, 1.0)
    lhotse.CutSet.from_cuts([lhotse.MonoCut("x", 0, 1.0, 0, recording=recording)]).to_file(folder / "cuts.jsonl.gz")
    return folder / "cuts.jsonl.gz"


def shar(folder, spoken):
    (folder / "cuts.000000.jsonl.gz").write_bytes(b"")
    return folder


LAYOUTS = {
    "NeMo manifest": nemo,
    "Lhotse cuts": cuts,
    "Lhotse Shar": shar,
    "audiofolder": audiofolder,
    "Common Voice": common_voice,
    "recordings with their texts": text_beside,
    "Kaldi": kaldi,
    "LJSpeech": ljspeech,
    "VCTK": vctk,
    "Multilingual LibriSpeech": mls,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_has_one_reader(name, spoken, tmp_path):
    place = Place(LAYOUTS[name](tmp_path, spoken))
    assert find_reader(place).name == name
    others = [reader.name for reader in READERS if reader.recognises(place) and reader.name != name]
    assert others in ([], ["recordings with their texts"])  # which is asked after folders with tables


def test_every_reader_has_a_layout_here():
    assert {reader.name for reader in READERS} == set(LAYOUTS)


def test_no_reader_opens_a_parquet_file_to_recognise_it(opened, tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"opening this would be an error")
    opened.clear()
    assert not any(reader.recognises(Place(path)) for reader in READERS)
    assert find_reader(Place(path)) is None
    assert not opened


def test_a_parquet_file_of_samples_is_opened_once(opened, tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    opened.clear()
    assert read_samples(tmp_path / "rows.parquet", needed=["text"]).to_pylist() == ROWS
    assert opened == ["rows.parquet"]


def test_a_file_of_json_lines_is_looked_at_once_before_it_is_read(opened, tmp_path):
    write_lines(tmp_path / "rows.jsonl", ROWS)
    opened.clear()
    assert read_samples(tmp_path / "rows.jsonl", needed=["text"]).to_pylist() == ROWS
    assert opened == ["rows.jsonl"]  # pyarrow reads it without Python


def test_a_folder_of_samples_is_listed_once_and_its_first_table_decides(opened, tmp_path):
    for name in ("1", "2", "3"):
        row = {"id": name, "text": "Water boils."}
        (tmp_path / "in").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "in" / f"{name}.parquet")
    opened.clear()
    assert read_samples(tmp_path / "in", needed=["text"]).num_rows == 3
    assert opened == ["in", "1.parquet", "1.parquet", "2.parquet", "3.parquet"]


def test_a_folder_that_cannot_be_listed_is_named(monkeypatch, tmp_path):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(SaladError, match=f"{tmp_path} cannot be read: Permission denied"):
        find_reader(Place(tmp_path))


def test_a_reader_that_recognises_nothing_leaves_json_lines_to_us(tmp_path):
    assert find_reader(Place(write_lines(tmp_path / "rows.jsonl", ROWS))) is None
    (tmp_path / "rows.json").write_text(json.dumps(ROWS))
    with pytest.raises(SaladError, match="rows.json is neither a NeMo manifest"):
        find_reader(Place(tmp_path / "rows.json"))


def test_librispeech_is_recordings_with_their_texts(spoken, tmp_path):
    assert find_reader(Place(librispeech(tmp_path, spoken))).name == "recordings with their texts"
