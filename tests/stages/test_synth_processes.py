"""Worker processes of `synth`: errors come back whole, and no worker outlives its parent."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recognizers import save_ctc_model

from saladkit.errors import SaladError
from saladkit.speech.voices.voice import VoiceFailed


@pytest.mark.parametrize("kind", [SaladError, VoiceFailed])
def test_an_error_survives_the_way_between_processes(kind):
    back = copy.copy(kind("the problem", "the fix"))  # by __reduce__, as between processes
    assert (type(back), back.problem, back.fix) == (kind, "the problem", "the fix")


def children_of(parent):
    """Return the ids of the worker processes of a process, from /proc."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent_of = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if parent_of == parent and "spawn_main" in command_of(int(stat.parent.name)):
            found.add(int(stat.parent.name))
    return found


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    rows = [{"id": str(row), "text": f"Row {row} speaks of the sea. " * 20} for row in range(2000)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = [sys.executable, "-m", "saladkit", "synth", str(tmp_path / "rows.jsonl"), "--voice", "espeak:en-us"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*line, "--workers", "2", "-o", str(tmp_path / "out")], **quiet)
    deadline = time.monotonic() + 120
    while len(workers := children_of(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)  # until they are at work
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while any(map(command_of, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2 and not any(map(command_of, workers))


def test_a_ctc_aligner_gives_the_same_bytes_in_any_number_of_processes(shell, contents, tmp_path):
    script = tmp_path / "voice.py"
    script.write_text(
        "import sys, soundfile\n"
        "from saladkit.speech.voices.voice import open_voice\n"
        "spoken = open_voice('espeak:en-us').speak(sys.stdin.read())\n"
        "soundfile.write(sys.stdout.buffer, spoken.samples, spoken.sample_rate, format='WAV')\n"
    )
    rows = [
        {"id": str(row), "text": f"Water boils near the sea, {word}."} for row, word in enumerate("once twice".split())
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = save_ctc_model(tmp_path / "ctc")
    line = ["synth", tmp_path / "rows.jsonl", "--voice", f"command:{sys.executable} {script}", "--device", "cpu"]
    for workers in (1, 2):
        done = shell(*line, "--aligner", f"ctc:{model}", "--workers", workers, "-o", tmp_path / str(workers))
        assert json.loads(done.stdout)["rows_by_words_source"] == {f"ctc:{model}": 2}
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    words = pq.read_table(tmp_path / "1" / "part-00000-of-00001.parquet").column("words").to_pylist()
    save_ctc_model(model, layers=2)  # another model at the same place
    changed = shell(*line, "--aligner", f"ctc:{model}", "--reuse", tmp_path / "1", "-o", tmp_path / "other")
    assert changed.exit_code == 0
    assert pq.read_table(tmp_path / "other" / "part-00000-of-00001.parquet").column("words").to_pylist() != words
    refused = shell(*line, "--aligner", f"ctc:{model}", "-o", tmp_path / "1")
    assert refused.exit_code == 2 and "changed: settings" in refused.stderr


def test_choices_may_be_stored_in_any_list(shell, tmp_path):
    kind = pa.large_list(pa.large_string())
    rows = {"id": ["q"], "text": ["Which one?"], "choices": pa.array([["The first.", "The second."]], kind)}
    pq.write_table(pa.table(rows), tmp_path / "rows.parquet")
    line = ["synth", tmp_path / "rows.parquet", "--voice", "espeak:en-us", "--choices", "--workers", 1]
    assert shell(*line, "-o", tmp_path / "out").exit_code == 0
    assert len(pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet").column("choices_audio")[0]) == 2


@pytest.mark.parametrize("choices", [["A", None], [1, 2], "AB"])
def test_choices_that_are_no_texts_are_refused(shell, choices, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "q", "text": "Which one?", "choices": choices}) + "\n")
    done = shell("synth", tmp_path / "rows.jsonl", "--voice", "espeak:en-us", "--choices", "-o", tmp_path / "out")
    assert done.exit_code == 2 and "choices" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--loudness", "nan"],
        ["--max-clipped", "nan"],
        ["--duration-ratio", "nan", "nan"],
        ["--duration-ratio", 0, "inf"],
    ],
)
def test_options_that_are_no_numbers_are_refused(shell, options, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "a", "text": "Water boils."}) + "\n")
    done = shell("synth", tmp_path / "rows.jsonl", "--voice", "espeak:en-us", *options, "-o", tmp_path / "out")
    assert done.exit_code == 2 and not (tmp_path / "out").exists()
