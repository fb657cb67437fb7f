"""Audio columns of every form: where relative paths count from, and decoded arrays."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows, write_samples
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row

RATE = 16_000
RIGHT = np.random.default_rng(0).normal(0, 0.1, 800).astype(np.float32)
WRONG = np.zeros(400, np.float32)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A folder with a table and `sound/a.wav` beside it, in a working folder that has another `sound/a.wav`."""
    for folder, samples in ((tmp_path, WRONG), (tmp_path / "data", RIGHT)):
        (folder / "sound").mkdir(parents=True)
        soundfile.write(folder / "sound" / "a.wav", samples, RATE, subtype="FLOAT")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def heard(source, **settings):
    return [decode_row(row, str(source)) for row in iterate_rows(read_samples(source, needed=["audio"], **settings))]


def parquet(path, audio, kind=None):
    pq.write_table(pa.table({"id": ["r"], "text": ["Hello there."], "audio": pa.array([audio], kind)}), path)
    return path


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lhotse_cuts(path, *, mixed=False):
    from lhotse import CutSet, MonoCut, Recording
    from lhotse.audio import AudioSource

    source = AudioSource(type="file", channels=[0], source="sound/a.wav")
    recording = Recording("r", [source], RATE, len(RIGHT), len(RIGHT) / RATE)
    cut = MonoCut("r", 0, len(RIGHT) / RATE, 0, recording=recording)
    CutSet.from_cuts([cut.append(cut).with_id("mixed") if mixed else cut]).to_file(path)
    return path


def text(path, content):
    path.write_text(content)
    return path


TABLES = {
    "Parquet, a string": lambda folder: parquet(folder / "t.parquet", "sound/a.wav"),
    "Parquet, large strings": lambda folder: parquet(folder / "t.parquet", "sound/a.wav", pa.large_string()),
    "Parquet, bytes and path": lambda folder: parquet(folder / "t.parquet", {"bytes": None, "path": "sound/a.wav"}),
    "Parquet, path alone": lambda folder: parquet(folder / "t.parquet", {"path": "sound/a.wav"}),
    "JSON lines, a string": lambda folder: lines(folder / "t.jsonl", {"id": "r", "audio": "sound/a.wav"}),
    "JSON lines, path": lambda folder: lines(folder / "t.jsonl", {"id": "r", "audio": {"path": "./sound/a.wav"}}),
    "NeMo": lambda folder: lines(folder / "t.json", {"audio_filepath": "sound/a.wav", "duration": 0.05}),
    "audiofolder": lambda folder: text(folder / "metadata.csv", "file_name,text\nsound/a.wav,Hello\n"),
    "Common Voice": lambda folder: text(folder / "t.tsv", "path\tsentence\nsound/a.wav\tHello\n"),
    "Lhotse": lambda folder: lhotse_cuts(folder / "cuts.jsonl.gz"),
}


@pytest.mark.parametrize("write", TABLES.values(), ids=TABLES)
def test_a_relative_path_counts_from_its_table(write, folders):
    path = write(folders / "data")
    for source in (path, path.relative_to(folders)):
        ((samples, _),) = heard(source)
        assert np.array_equal(samples, RIGHT)
    (folders / "data" / "sound" / "a.wav").unlink()
    with pytest.raises(SaladError, match="No such file"):
        heard(path)


def test_what_lhotse_mixes_counts_from_its_manifest(folders):
    ((samples, _),) = heard(lhotse_cuts(folders / "data" / "cuts.jsonl.gz", mixed=True))
    assert np.array_equal(samples, np.tile(RIGHT, 2))


