"""`synth` as a whole: the voice of each row, reuse of speech, rows that are left out, and interrupted runs."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.settings.synth import SynthSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.voices.voice import open_voice
from saladkit.stages import synth as stage

# Speaks a tone of 0.07 s a letter, at the voice's own pitch; notes what it was asked in a log. Some words have effects.
PROGRAM = """
import io, math, os, signal, struct, sys, wave
log, pitch = LOG, float(sys.argv[1])
text = sys.stdin.read().strip()
with open(log, "a") as lines:
    lines.write(text + "\\n")
tries = open(log).read().split("\\n").count(text)
if "broken" in text or ("shaky" in text and tries == 1):
    sys.exit("the tongue is tied")
rate, seconds = 8000, 0.07 * len(text)
level = {"loud": 3.0, "faint": 0.001}.get(text.split()[0], 0.3)
sound = [level * math.sin(2 * math.pi * pitch * i / rate) for i in range(int(seconds * rate))]
if "silent" in text:
    sound += [0.0] * (3 * rate)
if "endless" in text:
    sound *= 9
with wave.open(sys.stdout.buffer, "wb") as out:
    out.setnchannels(1), out.setsampwidth(2), out.setframerate(rate)
    out.writeframes(struct.pack(f"<{len(sound)}h", *(int(32767 * max(-1, min(1, x))) for x in sound)))
