"""Inputs that `test_fuzzing.py` found to end in a crash, a traceback or more than two lines, each once."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from noise import noise

from saladkit.errors import SaladError
from saladkit.formats import teacher_cache
from saladkit.formats.artefact import MANIFEST, Artefact
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.checkpoint import read_metrics
from saladkit.formats.claims import newest_claim
from saladkit.formats.files import read_json
from saladkit.formats.intact import damaged_files
from saladkit.formats.tables import read_table
from saladkit.formats.teacher_cache import SampledRow, TeacherCache, write_cache_part
from saladkit.formats.tensors import Tensors
from saladkit.formats.weights import read_shapes
from saladkit.sources.json_lines import json_lines
from saladkit.sources.samples import read_samples
from saladkit.speech.aligners.readings import units_of
from saladkit.speech.audio.decoding import decode_audio

ROW = '{"id": "a", "text": "Water boils."}\n'
DEEP = "[" * 20_000 + "]" * 20_000
CRASHES = {
    "null first": "null\n" + ROW,
    "null behind a row": ROW.strip() + " null\n",
    "deep lists": '{"id": "a", "text": "b", "c": ' + DEEP + "}\n",
    "deep objects over lines": ROW + '{"a": "}",\n"b": ' * 20_000 + "1" + "}" * 20_000 + "\n",
}


@pytest.mark.parametrize("name", CRASHES)
def test_json_that_ends_pyarrow_is_refused(name, tmp_path):
    (tmp_path / "rows.jsonl").write_text(CRASHES[name])
    with pytest.raises(SaladError, match="null|nested"):
        read_samples(tmp_path / "rows.jsonl", needed=["text"])


def test_brackets_and_nulls_in_rows_are_read(tmp_path):
    row = {"id": "a", "text": '[{"null"' * 200 + "\\", "more": {"n": None}}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    assert read_samples(tmp_path / "rows.jsonl", needed=["text"]).to_pylist()[0] == row


def test_a_list_that_begins_with_null_is_read_or_refused(tmp_path):
    row = {"id": "a", "text": "b", "more": [None, {"n": None}]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(SaladError, match="cannot be read"):
        read_samples(tmp_path / "rows.jsonl", needed=["text"])


@pytest.mark.parametrize("read", [read_json, lambda path: list(json_lines(path))])
@pytest.mark.parametrize("text", [100_000 * "[", "[1]", '{"a": ' + "9" * 5000 + "}"], ids=["deep", "a list", "digits"])
def test_json_that_python_does_not_read_is_refused(text, read, tmp_path):
    (tmp_path / "it.json").write_text(text)
    with pytest.raises(SaladError):
        read(tmp_path / "it.json")


def test_columns_of_one_name_are_refused(tmp_path):
    pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["id", "text", "text"]), tmp_path / "rows.parquet")
    with pytest.raises(SaladError, match="more than one column 'text'"):
        read_samples(tmp_path / "rows.parquet", needed=["text"])


def text_without_unicode(path):
    broken = pa.Array.from_buffers(pa.string(), 1, [None, *pa.array([b"\xff\xfe"]).buffers()[1:]])
    pq.write_table(pa.table({"id": ["a"], "text": broken}), path)


def test_texts_that_are_no_unicode_are_refused(tmp_path):
    text_without_unicode(tmp_path / "rows.parquet")
    with pytest.raises(SaladError, match="UTF8"):
        read_samples(tmp_path / "rows.parquet", needed=["text"])
    with pytest.raises(SaladError, match="UTF8"):
        read_table(tmp_path / "rows.parquet")


def test_an_error_has_two_lines():
    error = SaladError("it cannot be read: page\nheader", "Give\nanother.")
    assert (error.problem, error.fix) == ("it cannot be read: page header", "Give another.")


def test_labels_without_a_word_have_no_units():
    assert units_of(["", " "]) == []


def test_a_stretch_that_begins_after_all_times_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(800), 8000)
    with pytest.raises(SaladError, match="lasts 0.10 s"):
        decode_audio(f"{tmp_path / 'a.wav'}#t=1{'0' * 308}", name="it")


@pytest.fixture
def cache(tmp_path):
    """A sampled cache whose last text has one token."""
    identity = {"keep": "sampled", "draws": 4, "vocabulary": 300, "tokenizer": "t"}
    module = teacher_cache
    path = tmp_path / "cache"
    writer = create_artefact(path, schema=module.SCHEMA, version=module.VERSION, verb="t", settings={}, inputs={})
    rows = [SampledRow(*(np.ones(n, np.uint8),) * 3, -np.ones(n - 1)) for n in (3, 1)]
    texts = [np.array([1, 2, 3]), np.array([4])]
    write_cache_part(path / "part.safetensors", ["a", "b"], texts, rows, identity)
    writer.has_all(["part.safetensors", "part.parquet"])
    writer.finish(counts={}, identity=identity)
    return path


def test_a_part_may_end_with_a_text_of_one_token(cache):
    row = TeacherCache(cache).row([4])
    assert row.kept_ids.tolist() == [1] and row.label_log_probs.shape == (0,)


@pytest.mark.parametrize("entry", ["schema_version", "files", "skipped", "identity", "inputs", "tool"])
@pytest.mark.parametrize("value", [None, [3], {"a": {}}, True])
def test_a_manifest_of_other_types_is_refused(entry, value, cache):
    manifest = json.loads((cache / MANIFEST).read_text())
    (cache / MANIFEST).write_text(json.dumps(manifest | {entry: value}))
    with pytest.raises(SaladError):
        TeacherCache(cache)
    assert [found.file for found in damaged_files(cache)] == [MANIFEST]


@pytest.mark.parametrize("name", ["../other", "/etc/hostname", "a\0b"])
def test_a_manifest_names_files_of_its_folder_alone(name, cache):
    manifest = json.loads((cache / MANIFEST).read_text())
    manifest["files"] = {name: {"bytes": 1, "sha256": ""}}
    (cache / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(SaladError, match="'files' is missing or damaged"):
        Artefact.open(cache, teacher_cache.SCHEMA)


@pytest.mark.parametrize("place", [0, 7, 12, 40])
def test_a_damaged_header_of_tensors_is_refused(place, cache):
    path = cache / "part.safetensors"
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SaladError, match="saladkit verify"):
        TeacherCache(cache)


@pytest.mark.parametrize("offsets", [[0, 3], [0, 4, 3, 4], [1, 4], [0, 9]])
def test_offsets_that_do_not_fit_are_refused(offsets, tmp_path):
    from safetensors.numpy import save_file

    tensors = {"offsets": np.array(offsets, np.int64), "rows": np.zeros((4, 2), np.float16)}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(SaladError, match="does not fit"):
        Tensors(tmp_path / "a.safetensors").offsets("offsets", "rows")


def test_a_claim_that_is_no_unicode_is_one_that_is_being_written(tmp_path):
    (tmp_path / "part.0").write_bytes(b'{"host": "\xff"')
    assert newest_claim(tmp_path, "part").host == ""


@pytest.mark.parametrize("line", ['{"step": 1, "positions of a": [3]}', '{"step": "1"}', "[1]", "x"])
def test_a_damaged_log_is_refused(line, tmp_path):
    (tmp_path / "metrics.jsonl").write_text(line)
    with pytest.raises(SaladError, match="metrics.jsonl cannot be used"):
        read_metrics(tmp_path)


@pytest.mark.parametrize("value", ["NaN", "null", "[1]", "{}"])
def test_an_index_of_weights_names_files(value, tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text(f'{{"weight_map": {{"a": {value}}}}}')
    with pytest.raises(SaladError, match="no index of weights"):
        read_shapes(tmp_path)
