"""Recordings of a benchmark are not held in memory: they are mapped, and read one by one."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from benchmark_rows import ROWS

from saladkit.formats.samples import AUDIO
from saladkit.scoring.questions import read_questions
from saladkit.sources import mapped_tables
from saladkit.sources.benchmarks import reading
from saladkit.sources.columns import OUR_NAMES
from saladkit.sources.stored_audio import StoredAudio

ROW_BYTES, COUNT = 200_000, 60


@pytest.mark.parametrize("place", ["copied", "hub"])
@pytest.mark.parametrize("name", ["voicebench_bbh", "spoken_swag"])
def test_recordings_are_read_one_by_one(name, place, request, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "RECORDINGS_HELD", 1_000_000)
    monkeypatch.setattr(mapped_tables, "BYTES_AT_ONCE", 1_000_000)
    random = np.random.default_rng(0)
    sounds = [random.bytes(ROW_BYTES) for _ in range(COUNT)]
    rows = [ROWS[name] | {"id": f"bbh_navigate_{number}"} for number in range(COUNT)]
    column = "prompt" if name == "spoken_swag" else "audio"
    rows = [row | {column: {"bytes": sound, "path": "1.wav"}} for row, sound in zip(rows, sounds, strict=True)]
    source = request.getfixturevalue(place)(name, *rows)
    held = pa.total_allocated_bytes()
    tracemalloc.start()
    found = read_questions(source, speech=True, names=OUR_NAMES, limit=None, beside=tmp_path / "out")
    held = pa.total_allocated_bytes() - held
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 500_000 and now < 2_000_000 and peak < 4_000_000  # of 12 MB
    assert [row["audio"]["bytes"] for row in found] == sounds
    assert list(tmp_path.glob(".mapped-*")) == []


def test_a_stored_recording_is_read_as_a_dict_is():
    chunks = [[{"bytes": b"a", "path": None}], [None, {"bytes": None, "path": "b.wav"}]]
    column = pa.chunked_array(chunks, AUDIO)
    first, missing, last = (StoredAudio(column, place) for place in range(3))
    assert dict(first) == {"bytes": b"a", "path": None} and dict(last) == {"bytes": None, "path": "b.wav"}
    assert not missing and missing.get("bytes") is None and list(missing) == []
    with pytest.raises(KeyError):
        first["array"]
