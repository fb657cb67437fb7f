"""Samples of other tools are read with their ids, their texts and the exact audio that was recorded."""

import gzip
import json
import os

import lhotse
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from foreign_sources import (
    GAP,
    audiofolder,
    common_voice,
    librispeech,
    nemo,
    nemo_stretches,
    text_beside,
    write_lines,
    write_long,
    write_wav,
)

from saladkit.errors import SaladError
from saladkit.formats.artefact import digest_path, is_artefact
from saladkit.formats.samples import COLUMNS, words_from_row
from saladkit.sources import mapped_tables
from saladkit.sources.columns import ColumnNames
from saladkit.sources.foreign import rows as foreign_rows
from saladkit.sources.samples import read_samples
from saladkit.sources.stretches import Stretch
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


@pytest.mark.parametrize(
    "path, start, end, channels",
    [
        ("a.wav", 0.0, None, None),
        ("a.wav#t=1", 1.0, None, None),
        ("a#b.wav#t=0.5,2", 0.5, 2.0, None),
        ("a.wav#t=0,2&channel=1", 0.0, 2.0, (1,)),
        ("a.wav#channel=0,2", 0.0, None, (0, 2)),
    ],
)
def test_stretches_are_what_their_paths_say(path, start, end, channels):
    found = Stretch.parse(path)
    assert (found.start, found.end, found.channels) == (start, end, channels)
    assert str(found) == path
    assert found.path == path[: path.rindex("wav") + 3]


@pytest.mark.parametrize("path", ["a.wav#", "a.wav#t=", "#t=1,2", "a#tune", "a#t=1;2", "a#channel=x", "a#t=-1,2"])
def test_other_names_are_files(path):
    assert Stretch.parse(path) == Stretch(path)


def test_half_a_fragment_of_the_standard():
    assert Stretch.parse("a.wav#t=,2.5") == Stretch("a.wav", 0.0, 2.5)


# --- Lhotse


def cuts_of(folder, spoken, aligned=True):
    """A cut of each utterance of one long recording; words as Lhotse has them, counted from its beginning."""
    spans = write_long(folder / "long.flac", spoken)
    recording = lhotse.Recording.from_file(folder / "long.flac", recording_id="long")
    supervisions = []
    for one, (begin, seconds) in zip(spoken, spans, strict=True):
        items = [lhotse.supervision.AlignmentItem(w.word, begin + w.start, w.end - w.start, 0.5) for w in one.words]
        supervisions.append(
            lhotse.SupervisionSegment(
                id=one.name,
                recording_id="long",
                start=begin,
                duration=seconds,
                text=one.text,
                speaker=f"speaker of {one.name}",
                custom={"shouted": one.text.upper()},
                alignment={"word": items} if aligned else None,
            )
        )
    cut = lhotse.MonoCut("long", 0, recording.duration, 0, supervisions=supervisions, recording=recording)
    return cut, lhotse.CutSet.from_cuts(cut.trim_to_supervisions())


def test_lhotse_cuts_are_stretches_with_words(spoken, tmp_path):
    whole, cuts = cuts_of(tmp_path, spoken)
    cuts.to_file(tmp_path / "cuts.jsonl.gz")
    rows = read(tmp_path / "cuts.jsonl.gz")
    assert [row["text"] for row in rows] == [one.text for one in spoken]
    for row, one, cut in zip(rows, spoken, cuts, strict=True):
        assert row["id"] == cut.id
        assert (row["speaker"], row["source"]) == (f"speaker of {one.name}", "long")
        assert row["audio"]["bytes"] is None
        samples, rate = decode_row(row, "x")
        assert np.array_equal(samples, one.samples)
        assert np.array_equal(samples, cut.load_audio()[0])
        assert row["duration"] == pytest.approx(len(samples) / rate)
        words = words_from_row(row)
        assert [word.word for word in words] == one.text.split()
        assert [word.start for word in words] == pytest.approx([word.start for word in one.words], abs=1e-6)
        assert [word.end for word in words] == pytest.approx([word.end for word in one.words], abs=1e-6)
        assert {word.score for word in words} == {0.5}
    lhotse.CutSet.from_cuts([whole]).to_file(tmp_path / "whole.jsonl")
    (row,) = read(tmp_path / "whole.jsonl")
    assert row["audio"]["path"] == str(tmp_path / "long.flac")
    assert row["text"] == " ".join(one.text for one in spoken)
    assert row["speaker"] == "speaker of one + speaker of two + speaker of three"
    assert [word["word"] for word in row["words"]] == row["text"].split()
    shouted = read(tmp_path / "whole.jsonl", names=ColumnNames(text="shouted"))[0]
    assert shouted["text"] == row["text"].upper()
    assert shouted["words"] is None  # which are of another text