"""


@pytest.fixture
def program(tmp_path):
    """A voice of each pitch asked for, and what its program has been asked to speak."""
    script, log = tmp_path / "voice.py", tmp_path / "asked.txt"
    script.write_text(PROGRAM.replace("LOG", repr(str(log)), 1))  # a file among the arguments is part of the voice
    log.write_text("")

    def voice(pitch=300):
        return f"command:{sys.executable} {script} {pitch}"

    voice.asked = lambda: sorted(line for line in log.read_text().split("\n") if line)
    return voice


def synth(source, output, **settings):
    """Run `synth` with these settings."""
    return stage.synth(source, output, SynthSettings(**settings))


def write_rows(path, texts, **columns):
    rows = [
        {"id": str(row), "text": text} | {name: values[row] for name, values in columns.items()}
        for row, text in enumerate(texts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def rows_of(folder):
    return read_samples(folder, needed=["audio", "text"]).to_pylist()


def left_out(folder):
    return {row["id"]: row["reason"] for row in Artefact.open(folder, "samples").manifest["skipped"]}


def test_voices_are_even_fixed_by_seed_and_id_and_named(tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", [f"Row {row} speaks." for row in range(60)])
    voices = ("espeak:en-us", "espeak:en-gb+f2@150..220")
    synth(source, tmp_path / "out", voices=voices, seed=3, workers=1)
    rows = rows_of(tmp_path / "out")
    speakers = [row["speaker"] for row in rows]
    assert 18 <= speakers.count("espeak:en-us") <= 42 and set(speakers) == {"espeak:en-us", "espeak:en-gb+f2"}
    for row in rows:
        assert row["words_source"] == "espeak"
        again = open_voice(row["voice"]).speak(spoken_form(row["text"], "en").text)
        assert len(again.samples) / again.sample_rate == row["duration"]
    rates = {row["voice"] for row in rows} - {"espeak:en-us"}
    assert len(rates) > 10
    few = write_rows(tmp_path / "few.jsonl", [f"Row {row} speaks." for row in range(7)])
    synth(few, tmp_path / "few", voices=voices, seed=3, workers=1)
    assert [row["voice"] for row in rows_of(tmp_path / "few")] == [row["voice"] for row in rows[:7]]
    synth(few, tmp_path / "other", voices=voices, seed=4, workers=1)
    assert [row["voice"] for row in rows_of(tmp_path / "other")] != [row["voice"] for row in rows[:7]]


def test_nothing_is_spoken_twice(program, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ROWS_PER_PART", 3)
    texts = ["one day", "one day", "two days", "three days", "one day", "two days", "four days"]
    source = write_rows(tmp_path / "rows.jsonl", texts)
    synth(source, tmp_path / "out", voices=(program(),), workers=1)
    assert program.asked() == sorted(set(texts))
    rows = rows_of(tmp_path / "out")
    assert rows[0]["audio"] == rows[1]["audio"] == rows[4]["audio"] != rows[2]["audio"]
    assert len({row["speech_key"] for row in rows}) == 4

    more = write_rows(tmp_path / "more.jsonl", ["five days", "one day"])
    synth(more, tmp_path / "more", voices=(program(),), workers=1, reuse=(str(tmp_path / "out"),), seed=8)
    assert program.asked() == sorted({*texts, "five days"})
    assert rows_of(tmp_path / "more")[1]["audio"] == rows[0]["audio"]
    others = [{"voices": (program(400),)}, {"voices": (program(),), "loudness": -30.0}]
    for number, other in enumerate(others):  # another voice, other settings
        synth(more, tmp_path / f"other-{number}", workers=1, reuse=(str(tmp_path / "out"),), **other)
        assert program.asked().count("one day") == 2 + number


def test_reused_recordings_are_not_an_input(program, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", ["one day", "two days"])
    synth(source, tmp_path / "out", voices=(program(),), workers=1)
    copied = synth(source, tmp_path / "again", voices=(program(),), workers=1, reuse=(str(tmp_path / "out"),))
    assert copied["hours_of_speech"] > 0 and copied["times_real_time"] == 0  # nothing was spoken
    for name in ("manifest.json", "part-00000-of-00001.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    with pytest.raises(SaladError, match="not a folder|no artefact|nowhere"):
        synth(source, tmp_path / "none", voices=(program(),), reuse=(str(tmp_path / "nowhere"),))
    assert not (tmp_path / "none").exists()


def test_each_check_leaves_its_rows_out_and_counts_them(program, tmp_path):
    texts = ["a good text", "loud and clear", "faint and far", "silent in the end", "endless talk", "!?", "broken reed"]
    source = write_rows(tmp_path / "rows.jsonl", texts, region=[0, 1, 1, 2, 2, 3, 3])
    summary = synth(source, tmp_path / "out", voices=(program(),), workers=1)
    assert [row["text"] for row in rows_of(tmp_path / "out")] == ["a good text"]
    causes = {"clipping": 1, "level": 1, "silence": 1, "duration": 1, "unspeakable": 1, "failed": 1}
    assert (
        summary["left_out_by"] == causes == Artefact.open(tmp_path / "out", "samples").manifest["counts"]["left_out_by"]
    )
    assert summary["left_out_by_region"] == {str(region): {"rows": 2, "left_out": 2} for region in (1, 2, 3)}
    reasons = left_out(tmp_path / "out")
    assert reasons.keys() == {"1", "2", "3", "4", "5", "6"}
    assert "clipped" in reasons["1"] and "silent for 3.0" in reasons["3"] and "tongue is tied" in reasons["6"]
    everything = dict.fromkeys(("duration_ratio", "max_clipped", "max_silence", "min_level"))
    assert synth(source, tmp_path / "all", voices=(program(),), workers=1, **everything)["rows"] == 5


def test_a_voice_that_fails_once_is_asked_again(program, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", ["shaky ground", "solid ground"])
    assert synth(source, tmp_path / "out", voices=(program(),), workers=1)["rows"] == 2
    assert program.asked() == ["shaky ground", "shaky ground", "solid ground"]


@pytest.mark.parametrize("workers", [1, 5])
def test_an_engine_that_fails_on_everything_ends_the_run(workers, program, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", [f"broken {row}" for row in range(100)])
    with pytest.raises(SaladError, match="failed on 16 rows, one after another: .*tongue is tied") as raised:
        synth(source, tmp_path / "out", voices=(program(),), workers=workers)
    assert "goes on where it stopped" in raised.value.fix
    assert workers > 1 or len(program.asked()) == 32


def test_refused_rows_are_not_spoken_twice_and_leave_no_recording(program, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ROWS_PER_PART", 1)
    source = write_rows(tmp_path / "rows.jsonl", 3 * ["faint and far"])
    with pytest.raises(SaladError, match="no row of .* could be spoken"):
        synth(source, tmp_path / "out", voices=(program(),), workers=1)
    assert program.asked() == ["faint and far"]
    better = write_rows(tmp_path / "better.jsonl", ["near and clear"])  # and the folder can be used for it
    assert synth(better, tmp_path / "out", voices=(program(),), workers=1)["rows"] == 1


def test_choices_are_spoken_once_in_all_shards(program, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "ROWS_PER_PART", 1)
    texts = ["is it so", "yes it is", "was it so"]
    source = write_rows(tmp_path / "rows.jsonl", texts, choices=3 * [["yes it is", "not at all"]])
    synth(source, tmp_path / "out", voices=(program(),), choices=True, workers=1)
    # what was heard as a choice has no words, and is spoken as a text once more
    assert program.asked() == sorted(["is it so", "not at all", "was it so", "yes it is", "yes it is"])
    first, second, third = (row["choices_audio"] for row in rows_of(tmp_path / "out"))
    assert first == second == third and first[0] == rows_of(tmp_path / "out")[1]["audio"] != first[1]
    synth(source, tmp_path / "again", voices=(program(),), choices=True, workers=1, reuse=(str(tmp_path / "out"),))
    assert len(program.asked()) == 5


@pytest.mark.parametrize("codec, magic", [("flac", b"fLaC"), ("wav", b"RIFF")])
def test_codecs_keep_rate_and_samples(codec, magic, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", ["Water boils near the sea."])
    synth(source, tmp_path / "out", voices=("espeak:en-us",), codec=codec, workers=1)
    (row,) = rows_of(tmp_path / "out")
    assert row["audio"]["bytes"].startswith(magic)
    samples, rate = decode_row(row, "here")
    spoken = open_voice("espeak:en-us").speak(row["text"])
    assert rate == spoken.sample_rate and (samples == spoken.samples).all()


def test_words_without_times_are_aligned(program, tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", ["Water boils near the sea."])
    script = tmp_path / "espeak_speaks.py"
    script.write_text(
        "import sys, soundfile\n"
        "from saladkit.speech.voices.voice import open_voice\n"
        "spoken = open_voice('espeak:en-us').speak(sys.stdin.read())\n"
        "soundfile.write(sys.stdout.buffer, spoken.samples, spoken.sample_rate, format='WAV')\n"
    )
    voice = f"command:{sys.executable} {script}"
    summary = synth(source, tmp_path / "without", voices=(voice,), workers=1)
    assert summary["rows_by_words_source"] == {"none": 1}
    assert rows_of(tmp_path / "without")[0]["words_source"] is None
    summary = synth(source, tmp_path / "with", voices=(voice,), aligner="sphinx", workers=1)
    assert summary["rows_by_words_source"] == {"sphinx": 1}
    (row,) = rows_of(tmp_path / "with")
    known = open_voice("espeak:en-us").speak(row["text"]).words
    for word, truth in zip(row["words"], known, strict=True):
        assert abs(word["start"] - truth.start) < 0.05
    engine = synth(source, tmp_path / "engine", voices=("espeak:en-us",), aligner="sphinx", workers=1)
    assert engine["rows_by_words_source"] == {"espeak": 1}  # it knows better


def test_numbers_are_spoken_as_words_and_timed_as_written(tmp_path):
    texts = ["Dr. Smith paid $5 in 1984.", "It weighs 10 kg."]
    source = write_rows(tmp_path / "rows.jsonl", texts)
    synth(source, tmp_path / "out", voices=("espeak:en-us",), workers=1)
    for row in rows_of(tmp_path / "out"):
        assert [word["word"] for word in row["words"]] == row["text"].split()
        starts = [word["start"] for word in row["words"] if word["start"] is not None]
        assert starts == sorted(starts) and len(starts) >= 3
    synth(source, tmp_path / "raw", voices=("espeak:en-us",), language="as-written", workers=1)
    assert rows_of(tmp_path / "raw")[0]["speech_key"] != rows_of(tmp_path / "out")[0]["speech_key"]


def test_synth_measures_error_rates_with_a_recognizer(tmp_path):
    source = write_rows(tmp_path / "rows.jsonl", ["Water boils near the sea.", "My brother wrote a long letter."])
    summary = synth(source, tmp_path / "out", voices=("espeak:en-us",), asr="sphinx", workers=1)
    rates = [row["cer"] for row in rows_of(tmp_path / "out")]
    assert all(0 <= rate < 1.5 for rate in rates) and summary["cer"] == pytest.approx(sum(rates) / 2, abs=1e-4)
    bound = (min(rates) + max(rates)) / 2
    kept = synth(source, tmp_path / "strict", voices=("espeak:en-us",), asr="sphinx", max_cer=bound, workers=1)
    assert (kept["rows"], kept["left_out_by"]) == (1, {"cer": 1})


def test_shards_are_bounded_in_rows_and_seconds(monkeypatch):
    monkeypatch.setattr(stage, "ROWS_PER_PART", 3)
    monkeypatch.setattr(stage, "SECONDS_PER_PART", 10.0)
    assert stage._part_spans([1.0] * 7) == [(0, 3), (3, 6), (6, 7)]
    assert stage._part_spans([6.0] * 3) == [(0, 1), (1, 2), (2, 3)]
    assert stage._part_spans([4.0, 6.0, 1.0, 1.0]) == [(0, 2), (2, 4)]
    assert stage._part_spans([99.0, 1.0]) == [(0, 1), (1, 2)]


SPAWNED = """
import sys
from saladkit.stages import synth as stage
from saladkit.cli import main
stage.ROWS_PER_PART = 8
main(sys.argv[1:])
"""


def test_runs_that_are_killed_end_with_the_same_bytes(tmp_path, contents):
    source = write_rows(tmp_path / "rows.jsonl", [f"Row {row} speaks of the sea." for row in range(96)])

    def line(output):
        voices = ["--voice", "espeak:en-us@150..200", "--voice", "espeak:en-gb+f2", "--workers", "1"]
        return [sys.executable, "-c", SPAWNED, "synth", source, *voices, "-o", str(tmp_path / output)]

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    assert subprocess.run(line("whole"), **quiet).returncode == 0
    draws, kills, finished = random.Random(0), 0, set()
    for _ in range(40):
        process = subprocess.Popen(line("cut"), **quiet, start_new_session=True)
        before = finished
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            finished = {path.name for path in (tmp_path / "cut").glob("part-*.parquet")}
            if len(finished) > len(before) + draws.randint(0, 2):
                break
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        if process.returncode == 0:
            break
        assert before <= finished
    assert kills >= 3 and (tmp_path / "cut" / "manifest.json").exists()
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_full_disk_is_said_and_finished_shards_are_kept(tmp_path, contents):
    source = write_rows(tmp_path / "rows.jsonl", ["Short words."] * 8 + ["Row after row speaks of the sea. " * 30] * 8)
    line = [sys.executable, "-c", SPAWNED, "synth", source, "--voice", "espeak:en-us", "--workers", "1", "-o"]
    limit = 400_000  # bytes that a file may have

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run([*line, str(tmp_path / "cut")], capture_output=True, text=True, preexec_fn=small)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: File too large" in done.stderr and "fix: Make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "cut").glob("part-*")] == ["part-00000-of-00002.parquet"]
    for name in ("cut", "whole"):
        assert subprocess.run([*line, str(tmp_path / name)], capture_output=True).returncode == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


PLUGIN = """
import os, signal
import numpy as np
from saladkit.formats.words import Word
from saladkit.speech.voices.voice import Utterance

class Fragile:
    language, identity = None, {}
    def __init__(self, description, *, device="cpu"):
        self.name = self.speaker = f"fragile:{description}"
    def narrowed(self, draws):
        return self
    def speak(self, text):
        if "deadly" in text:
            os.kill(os.getpid(), signal.SIGSEGV)
        tone = 0.1 * np.sin(np.arange(1000 * len(text))).astype(np.float32)
        return Utterance(tone, 16000, [Word(word, None, None) for word in text.split()])
"""


def test_a_row_that_kills_its_process_is_listed(tmp_path, monkeypatch):
    (tmp_path / "fragile.py").write_text(PLUGIN)
    info = tmp_path / "fragile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[saladkit.voices]\nfragile = fragile:Fragile\n")
    monkeypatch.syspath_prepend(tmp_path)
    texts = [f"a fine day {row}" for row in range(40)]
    texts[21] = "a deadly day"
    source = write_rows(tmp_path / "rows.jsonl", texts)
    summary = synth(source, tmp_path / "out", voices=("fragile:x",), workers=2)
    assert (summary["rows"], summary["left_out_by"]) == (39, {"failed": 1})
    assert "the process died while it spoke the text" in left_out(tmp_path / "out")["21"]
