"""Manifests, tables and folders of other tools that are broken, through the shell."""

import gzip
import json
import shutil
from dataclasses import replace

import pytest
from foreign_sources import (
    audiofolder,
    common_voice,
    librispeech,
    nemo,
    nemo_stretches,
    text_beside,
    write_lines,
    write_wav,
)


@pytest.fixture
def timestamps(refused):
    """Refuse a source that `timestamps` is to read; returns (problem, fix)."""

    def run(source, **settings):
        return refused("timestamps", source, "--aligner", "sphinx", named=[source], **settings)

    return run


LINE = {"audio_filepath": "a.wav", "duration": 1.0, "text": "x"}
LINES = {
    "no JSON": ("{oops", "line 2, is not JSON"),
    "a number": ("17", "line 2, is not a JSON object"),
    "no path": (json.dumps({"text": "x"}), "line 2, has no audio_filepath"),
    "two paths": (json.dumps(LINE | {"audio_filepath": ["a.wav", "b.wav"]}), "line 2, has no audio_filepath"),
    "a negative offset": (json.dumps(LINE | {"offset": -1}), "line 2, has the offset -1"),
    "a text for a duration": (json.dumps(LINE | {"duration": "long"}), "line 2, has the duration 'long'"),
    "no number": ('{"audio_filepath": "a.wav", "duration": NaN}', "line 2, has the duration nan"),
    "in tar files": (json.dumps(LINE | {"shard_id": 0}), "is the manifest of a NeMo data set in tar files (line 2"),
    "the same again": (json.dumps(LINE), "the id 'a' stands in 2 rows"),
    "no text": (json.dumps(LINE | {"audio_filepath": "b.wav", "text": " "}), "row 'b' has an empty text"),
}


@pytest.mark.parametrize("kind", list(LINES))
@pytest.mark.parametrize("name", ["manifest.json", "manifest.jsonl.gz"])
def test_a_line_of_a_nemo_manifest(kind, name, timestamps, tmp_path):
    line, expected = LINES[kind]
    path = tmp_path / name
    content = f"{json.dumps(LINE)}\n{line}\n".encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    problem, _ = timestamps(path)
    assert expected in problem


COMPRESSED = {
    "no gzip": lambda content: content,
    "cut short": lambda content: gzip.compress(content)[:-20],
    "damaged": lambda content: gzip.compress(content)[:20] + b"\0\0\0\0\0\0" + gzip.compress(content)[26:],
    "empty": lambda content: b"",
    "no UTF-8": lambda content: gzip.compress(b'{"audio_filepath": "\xff"}\n'),
}


@pytest.mark.parametrize("kind", list(COMPRESSED))
def test_a_compressed_manifest(kind, timestamps, tmp_path):
    path = tmp_path / "cuts.jsonl.gz"
    path.write_bytes(COMPRESSED[kind]((json.dumps(LINE) + "\n").encode() * 100))
    problem, _ = timestamps(path)
    assert ("is neither a NeMo manifest" if kind == "empty" else "cannot be read") in problem


def test_json_of_another_kind(timestamps, tmp_path):
    for content in ('[{"id": 1}]', '{\n "id": 1\n}', '{"id": "a", "text": "x"}'):
        (tmp_path / "rows.json").write_text(content)
        problem, _ = timestamps(tmp_path / "rows.json")
        assert "is neither a NeMo manifest" in problem
    write_lines(tmp_path / "recordings.json", [{"id": "a", "sources": [], "sampling_rate": 16_000}])
    _, fix = timestamps(tmp_path / "recordings.json")
    assert "lhotse cut simple" in fix


def test_recordings_that_are_not_there(timestamps, spoken, tmp_path):
    source = nemo(tmp_path, spoken)
    shutil.rmtree(tmp_path / "wav")
    problem, _ = timestamps(source)
    assert "wav/one.wav" in problem