def test_recordings_of_choices_count_from_their_table(folders):
    rows = {"id": "q", "choices_audio": ["sound/a.wav", {"bytes": None, "path": "sound/a.wav"}]}
    for choices in ([rows["choices_audio"][0]] * 2, [rows["choices_audio"][1]] * 2, None, []):
        table = pa.table({"id": ["before", "q"], "choices_audio": pa.array([choices, choices])})
        pq.write_table(table.slice(1), folders / "data" / "t.parquet")
        (found,) = read_samples(folders / "data" / "t.parquet", needed=["id"]).column("choices_audio").to_pylist()
        assert (found is None) == (choices is None) and len(found or ()) == len(choices or ())
        assert all((audio["bytes"], audio["path"]) == (None, f"{folders}/data/sound/a.wav") for audio in found or ())


def test_a_stretch_and_an_absolute_path(folders):
    absolute = str(folders / "data" / "sound" / "a.wav")
    source = lines(folders / "t.jsonl", {"id": "a", "audio": absolute}, {"id": "b", "audio": "data/sound/a.wav#t=0.01"})
    (first, _), (second, _) = heard(source)
    assert np.array_equal(first, RIGHT) and np.array_equal(second, RIGHT[160:])


def test_what_is_written_elsewhere_names_the_same_recording(folders):
    """Relative paths in tables of saladkit count from those tables as well."""
    source = lines(folders / "data" / "t.jsonl", {"id": "a", "audio": "sound/a.wav#t=0.01"}, {"id": "b", "audio": None})
    for folder in ("data", "elsewhere/deep"):
        (folders / folder).mkdir(parents=True, exist_ok=True)
        table = read_samples(source.relative_to(folders), needed=["id"])
        write_samples(table, folders / folder / "part.parquet")
        written = pq.read_table(folders / folder / "part.parquet").column("audio").to_pylist()
        assert written[1] is None and not written[0]["path"].startswith("/")
        (row, _) = iterate_rows(read_samples(folders / folder / "part.parquet", needed=["id"]))
        assert np.array_equal(decode_row(row, "x")[0], RIGHT[160:])


STEREO = np.stack([RIGHT, RIGHT / 2])
ARRAYS = {
    "doubles": ({"path": "sound/a.wav", "array": RIGHT.tolist(), "sampling_rate": RATE}, None, RIGHT),
    "floats": (
        {"path": "a.wav", "array": RIGHT.tolist(), "sampling_rate": RATE},
        pa.struct([("path", pa.string()), ("array", pa.list_(pa.float32())), ("sampling_rate", pa.int32())]),
        RIGHT,
    ),
    "without a path": ({"array": RIGHT.tolist(), "sampling_rate": RATE}, None, RIGHT),
    "other names": ({"raw": RIGHT.tolist(), "sampling_rate": float(RATE)}, None, RIGHT),
    "channels first": ({"array": STEREO.tolist(), "sampling_rate": RATE}, None, STEREO.mean(axis=0)),
    "channels last": ({"array": STEREO.T.tolist(), "sampling_rate": RATE}, None, STEREO.mean(axis=0)),
    "16 bits": (
        {"array": (RIGHT * 32768).astype(np.int16), "sampling_rate": RATE},
        pa.struct([("array", pa.large_list(pa.int16())), ("sampling_rate", pa.int64())]),
        (RIGHT * 32768).astype(np.int16) / 32768,
    ),
    "32 bits": (
        {"array": (RIGHT * 2**31).astype(np.int32), "sampling_rate": RATE},
        pa.struct([("array", pa.list_(pa.int32())), ("sampling_rate", pa.int64())]),
        RIGHT,
    ),
    "8 bits": (
        {"array": np.round(RIGHT * 128).astype(np.int8), "sampling_rate": RATE},
        pa.struct([("array", pa.list_(pa.int8())), ("sampling_rate", pa.int64())]),
        np.round(RIGHT * 128) / 128,
    ),
    "8 bits without a sign, in lists of one size": (
        {"array": np.round(RIGHT * 128 + 128).astype(np.uint8), "sampling_rate": RATE},
        pa.struct([("array", pa.list_(pa.uint8(), 800)), ("sampling_rate", pa.int64())]),
        np.round(RIGHT * 128) / 128,
    ),
    "16 bits as doubles": ({"array": (RIGHT * 32768).tolist(), "sampling_rate": RATE}, None, RIGHT),
}