def test_lhotse_words_need_every_word_and_its_own_time(spoken, tmp_path):
    _, cuts = cuts_of(tmp_path, spoken)
    rows = [json.loads(json.dumps(cut.to_dict())) for cut in cuts]
    rows[0]["supervisions"][0]["alignment"]["word"].pop()  # one word has no time
    for item in rows[1]["supervisions"][0]["alignment"]["word"]:
        item[1] += 1.0  # counted from elsewhere
    rows[2]["supervisions"][0]["alignment"]["word"].insert(1, ["", 9.0, 0.1, None])  # a pause
    found = read(write_lines(tmp_path / "cuts.jsonl", rows))
    assert [row["words"] is None for row in found] == [True, True, False]
    with pytest.raises(SaladError, match="has no words"):
        read(tmp_path / "cuts.jsonl", needed=["words"])


def test_lhotse_mixes_pads_and_transforms(spoken, tmp_path):
    _, cuts = cuts_of(tmp_path, spoken)
    one, two, three = cuts
    made = {
        "padded": one.pad(duration=5.0),
        "joined": one.append(two),
        "noisy": one.mix(three.drop_supervisions(), snr=10),
        "slow": one.perturb_speed(0.9),
        "resampled": two.resample(16_000),
    }
    lhotse.CutSet.from_cuts([cut.with_id(name) for name, cut in made.items()]).to_file(tmp_path / "cuts.jsonl")
    rows = {row["id"]: row for row in read(tmp_path / "cuts.jsonl")}
    for name, cut in made.items():
        samples, rate = decode_row(rows[name], "x")
        assert np.array_equal(samples, cut.load_audio()[0])
        assert rate == cut.sampling_rate
        assert rows[name]["duration"] == pytest.approx(cut.duration)
        words = words_from_row(rows[name])
        assert [word.word for word in words] == rows[name]["text"].split()
        assert 0 <= words[0].start < words[-1].end <= cut.duration
    assert rows["joined"]["text"] == f"{spoken[0].text} {spoken[1].text}"
    assert words_from_row(rows["joined"])[5].start == pytest.approx(one.duration + spoken[1].words[0].start, abs=1e-3)
    assert words_from_row(rows["slow"])[-1].end == pytest.approx(spoken[0].words[-1].end / 0.9, abs=1e-3)


def test_lhotse_channels(spoken, tmp_path):
    one, two, _ = spoken
    length = min(len(one.samples), len(two.samples))
    stereo = np.stack([one.samples[:length], two.samples[:length]], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, one.rate, subtype="PCM_16")
    recording = lhotse.Recording.from_file(tmp_path / "stereo.wav")
    cuts = [
        lhotse.MonoCut("right", 0.25, 0.75, 1, recording=recording),
        lhotse.MonoCut("left", 0, recording.duration, 0, recording=recording),
        lhotse.MultiCut("both", 0, recording.duration, [0, 1], recording=recording),
    ]
    lhotse.CutSet.from_cuts(cuts).to_file(tmp_path / "cuts.jsonl")
    right, left, both = read(tmp_path / "cuts.jsonl", needed=["audio"])
    assert right["audio"]["path"] == f"{tmp_path}/stereo.wav#t=0.25,1&channel=1"
    begin, end = round(0.25 * one.rate), one.rate
    assert np.array_equal(decode_row(right, "x")[0], stereo[begin:end, 1])
    assert np.array_equal(decode_row(left, "x")[0], stereo[:, 0])
    assert both["audio"]["path"] == f"{tmp_path}/stereo.wav"
    assert np.allclose(decode_row(both, "x")[0], stereo.mean(axis=1), atol=1e-7)