def test_one_recording_that_is_not_there_is_listed(shell, spoken, tmp_path):
    source = nemo(tmp_path / "in", [*spoken, replace(spoken[0], name="four")])
    (tmp_path / "in" / "wav" / "two.wav").unlink()
    whole = (tmp_path / "in" / "wav" / "three.wav").read_bytes()
    (tmp_path / "in" / "wav" / "three.wav").write_bytes(whole[: len(whole) // 2])
    result = shell("timestamps", source, "-o", tmp_path / "out", "--aligner", "sphinx")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rows"] == 2
    skipped = {
        row["id"]: row["reason"] for row in json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    }
    assert "No such file" in skipped["wav/two"]
    assert "cut short" in skipped["wav/three"]


def test_a_stretch_beyond_its_recording(refused, spoken, tmp_path):
    source = nemo_stretches(tmp_path, spoken)
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    rows[1]["offset"] = 99.0
    write_lines(source, rows)
    problem, _ = refused("cache-speech", source, "--strict", named=[source, "@99'"])
    assert "the row is of 99 to" in problem


@pytest.mark.parametrize("command", ["timestamps", "cache-speech"])
def test_a_table_without_its_columns(command, refused, spoken, tmp_path):
    options = ["--aligner", "sphinx"] if command == "timestamps" else []
    source = common_voice(tmp_path / "voice", spoken)
    source.write_text(source.read_text().replace("sentence", "said").replace("path", "file"))
    problem, fix = refused(command, source, *options, named=[source])
    assert "no column 'path' (it has: client_id, file, said, age)" in problem
    assert "--audio-column" in fix
    source.write_text(source.read_text().replace("file", "path"))
    if command == "timestamps":
        problem, fix = refused(command, source, *options, named=[source])
        assert "no column 'sentence'" in problem
        assert "--text-column" in fix
    folder = audiofolder(tmp_path / "folder", spoken)
    problem, fix = refused("timestamps", folder, "--aligner", "sphinx", "--text-column", "said", named=[folder])
    assert "no column 'said'" in problem


def test_lines_of_tables(timestamps, spoken, tmp_path):
    source = common_voice(tmp_path / "voice", spoken)
    head, *lines = source.read_text().splitlines()
    for broken, expected in (
        ("somebody\tone.wav", "cannot be read"),
        ("somebody\t\tNobody.\t", "row 3 has no path"),
        (lines[0], "the id 'one' stands in 2 rows"),
        ("somebody\tfour.wav\t\t", "row 'four' has an empty text"),
    ):
        source.write_text("\n".join([head, *lines, broken]) + "\n")
        problem, _ = timestamps(source)
        assert expected in problem
    source.write_bytes(b"path\tsentence\none.wav\t\xff\n")
    assert "cannot be read" in timestamps(source)[0]
    source.write_text("path\tsentence\n")
    assert "has no rows" in timestamps(source)[0]
    folder = audiofolder(tmp_path / "folder", spoken)
    (folder / "metadata.csv").write_text('file_name,text\n"data/one.wav,x\n')
    problem, _ = timestamps(folder / "metadata.csv")
    assert "cannot be read" in problem
    (folder / "metadata.csv").write_text("file_name,text\n,x\n")
    assert "row 0 has no file_name" in timestamps(folder / "metadata.csv")[0]


def test_texts_beside_recordings(timestamps, refused, spoken, tmp_path):
    folder = text_beside(tmp_path / "folder", spoken)
    (folder / "t" / "two.txt").unlink()
    problem, fix = timestamps(folder)
    assert "1 of 3 recordings have no text beside them, the first is t/two" in problem
    assert "two.txt" in fix
    (folder / "t" / "two.txt").write_text(" \n")
    assert "row 't/two' has an empty text" in timestamps(folder)[0]
    (folder / "t" / "two.txt").write_bytes(b"caf\xe9")
    problem, _ = timestamps(folder)
    assert "two.txt cannot be read" in problem
    (folder / "t" / "two.txt").write_text("Two.")
    write_wav(folder / "t" / "two.flac", spoken[1].samples, spoken[1].rate)
    assert "the id 't/two' stands in 2 rows" in timestamps(folder)[0]
    other = librispeech(tmp_path / "libri", spoken)
    (other / "84" / "121123" / "84-121123-0001.flac").unlink()
    problem, _ = timestamps(other)
    assert "1 lines of .trans.txt have no recording, the first is 84-121123-0001" in problem
    (tmp_path / "nothing").mkdir()
    assert "holds no samples" in timestamps(tmp_path / "nothing")[0]


# --- Lhotse


@pytest.fixture(scope="module")
def cuts(spoken, tmp_path_factory):
    """One cut an utterance, of files."""
    lhotse = pytest.importorskip("lhotse")
    folder, found = tmp_path_factory.mktemp("cuts"), []
    for one in spoken:
        path = write_wav(folder / f"{one.name}.wav", one.samples, one.rate)
        recording = lhotse.Recording.from_file(path)
        said = lhotse.SupervisionSegment(one.name, one.name, 0.0, recording.duration, text=one.text)
        found.append(lhotse.MonoCut(one.name, 0.0, recording.duration, 0, [said], recording=recording))
    return lhotse.CutSet.from_cuts(found)


CHANGES = {
    "of another kind": (lambda row: {"type": "Recording"}, "line 2, is not a cut of Lhotse"),
    "without its beginning": (lambda row: {"start": None}, "cut 'two' has an invalid field"),
    "of a number": (
        lambda row: {"supervisions": [row["supervisions"][0] | {"text": 2}]},
        "cut 'two' has an invalid field",
    ),
    "of too little": (lambda row: {"supervisions": [{"id": "x"}]}, "line 2, is not a cut of Lhotse"),
    "without text": (lambda row: {"supervisions": []}, "row 'two' has an empty text"),
    "twice": (lambda row: {"id": "one"}, "the id 'one' stands in 2 rows"),
}


@pytest.mark.parametrize("kind", list(CHANGES))
def test_a_cut_of_lhotse(kind, timestamps, cuts, tmp_path):
    change, expected = CHANGES[kind]
    rows = [cut.to_dict() for cut in cuts]
    rows[1] |= change(rows[1])
    problem, _ = timestamps(write_lines(tmp_path / "cuts.jsonl", rows))
    assert expected in problem


def test_a_cut_without_a_recording_is_listed(shell, cuts, tmp_path):
    rows = [cut.to_dict() for cut in cuts]
    del rows[1]["recording"]
    source = write_lines(tmp_path / "cuts.jsonl", rows)
    done = shell("timestamps", source, "-o", tmp_path / "out", "--aligner", "sphinx", "--workers", 1)
    assert done.exit_code == 0 and json.loads(done.stdout)["rows"] == len(rows) - 1
    (skipped,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert skipped["id"] == "two" and "has no audio" in skipped["reason"]


def test_a_mix_of_what_is_not_there(timestamps, cuts, tmp_path):
    first, second, _ = cuts
    (mixed,) = [first.append(second).to_dict()]
    mixed["tracks"][1]["cut"]["recording"]["sources"][0]["source"] = str(tmp_path / "nowhere.wav")
    problem, _ = timestamps(write_lines(tmp_path / "cuts.jsonl", [mixed]))
    assert "Lhotse cannot load its audio" in problem


SHAR = {
    "a shard is missing": (lambda folder: (folder / "recording.000001.tar").unlink(), "2 shards of cuts and 1 of rec"),
    "a tar file is cut short": (
        lambda folder: cut_file(folder / "recording.000000.tar", 0.5),
        "cannot be read after",
    ),
    "a tar file ends too early": (lambda folder: cut_file(folder / "recording.000000.tar", 0), "cannot be read after"),
    "cuts are damaged": (lambda folder: cut_file(folder / "cuts.000001.jsonl.gz", 0.5), "cannot be read after"),
    "the shards are mixed up": (
        lambda folder: swap(folder / "recording.000000.tar", folder / "recording.000001.tar"),
        "cannot be read after 0 cuts",
    ),
    "a recording is missing": (
        lambda folder: add_a_cut(folder / "cuts.000001.jsonl.gz"),
        "4 cuts and the recordings of 3",
    ),
}


def cut_file(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])


def swap(one, other):
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def add_a_cut(path):
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    lines.append(json.dumps(json.loads(lines[-1]) | {"id": "more"}))
    path.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode()))


@pytest.mark.parametrize("kind", list(SHAR))
def test_a_shar_folder(kind, timestamps, cuts, tmp_path):
    folder = tmp_path / "shar"
    folder.mkdir()
    cuts.to_shar(folder, fields={"recording": "wav"}, shard_size=2)
    change, expected = SHAR[kind]
    change(folder)
    problem, _ = timestamps(folder)
    assert expected in problem
