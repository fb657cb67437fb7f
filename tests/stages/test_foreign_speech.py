"""Commands give the same results on the recordings of other tools as on our own samples."""

import json

import lhotse
import numpy as np
import pyarrow as pa
import pytest
import soundfile
from foreign_sources import GAP, speak_all, text_beside, write_lines

from saladkit.formats.samples import words_from_row, write_samples
from saladkit.formats.word_times import read_word_times
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row

FEW = 6


@pytest.fixture(scope="module")
def own(speech, tmp_path_factory):
    """The first spoken samples of which every word has its times."""
    rows = read_samples(speech, needed=["text", "audio", "words"], optional=["duration", "speaker"]).to_pylist()
    timed = [
        row for row in rows if all(word.start is not None and word.end is not None for word in words_from_row(row))
    ]
    path = tmp_path_factory.mktemp("own") / "rows.parquet"
    write_samples(pa.Table.from_pylist(timed[:FEW]), path)
    return path


@pytest.fixture(scope="module")
def cuts(own, tmp_path_factory):
    """The same as Lhotse's cuts of one long recording."""
    folder = tmp_path_factory.mktemp("cuts")
    pieces, rows, at = [], [], 0
    for row in read_samples(own, needed=["audio", "words"]).to_pylist():
        samples, rate = decode_row(row, "x")
        pieces += [np.zeros(round(GAP * rate), np.float32), samples]
        at += round(GAP * rate)
        rows.append((row, at / rate, len(samples) / rate))
        at += len(samples)
    soundfile.write(folder / "long.flac", np.concatenate(pieces), rate, subtype="PCM_16")
    recording = lhotse.Recording.from_file(folder / "long.flac")
    cuts = []
    for row, begin, seconds in rows:
        words = words_from_row(row)
        items = [lhotse.supervision.AlignmentItem(w.word, begin + w.start, w.end - w.start) for w in words]
        said = lhotse.SupervisionSegment(
            row["id"], "long", 0.0, seconds, text=row["text"], speaker=row["speaker"], alignment={"word": items}
        )
        cuts.append(lhotse.MonoCut(row["id"], begin, seconds, 0, [said], recording=recording))
    lhotse.CutSet.from_cuts(cuts).to_file(folder / "cuts.jsonl.gz")
    return folder / "cuts.jsonl.gz"


def test_frames_of_stretches_are_those_of_the_recordings(cuts, own, shell, contents, tmp_path):
    for name, source in (("own", own), ("cut", cuts)):
        done = shell("cache-speech", source, "-o", tmp_path / name, "--mel-bins", 16)
        assert done.exit_code == 0, done.stderr
    of_own, of_cuts = (contents(tmp_path / name) for name in ("own", "cut"))
    parts = [name for name in of_own if "part" in name]
    assert len(parts) == 2
    assert all(of_own[name] == of_cuts[name] for name in parts)


def test_what_select_takes_of_a_recording_stays_a_stretch(cuts, shell, text_lm, tmp_path):
    arguments = ["--embedder", f"lm:{text_lm}", "--clusters", 2, "--device", "cpu"]
    done = shell("regions", cuts, "-o", tmp_path / "regions", *arguments)
    assert done.exit_code == 0, done.stderr
    options = ["--regions", tmp_path / "regions", "--count", 3, "--gamma", 0]
    done = shell("select", cuts, "-o", tmp_path / "chosen", *options)
    assert done.exit_code == 0, done.stderr
    before = {row["id"]: row for row in read_samples(cuts, needed=["audio"]).to_pylist()}
    chosen = read_samples(tmp_path / "chosen", needed=["audio", "text"]).to_pylist()
    assert len(chosen) == 3
    for row in chosen:
        assert row["audio"] == before[row["id"]]["audio"]
        assert row["words"] == before[row["id"]]["words"]
        assert np.array_equal(decode_row(row, "x")[0], decode_row(before[row["id"]], "x")[0])
    done = shell("synth", tmp_path / "chosen", "-o", tmp_path / "spoken", "--voice", "espeak:en-us")
    assert done.exit_code == 0, done.stderr
    assert all(row["audio"]["bytes"] for row in read_samples(tmp_path / "spoken", needed=["audio"]).to_pylist())


def test_training_on_cuts_is_training_on_the_recordings(cuts, own, text_lm, shell, tmp_path):
    losses = {}
    for name, source in (("own", own), ("cut", cuts)):
        done = shell(
            *["distill", text_lm, "--data", source, "-o", tmp_path / name, "--device", "cpu", "--max-steps", 2],
            *["--text-words", 2, 4, "--speech-words", 2, 4, "--logging-steps", 1, "--mel-bins", 16],
            *["--adapter-layers", 1, "--adapter-width", 16, "--adapter-mlp-width", 32, "--encoder-width", 8],
            *["--adapter-heads", 2, "--adapter-kv-heads", 1],
        )
        assert done.exit_code == 0, done.stderr
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        losses[name] = [json.loads(line)["loss"] for line in lines if "loss" in json.loads(line)]
    assert losses["own"] == losses["cut"]
    assert len(losses["own"]) == 2


def test_word_times_of_a_folder_of_recordings_and_texts(shell, tmp_path):
    spoken = speak_all()
    folder = text_beside(tmp_path / "folder", spoken)
    done = shell("timestamps", folder, "-o", tmp_path / "times", "--aligner", "sphinx")
    assert done.exit_code == 0, done.stderr
    found = {row["id"]: row["words"] for row in read_word_times(tmp_path / "times").to_pylist()}
    for one in spoken:
        words = found[f"{one.name[0]}/{one.name}"]
        assert [word["word"] for word in words] == one.text.split()
        assert np.abs([word["start"] - true.start for word, true in zip(words, one.words, strict=True)]).max() < 0.15


def test_a_dry_run_predicts_hours_from_a_manifest(shell, tmp_path):
    rows = [{"audio_filepath": f"{i}.wav", "duration": 1800, "text": "x y"} for i in range(4)]
    source = write_lines(tmp_path / "manifest.json", rows)
    done = shell("timestamps", source, "-o", tmp_path / "times", "--aligner", "sphinx", "--dry-run")
    assert json.loads(done.stdout)["seconds_of_speech"] == 7200