def test_lhotse_shar(spoken, tmp_path):
    _, cuts = cuts_of(tmp_path, spoken)
    (tmp_path / "shar").mkdir()
    cuts.to_shar(tmp_path / "shar", fields={"recording": "flac"}, shard_size=2)
    with pytest.raises(SaladError, match="has audio of the type 'shar'") as raised:
        read(tmp_path / "shar" / "cuts.000000.jsonl.gz")
    assert "folder" in raised.value.fix
    rows = read(tmp_path / "shar")
    assert [row["id"] for row in rows] == [cut.id for cut in cuts]
    for row, one in zip(rows, spoken, strict=True):
        assert row["text"] == one.text
        assert np.array_equal(decode_row(row, "x")[0], one.samples)
        assert row["words"] is None  # Lhotse has lost where they were
    assert len(read(tmp_path / "shar", limit=1)) == 1
    assert len(read(tmp_path / "shar", limit=3)) == 3
    for tar in (tmp_path / "shar").glob("*.tar"):
        tar.unlink()
    only_texts = read_samples(tmp_path / "shar", needed=["text"], optional=["speaker"]).to_pylist()
    assert [row["text"] for row in only_texts] == [one.text for one in spoken]


def test_recordings_too_large_for_memory_stand_in_a_file_without_a_name(spoken, tmp_path, monkeypatch):
    _, cuts = cuts_of(tmp_path, spoken)
    (tmp_path / "shar").mkdir()
    cuts.to_shar(tmp_path / "shar", fields={"recording": "flac"}, shard_size=2)
    plain = read_samples(tmp_path / "shar", needed=["text", "audio"])
    monkeypatch.setattr(mapped_tables, "LARGE", 40_000)
    monkeypatch.setattr(foreign_rows, "ROWS_AT_ONCE", 1)
    before = pa.total_allocated_bytes()
    mapped = read_samples(tmp_path / "shar", needed=["text", "audio"], beside=tmp_path / "out" / "made")
    assert pa.total_allocated_bytes() - before < 40_000 < plain.column("audio").nbytes
    assert mapped.to_pylist() == plain.to_pylist()
    assert not list((tmp_path / "out").iterdir())
    for tar in (tmp_path / "shar").glob("*.tar"):
        tar.unlink()
    silent = read_samples(tmp_path / "shar", needed=["text"], without=["audio", "words"])
    assert silent.equals(plain.select(silent.column_names)) and not {"audio", "words"} & set(silent.column_names)


def test_a_cut_through_a_sentence_has_no_text(spoken, tmp_path):
    whole, _ = cuts_of(tmp_path, spoken)
    windows = whole.cut_into_windows(1.0)
    windows.to_file(tmp_path / "cuts.jsonl")
    with pytest.raises(SaladError, match="begins or ends within supervision"):
        read(tmp_path / "cuts.jsonl")
    assert len(read(tmp_path / "cuts.jsonl", needed=["audio"], optional=[])) == len(windows)


def test_commands_of_a_manifest_are_not_run(spoken, tmp_path):
    _, cuts = cuts_of(tmp_path, spoken)
    rows = [cut.to_dict() for cut in cuts]
    rows[1]["recording"]["sources"][0] |= {"type": "command", "source": f"touch {tmp_path}/run"}
    with pytest.raises(SaladError, match=f"cut '{rows[1]['id']}' has audio of the type 'command'"):
        read(write_lines(tmp_path / "cuts.jsonl", rows))
    assert not (tmp_path / "run").exists()


def test_json_of_many_kinds_in_one_column(tmp_path):
    lines = [{"audio_filepath": f"{i}.wav", "text": "x", "extra": extra} for i, extra in enumerate([1, "a", None])]
    assert [
        json.loads(row["extra"]) if row["extra"] == "1" else row["extra"]
        for row in read(write_lines(tmp_path / "m.json", lines))
    ] == [1, "a", None]
