"""Samples as `datasets`, Lhotse, NeMo and ms-swift have them, and back: texts, recordings, words, columns."""

import json
import subprocess

import datasets
import lhotse
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from foreign_sources import nemo_stretches, write_lines, write_wav

import hand_over
from saladkit.formats.samples import words_to_row
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row

WRITTEN = {"datasets": "", "nemo": "manifest.jsonl", "lhotse": "cuts.jsonl.gz", "swift": "rows.jsonl"}


@pytest.fixture(scope="module")
def rows(spoken, tmp_path_factory):
    """Three utterances: in a file, in a stretch of a long file, and as bytes; with words, a speaker and a domain."""
    folder = tmp_path_factory.mktemp("rows")
    stretches = read_samples(nemo_stretches(folder, spoken), needed=["text", "audio"]).to_pylist()
    file = write_wav(folder / "own.wav", spoken[0].samples, spoken[0].rate)
    audio = [{"path": str(file)}, {"path": stretches[1]["audio"]["path"]}]
    audio.append({"bytes": write_wav(folder / "b.wav", spoken[2].samples, spoken[2].rate).read_bytes()})
    table = [
        {"id": f"a/{one.name}", "text": one.text, "audio": sound, "words": words_to_row(one.words)}
        | {"speaker": "Ann", "domain": "the sea"}
        for one, sound in zip(spoken, audio, strict=True)
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {name: [row[name] for row in table] for name in table[0]}
    columns["audio"] = pa.array([{"bytes": None, "path": None} | one for one in audio], kind)
    pa.parquet.write_table(pa.table(columns), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize("kind", list(WRITTEN))
def test_samples_go_and_come_back(kind, rows, spoken, tmp_path):
    assert hand_over.KINDS[kind](str(rows), tmp_path / kind) == len(spoken)
    found = read_samples(tmp_path / kind / WRITTEN[kind], needed=["text", "audio"]).to_pylist()
    assert [row["id"] for row in found] == [f"a/{one.name}" for one in spoken]
    assert [row["text"] for row in found] == [one.text for one in spoken]
    for row, one in zip(found, spoken, strict=True):
        samples, rate = decode_row(row, kind)
        assert rate == one.rate and np.array_equal(samples, one.samples)
    if kind != "swift":
        assert {row["speaker"] for row in found} == {"Ann"}
    if kind in ("datasets", "lhotse"):
        for row, one in zip(found, spoken, strict=True):
            assert [word["word"] for word in row["words"]] == [word.word for word in one.words]
            assert [word["end"] for word in row["words"]] == pytest.approx([word.end for word in one.words], abs=1e-6)
    if kind in ("datasets", "nemo"):
        assert {row["domain"] for row in found} == {"the sea"}


def test_datasets_itself_reads_what_was_written(rows, spoken, tmp_path):
    hand_over.to_datasets(str(rows), tmp_path / "rows")
    found = datasets.load_from_disk(str(tmp_path / "rows"))
    assert isinstance(found.features["audio"], datasets.Audio)
    assert found["text"][:] == [one.text for one in spoken]


def test_lhotse_itself_reads_what_was_written(rows, spoken, tmp_path):
    hand_over.to_lhotse(str(rows), tmp_path)
    for cut, one in zip(lhotse.CutSet.from_file(tmp_path / "cuts.jsonl.gz"), spoken, strict=True):
        (supervision,) = cut.supervisions
        assert np.array_equal(cut.load_audio()[0], one.samples) and supervision.text == one.text
        begins = [item.start for item in supervision.alignment["word"]]
        assert begins == pytest.approx([cut.start + word.start for word in one.words], abs=1e-6)


def test_nemo_lines_have_what_nemo_needs(rows, spoken, tmp_path):
    hand_over.to_nemo(str(rows), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    for line, one in zip(lines, spoken, strict=True):
        samples, rate = soundfile.read(line["audio_filepath"], dtype="float32")
        begin = round(line.get("offset", 0) * rate)
        assert np.array_equal(samples[begin : begin + round(line["duration"] * rate)], one.samples)
    assert ["offset" in line for line in lines] == [False, True, False]


def test_conversations_go_to_ms_swift_and_come_back(spoken, tmp_path):
    """A system prompt, text around the recording and an answer; the tag stands where the recording is heard."""
    write_wav(tmp_path / "one.wav", spoken[0].samples, spoken[0].rate)
    part = {"type": "audio", "path": "one.wav", "text": spoken[0].text}
    content = [{"type": "text", "text": "Listen:"}, part, {"type": "text", "text": "What boils?"}]
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
    turns.append({"role": "assistant", "content": "Water."})
    source = write_lines(tmp_path / "chats.jsonl", [{"id": "a", "messages": turns}])
    hand_over.to_swift(str(source), tmp_path / "swift")
    (line,) = map(json.loads, (tmp_path / "swift" / "rows.jsonl").read_text().splitlines())
    assert [turn["content"] for turn in line["messages"]] == ["Be brief.", "Listen: <audio> What boils?", "Water."]
    assert line["audios"] == [str(tmp_path / "one.wav")] and line["audio_texts"] == [spoken[0].text]
    (before,), (after,) = (
        read_samples(path, needed=["text", "audio"]).to_pylist() for path in (source, tmp_path / "swift" / "rows.jsonl")
    )
    stripped = [[part | {"text": part["text"].strip()} for part in turn["content"]] for turn in after["messages"]]
    assert stripped == [turn["content"] for turn in before["messages"]]
    assert after["text"] == before["text"] and after["audio"] == before["audio"]


def test_the_example_is_a_program_with_two_lines_for_an_error(loaded_python, repository, rows, tmp_path):
    script = repository / "examples" / "neighbours" / "hand_over.py"

    def run(*arguments):
        return subprocess.run([loaded_python, script, *map(str, arguments)], capture_output=True, text=True)

    assert run("nemo", rows, "-o", tmp_path / "out").stdout == f"3 rows in {tmp_path / 'out'}\n"
    failed = run("nemo", tmp_path / "nowhere.parquet", "-o", tmp_path / "other")
    assert failed.returncode == 2 and len(failed.stderr.splitlines()) == 2 and "fix: " in failed.stderr
