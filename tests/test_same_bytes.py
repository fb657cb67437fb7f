"""The same command gives the same bytes, also if it was interrupted and resumed."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import transformers.trainer
from safetensors.numpy import load_file
from transformers import TrainerCallback

from saladkit.caching import filling, recording_parts
from saladkit.scoring import evaluation, gap_items
from saladkit.selection import embedding
from saladkit.stages import cache_speech, synth


class Killed(Exception):
    """Stands for any error that ends a process before its work is done."""


@pytest.fixture(scope="module")
def regions(workshop, world, text_lm):
    from saladkit.settings.regions import RegionsSettings
    from saladkit.stages.regions import regions

    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=6, speech=(str(world / "natural.parquet"),))
    regions(str(world / "pool.parquet"), workshop / "pool-regions", settings)
    return workshop / "pool-regions"


@pytest.fixture
def align_arguments(checkpoint, speech, teacher_cache):
    """`saladkit align` for four steps, without its output."""
    steps = "--max-steps 4 --save-steps 2 --logging-steps 1 --warmup-steps 1 --per-device-train-batch-size 4".split()
    inputs = ["--data", speech, "--teacher", teacher_cache, "--device", "cpu"]
    return ["align", checkpoint, *inputs, *steps, "--text-words", 4, 8, "--speech-words", 3, 6]


@pytest.fixture
def lines(world, text_lm, speech, checkpoint, regions, spoken_questions, distill_arguments, align_arguments):
    """One line of every command that makes something, without its output."""
    natural, pool = world / "natural.parquet", world / "pool.parquet"
    return {
        "synth": ["synth", natural, "--voice", "espeak:en-us", "--voice", "espeak:en-gb+m3", "--seed", 3, "--limit", 9],
        "cache-teacher": ["cache-teacher", natural, pool, "--model", text_lm, "--top-k", 5, "--device", "cpu"],
        "cache-speech": ["cache-speech", speech, "--mel-bins", 16],
        "regions": [
            "regions",
            pool,
            "--embedder",
            f"lm:{text_lm}",
            "--clusters",
            6,
            "--speech",
            natural,
            "--device",
            "cpu",
        ],
        "select": ["select", pool, "--regions", regions, "--strategy", "uniform", "--count", 20, "--seed", 5],
        "probes": ["select", pool, "--regions", regions, "--per-region", 2, "--seed", 5],
        "gap": [
            "gap",
            checkpoint,
            speech,
            "--teacher",
            text_lm,
            "--text-words",
            2,
            5,
            "--speech-words",
            2,
            5,
            "--device",
            "cpu",
        ],
        "eval": ["eval", checkpoint, spoken_questions, "--device", "cpu"],
        "distill": distill_arguments,
        "align": align_arguments,
    }


@pytest.mark.parametrize(
    "name", ["synth", "cache-teacher", "cache-speech", "regions", "select", "probes", "gap", "eval"]
)
def test_the_same_line_gives_the_same_bytes(name, lines, shell, contents, tmp_path):
    summaries = []
    for folder in ("one", "two"):
        result = shell(*lines[name], "-o", tmp_path / folder)
        assert result.exit_code == 0, result.stderr
        summaries.append(json.loads(result.stdout))
    first, second = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert first.keys() == second.keys()
    assert len(first) > 1
    assert [path for path in first if first[path] != second[path]] == []
    differing = {"output", "seconds", "peak_memory_bytes", "times_real_time", "positions_per_second"}
    assert [{k: v for k, v in summary.items() if k not in differing} for summary in summaries[:1]] == [
        {k: v for k, v in summary.items() if k not in differing} for summary in summaries[1:]
    ]
    again = shell(*lines[name], "-o", tmp_path / "one")
    assert json.loads(again.stdout) == summaries[0]
    assert contents(tmp_path / "one") == first


@pytest.mark.parametrize("name", ["synth", "select", "probes"])
def test_another_seed_gives_other_bytes(name, lines, shell, contents, tmp_path):
    shell(*lines[name], "-o", tmp_path / "one")
    shell(*lines[name], "--seed", 4, "-o", tmp_path / "two")
    part = "part-00000-of-00001.parquet"
    assert contents(tmp_path / "one")[part] != contents(tmp_path / "two")[part]


@pytest.mark.parametrize(
    "name", ["synth", "cache-teacher", "cache-speech", "regions", "select", "gap", "eval", "distill", "align"]
)
def test_a_dry_run_prints_a_plan_and_makes_nothing(name, lines, shell, tmp_path):
    result = shell(*lines[name], "-o", tmp_path / "out", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["dry_run"] is True
    assert not (tmp_path / "out").exists()


def test_synth_in_processes_gives_what_it_gives_alone(lines, shell, contents, tmp_path):
    for workers in (1, 2):
        assert shell(*lines["synth"], "--workers", workers, "-o", tmp_path / str(workers)).exit_code == 0
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


STAGES = {"synth": synth, "cache-teacher": filling, "cache-speech": cache_speech}


@pytest.mark.parametrize("name", list(STAGES))
def test_shards_by_several_processes_make_the_same_artefact(name, lines, shell, contents, tmp_path, monkeypatch):
    monkeypatch.setattr(STAGES[name], "ROWS_PER_PART", 4)
    assert shell(*lines[name], "-o", tmp_path / "whole").exit_code == 0
    for index in (1, 0, 2):
        assert not (tmp_path / "shards" / "manifest.json").exists()
        result = shell(*lines[name], "-o", tmp_path / "shards", "--num-shards", 3, "--shard-index", index)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout).get("shards_missing", False) is (index != 2)
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    assert sum(path.endswith(".parquet") for path in contents(tmp_path / "whole")) > 2


# Command -> its module, what bounds the work that is lost, and what writes that work.
KEPT = {
    "synth": (synth, "ROWS_PER_PART", synth, "write_samples"),
    "cache-teacher": (filling, "ROWS_PER_PART", filling, "write_cache_part"),
    "cache-speech": (cache_speech, "ROWS_PER_PART", recording_parts, "write_frames_part"),
    "regions": (embedding, "TEXTS_PER_PART", embedding, "write_embeddings_part"),
    "gap": (gap_items, "ROWS_PER_BLOCK", gap_items, "write_items"),
    "eval": (evaluation, "ROWS_PER_BLOCK", evaluation, "write_rows"),
}


@pytest.mark.parametrize("name", list(KEPT))
def test_a_command_that_was_cut_off_goes_on(name, lines, shell, contents, tmp_path, monkeypatch):
    stage, bound, room, writer = KEPT[name]
    monkeypatch.setattr(stage, bound, 4)
    write, calls, killed = getattr(room, writer), [], [2]

    def written(*arguments, **named):
        calls.append(arguments)
        if len(calls) in killed:
            raise Killed
        return write(*arguments, **named)

    monkeypatch.setattr(room, writer, written)
    with pytest.raises(Killed):
        shell(*lines[name], "-o", tmp_path / "cut")
    assert not (tmp_path / "cut" / "manifest.json").exists()
    kept = {
        path: (tmp_path / "cut" / path).stat().st_mtime_ns for path in contents(tmp_path / "cut") if path != "plan.json"
    }
    assert kept
    killed.clear()
    result = shell(*lines[name], "-o", tmp_path / "cut")
    assert json.loads(result.stdout)["resumed"] is True
    lasting = {path: then for path, then in kept.items() if not path.startswith("working/")}
    assert bool(lasting) is (name not in ("gap", "eval"))  # these keep their blocks in working/
    assert all((tmp_path / "cut" / path).stat().st_mtime_ns == then for path, then in lasting.items())
    together = len(calls) - 1  # the one that was cut off came to nothing
    calls.clear()
    assert shell(*lines[name], "-o", tmp_path / "whole").exit_code == 0
    assert together == len(calls) >= 2
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_what_a_voice_cannot_speak_is_left_out_and_listed(shell, tmp_path):
    rows = [{"id": "a", "text": "Water boils."}, {"id": "b", "text": "..."}, {"id": "c", "text": "Honey keeps."}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = shell("synth", tmp_path / "rows.jsonl", "--voice", "espeak:en-us", "--workers", 1, "-o", tmp_path / "out")
    assert (json.loads(result.stdout)["rows"], json.loads(result.stdout)["skipped"]) == (2, 1)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [row["id"] for row in manifest["skipped"]] == ["b"]
    assert "no letter or digit" in manifest["skipped"][0]["reason"]
    table = pq.read_table(tmp_path / "out" / "part-00000-of-00001.parquet")
    assert table.column("id").to_pylist() == ["a", "c"]


def killed_after(step):
    """A callback of transformers.Trainer that ends the run as soon as `step` is saved."""

    class Ends(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step > step:
                raise Killed

    return Ends


@pytest.fixture
def cut(shell, monkeypatch, tmp_path):
    """Run a training line of four steps and end it in the third; the state of the second is saved."""

    def run(line):
        with monkeypatch.context() as patched:
            callbacks = [*transformers.trainer.DEFAULT_CALLBACKS, killed_after(2)]
            patched.setattr(transformers.trainer, "DEFAULT_CALLBACKS", callbacks)
            with pytest.raises(Killed):
                shell(*line, "-o", tmp_path / "cut")
        assert [path.name for path in (tmp_path / "cut" / "training").iterdir()] == ["checkpoint-2"]
        assert not (tmp_path / "cut" / "manifest.json").exists()
        return tmp_path / "cut"

    return run


@pytest.fixture
def cut_off(cut, distill_arguments):
    """A run of `distill_arguments` that was interrupted."""
    return cut(distill_arguments)


def test_a_training_that_was_cut_off_ends_with_the_same_bytes(cut_off, distill_arguments, checkpoint, shell, contents):
    refused = shell(
        "align", cut_off, "--data", "x", "--teacher", "y", "--max-steps", 1, "-o", cut_off.with_name("next")
    )
    assert refused.exit_code == 2
    result = shell(*distill_arguments, "-o", cut_off)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["resumed"] is True
    expected, found = contents(checkpoint), contents(cut_off)
    assert found.keys() == expected.keys()
    assert {"model.safetensors", "metrics.jsonl", "stable/model.safetensors", "manifest.json"} < expected.keys()
    assert [path for path in expected if found[path] != expected[path]] == []


def test_a_stage_ii_that_was_cut_off_ends_with_the_same_bytes(cut, align_arguments, shell, contents, tmp_path):
    folder = cut(align_arguments)
    for output in (folder, tmp_path / "whole"):
        result = shell(*align_arguments, "-o", output)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["resumed"] is (output == folder)
    assert contents(folder) == contents(tmp_path / "whole")
    assert "stable/model.safetensors" not in contents(folder)


@pytest.mark.parametrize("save", ["full", "trained"])
def test_a_training_with_lora_that_was_cut_off_ends_with_the_same_bytes(
    save, cut, distill_arguments, text_lm, shell, contents, tmp_path
):
    """The teacher is the student without its LoRA; dropout goes on with the random numbers of an undisturbed run."""
    lora = "--lora-rank 3 --lora-dropout 0.2 --learning-rate 0.01 --save".split()
    place = distill_arguments.index("--teacher")
    line = [*distill_arguments[: place + 1], text_lm, *distill_arguments[place + 2 :], *lora, save]
    folder = cut(line)
    for output in (folder, tmp_path / "whole"):
        result = shell(*line, "-o", output)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["resumed"] is (output == folder)
    assert contents(folder) == contents(tmp_path / "whole")
    assert "stable/model.safetensors" in contents(folder)


def test_stage_ii_starts_from_before_the_decay(align_arguments, checkpoint, shell, tmp_path):
    line = [*align_arguments, "--learning-rate", 0, "--adapter-learning-rate", 0]
    assert shell(*line, "-o", tmp_path / "still").exit_code == 0
    folders = {"start": tmp_path / "still", "stable": checkpoint / "stable", "final": checkpoint}
    weights = {name: load_file(folder / "model.safetensors") for name, folder in folders.items()}
    assert all(np.array_equal(weights["start"][name], stable) for name, stable in weights["stable"].items())
    assert any(not np.array_equal(weights["start"][name], final) for name, final in weights["final"].items())


def test_an_incomplete_saved_state_is_ignored(cut_off, distill_arguments, checkpoint, shell, contents):
    whole, half = cut_off / "training" / "checkpoint-2", cut_off / "training" / "checkpoint-3"
    half.mkdir()
    shutil.copy(whole / "config.json", half)
    (half / "model.safetensors").write_bytes((whole / "model.safetensors").read_bytes()[:-100])
    result = shell(*distill_arguments, "-o", cut_off)
    assert result.exit_code == 0, result.stderr
    assert contents(cut_off) == contents(checkpoint)


def test_the_same_training_gives_the_same_bytes(distill_arguments, checkpoint, shell, contents, tmp_path):
    assert shell(*distill_arguments, "-o", tmp_path / "again").exit_code == 0
    assert contents(tmp_path / "again") == contents(checkpoint)


def test_the_log_has_an_entry_a_step_and_the_decay_ends_at_zero(checkpoint):
    entries = [json.loads(line) for line in (checkpoint / "metrics.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [1, 2, 3, 4]
    assert all(entry["distillation"] > 0 for entry in entries)
    assert len({entry["loss"] for entry in entries}) == 4
