"""Cuts of Lhotse, as JSON lines and as Shar: stretches of recordings with their words."""

import json

import lhotse
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from foreign_sources import (
    write_lines,
    write_long,
)

from saladkit.errors import SaladError
from saladkit.formats.samples import words_from_row
from saladkit.sources import mapped_tables
from saladkit.sources.columns import ColumnNames
from saladkit.sources.foreign import rows as foreign_rows
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row


def read(source, needed=("text", "audio"), **settings):
    return read_samples(source, needed=list(needed), **settings).to_pylist()


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