@pytest.mark.parametrize("audio, kind, expected", ARRAYS.values(), ids=ARRAYS)
def test_decoded_arrays_are_read(audio, kind, expected, folders):
    ((samples, rate),) = heard(parquet(folders / "data" / "t.parquet", audio, kind))
    assert rate == RATE and np.allclose(samples, expected, atol=1e-7)


@pytest.mark.parametrize(
    "array, rate, problem",
    [
        ([0.1, None, 0.2], RATE, "NaN or infinite"),
        ([1, None, 2], RATE, "NaN or infinite"),
        ([None, None], RATE, "NaN or infinite"),
        ([[0.1, 0.2, 0.3], [0.1]], RATE, "NaN or infinite"),
        ([[0.1, 0.2, 0.3], None], RATE, "NaN or infinite"),
        ([0.1, 0.2], 0, "no sample rate"),
        ([0.1, 0.2], -16000, "no sample rate"),
        ([0.1, 0.2], 2**40, "no sample rate"),
        ([0.1, 0.2], float("nan"), "no sample rate"),
        ([0.1, 0.2], "16 kHz", "no sample rate"),
        ([0.1, 0.2], 7, "7 Hz"),
    ],
)
def test_a_bad_array_costs_its_row_alone(array, rate, problem, folders):
    path = parquet(folders / "t.parquet", {"path": "sound/a.wav", "array": array, "sampling_rate": rate})
    (row,) = iterate_rows(read_samples(path, needed=["audio"]))
    with pytest.raises(SaladError, match=f"row 'r': the audio .*{problem}"):
        decode_row(row, str(path))


def test_decoded_arrays_in_json_lines(folders):
    row = {"id": "r", "audio": {"path": "sound/a.wav", "array": RIGHT.tolist(), "sampling_rate": RATE}}
    other = {"id": "s", "audio": {"path": "sound/a.wav", "array": None, "sampling_rate": None}}
    (first, rate), (second, _) = heard(lines(folders / "data" / "t.jsonl", row, other))
    assert rate == RATE and np.allclose(first, RIGHT, atol=1e-7) and np.array_equal(second, RIGHT)


def test_what_datasets_has_decoded_and_what_it_stores(folders):
    stored = {"bytes": (folders / "data" / "sound" / "a.wav").read_bytes(), "path": "sound/a.wav"}
    ((samples, _),) = heard(parquet(folders / "t.parquet", stored))
    assert np.array_equal(samples, RIGHT)
    ((samples, _),) = heard(parquet(folders / "t.parquet", stored["bytes"], pa.binary()))
    assert np.array_equal(samples, RIGHT)


@pytest.mark.parametrize(
    "audio",
    [
        {"file": "a.wav"},
        [0.0, 0.5],
        3,
        {"array": [0.5]},
        *({"path": "a.wav", "array": array, "sampling_rate": RATE} for array in (["a"], [True], [[[0.5]]], 0.5)),
    ],
)
def test_other_forms_are_refused_by_name(audio, folders):
    path = parquet(folders / "t.parquet", audio)
    with pytest.raises(SaladError, match=f"{path}: the column 'audio' is .*, which is no audio") as error:
        read_samples(path, needed=["audio"])
    assert "{array, sampling_rate}" in error.value.fix


def test_another_name_of_the_column(folders):
    table = pa.table(
        {"id": ["r"], "speech": [{"array": RIGHT.tolist(), "sampling_rate": RATE}], "audio": ["sound/a.wav"]}
    )
    pq.write_table(table, folders / "t.parquet")
    ((samples, _),) = heard(folders / "t.parquet", names=ColumnNames("id", "text", "speech"))
    assert np.allclose(samples, RIGHT, atol=1e-7)
