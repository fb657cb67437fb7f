"""Copies of public benchmarks, and a cache of the Hub with them, each with rows of the published shape."""

import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_rows import ROWS

from saladkit.sources.benchmarks.named import BENCHMARKS


def parts(name):
    """(configuration, split) of every part of a benchmark, of SpeechMMLU of its first subject."""
    benchmark = BENCHMARKS[name]
    if benchmark.split_of_each:
        return [(benchmark.splits[0], benchmark.split_of_each)]
    return [(benchmark.configuration, split) for split in (*benchmark.splits, *filter(None, [benchmark.solved]))]


@pytest.fixture
def copied(tmp_path):
    """NAME=FOLDER of a benchmark, by default with its one row in every split that is asked and in the solved one."""

    def copy(name, *rows):
        for configuration, split in parts(name):
            folder = tmp_path / name / (configuration or "data")
            folder.mkdir(parents=True, exist_ok=True)
            table = pa.Table.from_pylist(list(rows) or [ROWS[name]])
            pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
        return f"{name}={tmp_path / name}"

    return copy


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Put rows of a benchmark into a cache of `datasets`, as a download leaves them there."""
    cache = tmp_path / "datasets"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache)

    def put(name, *rows):
        for number, (configuration, split) in enumerate(parts(name)):
            plain = tmp_path / "plain" / f"{name}-{number}.parquet"
            plain.parent.mkdir(exist_ok=True)
            pq.write_table(_as_datasets(list(rows) or [ROWS[name]]), plain)
            _download(BENCHMARKS[name].hub, configuration or "default", split, plain, cache)
        return name

    return put


def _as_datasets(rows):
    """A table whose audio columns say that they are audio, as `datasets` writes them."""
    table = datasets.Dataset.from_list(rows)
    sounds = [column for column, value in rows[0].items() if isinstance(value, dict) and "bytes" in value]
    for column in sounds:
        table = table.cast_column(column, datasets.Audio(decode=False))
    features = table.features.copy() | {column: datasets.Audio() for column in sounds}
    described = {"huggingface": json.dumps({"info": {"features": datasets.Features(features).to_dict()}})}
    return table.data.table.replace_schema_metadata(described)


def _download(repository, configuration, split, file, cache):
    """Leave a Parquet file in the cache as `load_dataset(repository, configuration)` does."""
    owner, name = repository.split("/")
    name = datasets.naming.camelcase_to_snakecase(name)
    loaded = datasets.load_dataset("parquet", data_files={split: str(file)}, cache_dir=str(cache / "made"))
    made = Path(loaded[split].cache_files[0]["filename"]).parent
    place = cache / f"{owner}___{name}" / configuration / "0.0.0" / "0123456789abcdef"
    place.mkdir(parents=True, exist_ok=True)
    (made / f"parquet-{split}.arrow").rename(place / f"{name}-{split}.arrow")
    described = json.loads((made / "dataset_info.json").read_text())
    before = place / "dataset_info.json"
    splits = json.loads(before.read_text())["splits"] if before.exists() else {}
    splits |= {split: described["splits"][split] | {"dataset_name": name}}
    before.write_text(json.dumps(described | {"config_name": configuration, "dataset_name": name, "splits": splits}))
