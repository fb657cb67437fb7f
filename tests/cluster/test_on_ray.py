"""Workers on Ray: the same bytes as without, nodes that die, and what is refused. Real clusters of two nodes."""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
import wave

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from click.testing import CliRunner

from saladkit.cli import main
from saladkit.cluster.command_line import worker_arguments
from saladkit.errors import SaladError
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.synth import SynthSettings

VOICE = "espeak:en-us"


@pytest.fixture
def texts(tmp_path):
    return write_texts(tmp_path / "texts.parquet", 20)


def write_texts(path, count):
    rows = {"id": [f"row {i}" for i in range(count)], "text": [f"number {i}" for i in range(count)]}
    pq.write_table(pa.table(rows), path)
    return path


def run(*line):
    found = CliRunner().invoke(main, list(map(str, line)))
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def contents(folder):
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.name != "summary.json"}
    return {name: file.read_bytes() for name, file in files.items() if file.is_file()}


def slow_voice(folder, seconds):
    """A voice that takes its time."""
    script = folder / "speak.sh"
    tone = folder / "tone.wav"
    with wave.open(str(tone), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(b"\x00\x10\x00\xf0" * 4000)
    script.write_text(f'sleep {seconds}\ncp {shlex.quote(str(tone))} "$1"\n')
    return f"command:sh {shlex.quote(str(script))} {{wav}}"


def test_workers_on_two_nodes_write_what_one_process_writes(two_nodes, texts, tmp_path):
    line = ["synth", texts, "--voice", VOICE]
    plain = run(*line, "-o", tmp_path / "plain", "--workers", 1)
    found = run(*line, "-o", tmp_path / "ray", "--on", "ray", "--workers=2")
    assert found.exit_code == 0, found.output
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    summary = json.loads(found.stdout.splitlines()[-1])
    assert summary["rows"] == json.loads(plain.stdout.splitlines()[-1])["rows"] == 20
    assert summary["on"] == {"workers": 2, "hosts": [os.uname().nodename], "restarts": 0, "missing": []}
    assert "synth: 2 workers on 2 nodes of Ray" in found.stderr
    assert not list(tmp_path.glob(".saladkit-probe-*"))
    again = run(*line, "-o", tmp_path / "ray", "--on", "ray")
    assert json.loads(again.stdout.splitlines()[-1])["on"]["workers"] == 0


def test_rollouts_of_workers_are_those_of_one_process(two_nodes, texts, text_lm, tmp_path):
    line = ["rollout", text_lm, texts, "--prompt-modality", "text", "--prompt-words", 1, 2, "--max-new-tokens", 4]
    plain = run(*line, "--device", "cpu", "-o", tmp_path / "plain")
    found = run(*line, "--device", "cpu", "-o", tmp_path / "ray", "--on", "ray", "--workers=2")
    assert found.exit_code == 0, found.output
    assert contents(tmp_path / "ray") == contents(tmp_path / "plain")
    summary = json.loads(found.stdout.splitlines()[-1])
    assert summary["rows"] == json.loads(plain.stdout.splitlines()[-1])["rows"] == 20
    assert summary["on"]["workers"] == 2 and not summary["on"]["missing"]


def test_a_node_that_dies_loses_nothing(two_nodes, tmp_path):
    texts = write_texts(tmp_path / "texts.parquet", 1100)  # three parts
    line = ["synth", texts, "--voice", slow_voice(tmp_path, 0.01)]
    folder, removed = tmp_path / "ray", []

    def remove():
        claims = folder / "working" / "claims"
        while len(list(claims.glob("part-*"))) < 2:  # both nodes are at work
            time.sleep(0.05)
        two_nodes.remove_node(two_nodes.second, allow_graceful=False)
        removed.append(len(list(folder.glob("part-*.parquet"))))

    killer = threading.Thread(target=remove, daemon=True)
    killer.start()
    found = run(*line, "-o", folder, "--on", "ray")
    killer.join(timeout=10)
    assert found.exit_code == 0, found.output
    assert removed and removed[0] < 3
    summary = json.loads(found.stdout.splitlines()[-1])
    assert summary["on"]["restarts"] == 1
    assert "has died, and is started again" in found.stderr
    run(*line, "-o", tmp_path / "plain", "--workers", 2)
    assert contents(folder) == contents(tmp_path / "plain")


def test_an_error_of_the_user_stops_all_and_is_shown_once(two_nodes, texts, tmp_path):
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", "espeak:nowhere", "--on", "ray")
    assert found.exit_code == 2
    errors = [line for line in found.stderr.splitlines() if "espeak-ng has no voice 'nowhere'" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert found.stderr.splitlines()[-1].startswith("  fix: Use one of")


def test_a_worker_that_always_dies_leaves_an_exit_code(two_nodes, texts, tmp_path):
    deadly = tmp_path / "deadly.sh"  # kills the process that asked it to speak
    deadly.write_text("kill -9 $PPID\nsleep 5\n")
    line = ["synth", texts, "-o", tmp_path / "out", "--voice", f"command:sh {shlex.quote(str(deadly))} {{wav}}"]
    found = run(*line, "--on", "ray", "--workers", 1, "--retries", 1)
    assert found.exit_code == 1, found.output
    assert json.loads(found.stdout.splitlines()[-1])["missing"]
    assert found.stderr.count("was killed by signal 9") == 2
    assert "has died 2 times and is not started again" in found.stderr


@pytest.mark.parametrize("need", [("--gpus", "1"), ("--cpus", "64"), ("--worker-memory", "100000")], ids=str)
def test_a_need_that_no_node_has_is_refused(need, two_nodes, texts, tmp_path):
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", VOICE, "--on", "ray", *need)
    assert found.exit_code == 2
    assert "no node of the cluster has what a worker needs" in found.stderr


def test_a_folder_that_a_node_does_not_see_is_refused(two_nodes, texts, tmp_path, monkeypatch):
    hidden = tmp_path / "here alone"
    hidden.mkdir()
    # The second node gets a file system of its own there.
    two_nodes.remove_node(two_nodes.second)
    start = f"mount -t tmpfs none {shlex.quote(str(hidden))} && exec {sys.executable} -m ray.scripts.scripts start"
    start += f" --address {two_nodes.address} --num-cpus 1 --object-store-memory 80000000 --block"
    node = subprocess.Popen(["unshare", "--mount", "--map-root-user", "sh", "-c", start], stdout=subprocess.DEVNULL)
    try:
        ray.init(two_nodes.address, log_to_driver=False)
        while sum(node["Alive"] for node in ray.nodes()) < 2:
            time.sleep(0.2)
        ray.shutdown()
        found = run("synth", texts, "-o", hidden / "out", "--voice", VOICE, "--on", "ray")
        assert found.exit_code == 2
        assert f"of {os.uname().nodename} is not there on {os.uname().nodename}" in found.stderr
        assert "mount under the same name" in found.stderr
    finally:
        node.terminate()
        node.wait()


def test_no_cluster_at_the_address_is_said(texts, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", VOICE, "--on", "ray")
    assert found.exit_code == 2
    assert "no Ray cluster answers at 127.0.0.1:1" in found.stderr


def test_ray_that_is_not_installed_is_said(texts, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", VOICE, "--on", "ray")
    assert found.exit_code == 2
    assert "pip install 'saladkit[ray]'" in found.stderr


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["--on", "slurm"], "--on slurm is not known"),
        (["--on", "ray://host"], "--on ray://host is not known"),
        (["--on", "ray", "--num-shards", "2"], "--on with --num-shards"),
        (["--on", "ray", "--overwrite"], "--on with --overwrite"),
        (["--gpus", "1"], "--gpus without --on"),
        (["--worker-memory", "1"], "--worker-memory without --on"),
        (["--retries", "1"], "--retries without --on"),
    ],
    ids=str,
)
def test_options_that_do_not_go_together_are_refused(given, problem, texts, tmp_path):
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", VOICE, *given)
    assert found.exit_code == 2
    assert problem in found.stderr


def test_a_command_that_starts_no_processes_has_workers_on_ray_alone():
    assert SynthSettings(voices=("x",), workers=4).workers == 4
    assert CacheTeacherSettings(model="m", on="ray", workers=4).workers == 4
    with pytest.raises(SaladError, match="--workers without --on"):
        CacheTeacherSettings(model="m", workers=4)


def test_a_dry_run_needs_no_cluster(texts, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    found = run("synth", texts, "-o", tmp_path / "out", "--voice", VOICE, "--on", "ray", "--dry-run")
    assert found.exit_code == 0
    assert json.loads(found.stdout.splitlines()[-1])["dry_run"]


def test_options_of_a_worker_stand_before_what_follows_two_dashes():
    line = ["synth", "-o", "out", "--voice", "x", "--on", "ray", "--", "texts"]
    assert worker_arguments(line, SynthSettings(voices=("x",), on="ray")) == [
        *("synth", "--workers", "1", "--claim", "-o", "out", "--voice", "x", "--", "texts")
    ]


def test_a_worker_has_the_line_of_the_driver_with_a_claim():
    line = ["synth", "a b", "--on", "ray", "--voice=x", "--workers=4", "-o", "out", "--worker-memory", "3", "--cpus=2"]
    assert worker_arguments(line, SynthSettings(voices=("x",), on="ray", worker_memory=3.0)) == [
        *("synth", "--workers", "1", "--claim", "a b", "--voice=x", "-o", "out")
    ]
    line = ["cache-teacher", "s", "--model", "m", "-o", "out", "--claim", "--on", "ray", "--workers", "2"]
    assert worker_arguments(line, CacheTeacherSettings(model="m", on="ray", claim=True)) == [
        *("cache-teacher", "s", "--model", "m", "-o", "out", "--claim")
    ]
