"""Data sets of the Hugging Face Hub, here from a folder that `datasets` reads like one."""

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.errors import SaladError
from saladkit.formats.samples import AUDIO
from saladkit.sources.hub import read_hub


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A folder of datasets' own cache for this test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_audio_stays_as_it_is_stored(cache, tmp_path):
    rows = {"id": ["a", "b"], "audio": [{"bytes": b"RIFF not decodable", "path": None}] * 2}
    features = datasets.Features({"id": datasets.Value("string"), "audio": datasets.Audio()})
    described = {"huggingface": json.dumps({"info": {"features": features.to_dict()}})}
    table = pa.table(rows, schema=pa.schema([("id", pa.string()), ("audio", AUDIO)], described))
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "train-00000-of-00001.parquet")
    assert isinstance(datasets.load_dataset(str(tmp_path / "data"), split="train").features["audio"], datasets.Audio)
    found = read_hub(str(tmp_path / "data"), "train", title="x", fix="y")
    assert found.to_pydict() == rows
    assert read_hub(str(tmp_path / "data"), "train[:1]", title="x", fix="y").num_rows == 1


def test_a_data_set_that_cannot_be_had_is_named(tmp_path):
    with pytest.raises(SaladError) as raised:
        read_hub("owner/nothing", "train", title="the data set owner/nothing", fix="Download it.")
    assert raised.value.problem.startswith("the data set owner/nothing is not in the Hugging Face cache")
    assert "\n" not in raised.value.problem and raised.value.fix == "Download it."
