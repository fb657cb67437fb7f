"""The column `messages`: chat rows of the usual kinds, their text and their recordings."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.formats.messages import MESSAGES
from saladkit.formats.samples import write_samples
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row

RATE = 8000
ASK, ANSWER = {"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "Salt."}
PARTS = [{"type": "text", "text": "What is it?"}]


def signal(seconds, seed):
    return np.random.default_rng(seed).integers(-9000, 9000, int(seconds * RATE)).astype(np.int16)


def wav(samples, rate=RATE):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format="WAV")
    return content.getvalue()


def joined(row):
    samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")
    assert rate == RATE
    return samples


def write(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("content", ["What is it?", PARTS], ids=["text", "parts"])
def test_contents_are_texts_or_parts(tmp_path, suffix, content):
    rows = [{"id": "a", "messages": [{"role": "user", "content": content}], "text": "not looked at", "extra": 1}]
    table = read_samples(write(tmp_path / f"rows{suffix}", rows), needed=["text"])
    assert table.schema.field("messages").type == MESSAGES
    (row,) = table.to_pylist()
    assert (row["text"], row["extra"]) == ("What is it?", 1)
    assert row["messages"] == [{"role": "user", "content": PARTS}]


@pytest.mark.parametrize("column", ["text", "prompt"])
def test_rows_whose_text_is_not_that_of_their_messages_are_counted(tmp_path, column, caplog):
    rows = [
        {"id": "a", "messages": [ASK, ANSWER], column: "What is it?"},
        {"id": "b", "messages": [ASK, ANSWER], column: "user: What is it? assistant: Salt."},
        {"id": "c", "messages": [ASK, ANSWER], column: None},
        {"id": "d", "messages": None, column: "A plain text."},
        {"id": "e", "messages": [ASK, ANSWER], column: ""},
    ]
    path = write(tmp_path / "rows.parquet", rows)
    table = read_samples(path, needed=["text"], names=ColumnNames(text=column))
    assert table.column("text").to_pylist() == [*["What is it?"] * 3, "A plain text.", "What is it?"]
    (said,) = [line for line in caplog.messages if "users say" in line]
    assert f"{path}: 1 of 5 rows have a {column} that is not" in said and "the first is 'b'" in said


def test_equal_texts_are_not_mentioned(tmp_path, caplog):
    rows = [{"id": "a", "messages": [ASK, ANSWER], "text": "What is it?"}, {"id": "b", "messages": [ASK, ANSWER]}]
    read_samples(write(tmp_path / "rows.jsonl", rows), needed=["text"])
    assert "users say" not in caplog.text


def test_json_lines_may_mix_texts_and_parts_and_rows_without_messages(tmp_path):
    rows = [
        {"id": "a", "messages": [ASK, ANSWER], "date": "2024-01-02"},
        {"id": "b", "messages": [{"role": "user", "content": PARTS}, ANSWER]},
        {"id": "c", "text": "A plain text."},
    ]
    table = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["text"])
    assert table.column("text").to_pylist() == ["What is it?", "What is it?", "A plain text."]
    assert table.column("messages").to_pylist()[2] is None
    assert table.column("date").to_pylist() == ["2024-01-02", None, None]


def test_what_is_written_is_read_again(tmp_path):
    read = read_samples(write(tmp_path / "rows.jsonl", [{"id": "a", "messages": [ASK, ANSWER]}]), needed=["text"])
    write_samples(read, tmp_path / "rows.parquet")
    assert read_samples(tmp_path / "rows.parquet", needed=["text"]).to_pylist() == read.to_pylist()


def test_messages_are_read_only_with_text_or_audio(tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"id": "a", "messages": [ASK, ANSWER], "domain": "x"}])
    assert read_samples(path, needed=["id"], optional=["domain"]).column_names == ["id", "domain"]


@pytest.mark.parametrize("key", ["audio", "path", "url", "audio_url"])
def test_a_part_s_own_recording_is_the_row_s(tmp_path, key):
    soundfile.write(tmp_path / "a.wav", signal(0.2, 0), RATE)
    part = {"type": "audio", key: "a.wav", "text": "What is it?"}
    rows = [{"id": "a", "messages": [{"role": "user", "content": [part]}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    assert row["audio"] == {"bytes": None, "path": str(tmp_path / "a.wav")}


@pytest.mark.parametrize("kind", ["bytes", "path", "array", "nested audio"])
def test_several_recordings_are_joined_in_order(tmp_path, kind):
    signals = [signal(0.3, 0), signal(0.2, 1)]
    parts = []
    for number, samples in enumerate(signals):
        soundfile.write(tmp_path / f"{number}.wav", samples, RATE)
        given = {
            "bytes": {"bytes": wav(samples)},
            "path": {"path": f"{number}.wav"},
            "array": {"audio": {"array": samples.tolist(), "sampling_rate": RATE}},
            "nested audio": {"audio": {"bytes": wav(samples), "path": None}},
        }[kind]
        parts.append({"type": "audio", "text": f"Part {number}."} | given)
    turns = [{"role": "user", "content": [part]} for part in parts]
    rows = [{"id": "a", "messages": [turns[0], {"role": "assistant", "content": PARTS}, turns[1]]}]
    (row,) = read_samples(write(tmp_path / "rows.parquet", rows), needed=["text", "audio"]).to_pylist()
    assert row["text"] == "Part 0.\nPart 1."
    wanted = np.concatenate(signals) / (1 if kind == "array" else 32768)  # arrays are kept at their scale
    np.testing.assert_allclose(joined(row), wanted, atol=1e-6)


def test_stretches_and_channels_are_joined(tmp_path):
    left, right = signal(0.5, 0), signal(0.5, 1)
    soundfile.write(tmp_path / "call.wav", np.stack([left, right], axis=1), RATE)
    parts = [
        {"type": "audio", "audio": f"call.wav#t={t}&channel={c}", "text": "w"} for t, c in (("0,0.1", 1), ("0.4", 0))
    ]
    rows = [{"id": "a", "messages": [{"role": "user", "content": parts}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    np.testing.assert_allclose(joined(row), np.concatenate([right[:800], left[3200:]]) / 32768, atol=1e-6)


def test_without_recordings_in_parts_the_row_s_audio_is_all_of_them(tmp_path):
    parts = [{"type": "audio", "text": "One."}, {"type": "audio", "text": "Two."}]
    rows = [{"id": "a", "sound": "a.wav", "messages": [{"role": "user", "content": parts}, ANSWER]}]
    names = ColumnNames(audio="sound")
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["text", "audio"], names=names).to_pylist()
    assert row["audio"]["path"] == str(tmp_path / "a.wav")
    assert row["text"] == "One.\nTwo."


def test_a_recording_that_cannot_be_read_is_left_for_decoding_to_report(tmp_path):
    parts = [{"type": "audio", "path": name, "text": "w"} for name in ("a.wav", "none.wav")]
    soundfile.write(tmp_path / "a.wav", signal(0.1, 0), RATE)
    rows = [{"id": "a", "messages": [{"role": "user", "content": parts}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    with pytest.raises(SaladError, match=r"none\.wav"):
        decode_row(row, "rows")


@pytest.mark.parametrize("first", [True, False])
def test_a_part_that_only_ffmpeg_may_read_is_not_taken_for_the_whole(tmp_path, first):
    soundfile.write(tmp_path / "a.wav", signal(0.2, 0), RATE)
    (tmp_path / "b.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    paths = ["b.m4a", "a.wav"] if first else ["a.wav", "b.m4a"]
    parts = [{"type": "audio", "path": path, "text": "w"} for path in paths]
    rows = [{"id": "a", "messages": [{"role": "user", "content": parts}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    assert b"no WAV, FLAC, Ogg or MP3" in row["audio"]["bytes"]
    with pytest.raises(SaladError, match="does not decode"):
        decode_row(row, "rows")


@pytest.mark.parametrize(
    "path, problem",
    [
        ("a.wav#t=0,0.1&channel=1", "has 1 channels"),
        ("a.wav#t=0.1,9", "lasts 0.20 s"),
        ("a.wav#t=5,9", "lasts 0.20 s"),
        ("empty.wav", "no samples"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_stretch_that_is_not_there_is_left_for_decoding_to_report(tmp_path, path, problem, first):
    soundfile.write(tmp_path / "a.wav", signal(0.2, 0), RATE)
    soundfile.write(tmp_path / "empty.wav", signal(0, 0), RATE)
    paths = [path, "a.wav"] if first else ["a.wav", path]
    parts = [{"type": "audio", "path": path, "text": "w"} for path in paths]
    rows = [{"id": "a", "messages": [{"role": "user", "content": parts}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    with pytest.raises(SaladError, match=problem):
        decode_row(row, "rows")


def heard(**part):
    return [{"role": "user", "content": [{"type": "audio", "text": "w"} | part]}, ANSWER]


BAD = {
    "no list": ("Hello", "no list of turns"),
    "no roles": ([{"from": "human", "value": "Hi"}], "no list of turns"),
    "no turns": ([], "no turn of a user"),
    "no user": ([ANSWER], "no turn of a user"),
    "a tool": ([ASK, {"role": "tool", "content": "42"}, ANSWER], "role 'tool'"),
    "a developer": ([{"role": "developer", "content": "Be brief."}, ASK, ANSWER], "role 'developer'"),
    "a tool call": ([ASK, ANSWER | {"tool_calls": [{"name": "f"}]}], "calls tools"),
    "no content": ([{"role": "user"}, ANSWER], "turn of the user without content"),
    "an empty content": ([ASK, {"role": "assistant", "content": " "}], "empty turn of the assistant"),
    "no parts": ([{"role": "user", "content": []}, ANSWER], "empty turn of the user"),
    "an image": ([{"role": "user", "content": [{"type": "image", "url": "a.png"}, *PARTS]}], "type 'image'"),
    "a video": ([{"role": "user", "content": [{"type": "video", "path": "a.mp4"}]}], "type 'video'"),
    "no type": ([{"role": "user", "content": [{"text": "What?"}]}], "type 'None'"),
    "a spoken answer": ([ASK, {"role": "assistant", "content": [{"type": "audio", "text": "w"}]}], "of the assistant"),
    "no words": (heard(text=None, path="a.wav"), "type 'audio' without text"),
    "empty words": (heard(text=" ", path="a.wav"), "type 'audio' without text"),
    "a text part without text": ([{"role": "user", "content": [{"type": "text"}]}, ANSWER], "type 'text' without text"),
    "an address": (heard(url="https://example.com/a.wav"), "an address"),
    "OpenAI's encoded audio": (heard(input_audio={"data": "UklGRg==", "format": "wav"}), "no audio that can be read"),
    "samples without their rate": (heard(array=[0.1, 0.2]), "no audio that can be read"),
    "a number as audio": (heard(audio=5), "no audio that can be read"),
    "a recording too few": (heard(path="a.wav") + heard(), "2 audio parts, of which 1 have no recording"),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_bad_conversations_name_their_row(tmp_path, kind):
    messages, problem = BAD[kind]
    path = write(tmp_path / "rows.jsonl", [{"id": "x", "messages": messages}])
    with pytest.raises(SaladError, match="row 'x'") as error:
        read_samples(path, needed=["text"])
    assert problem in error.value.problem
    assert str(path) in error.value.problem
    assert "\n" not in error.value.problem + error.value.fix


def test_recordings_of_different_rates_are_refused(tmp_path):
    parts = [{"type": "audio", "bytes": wav(signal(0.1, 0), rate), "text": "w"} for rate in (8000, 16000)]
    rows = [{"id": "x", "messages": [{"role": "user", "content": parts}]}]
    with pytest.raises(SaladError, match=r"row 'x' has recordings of different sample rates \(8000, 16000 Hz\)"):
        read_samples(write(tmp_path / "rows.parquet", rows), needed=["audio"])


USER = {"role": "user", "content": "<audio> Why?"}


def swift_row(audios, said, *turns):
    return {"id": "a", "messages": list(turns), "audios": audios, "audio_texts": said}


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "untagged"])
def test_rows_of_ms_swift_are_heard_where_their_tags_stand(tmp_path, suffix, tagged):
    soundfile.write(tmp_path / "a.wav", signal(0.2, 0), RATE)
    system, user = {"role": "system", "content": "Be brief."}, USER if tagged else {"role": "user", "content": " Why?"}
    rows = [swift_row(["a.wav"], ["What is it?"], system, user, ANSWER)]
    (row,) = read_samples(write(tmp_path / f"rows{suffix}", rows), needed=["audio"], optional=["text"]).to_pylist()
    assert row["text"] == "What is it?" and row["audio"] == {"bytes": None, "path": str(tmp_path / "a.wav")}
    assert row["messages"][1]["content"] == [
        {"type": "audio", "text": "What is it?"},
        {"type": "text", "text": " Why?"},
    ]
    assert "audios" not in row and "audio_texts" not in row  # read once: what is written has parts


def test_several_recordings_of_ms_swift_are_heard_in_order(tmp_path):
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.wav", signal(0.2, number), RATE)
    again = {"role": "user", "content": "And <audio>?"}
    rows = [swift_row(["0.wav", "1.wav"], ["One", "two"], USER, ANSWER, again, ANSWER)]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["audio"]).to_pylist()
    assert row["text"] == "One\ntwo"
    assert np.array_equal(joined(row), np.concatenate([signal(0.2, 0), signal(0.2, 1)]) / np.float32(2**15))


@pytest.mark.parametrize(
    "audios, said, content",
    [(["a.wav"], None, "<audio>"), (["a.wav"], ["A", "B"], "<audio>"), (["a.wav"], ["A"], "<audio> or <audio>")],
    ids=["no texts", "two texts", "two tags"],
)
def test_rows_of_ms_swift_whose_numbers_differ_are_refused(tmp_path, audios, said, content):
    rows = [swift_row(audios, said, {"role": "user", "content": content}, ANSWER)]
    with pytest.raises(SaladError, match=r"row 'a' has 1 audios, \d times <audio> and \d audio_texts"):
        read_samples(write(tmp_path / "rows.jsonl", rows), needed=["text"])


def test_a_tag_without_recordings_is_text(tmp_path):
    rows = [{"id": "a", "messages": [{"role": "user", "content": "What does <audio> mean?"}, ANSWER]}]
    (row,) = read_samples(write(tmp_path / "rows.jsonl", rows), needed=["text"]).to_pylist()
    assert row["text"] == "What does <audio> mean?"
