"""Every benchmark runs with a tiny shape and one pair, and prints the fields of the table; no time is checked."""

import json
import shutil
import subprocess
import sys

import pytest
from recognizers import save_whisper

SMALL = {
    "cache_teacher_bytes": ["--positions", "256", "--text-tokens", "33"],
    "cache_teacher_speed": ["--tokens", "128"],
    "claims": ["--parts", "20"],
    "embedding": [],
    "first_token": ["--seconds", "0.5"],
    "eval_options": ["--questions", "6"],
    "leaked_words": [],
    "head_loss": ["--positions", "16", "--memory-positions", "0"],
    "packing": ["--rows", "16", "--micro-batch", "4", "--windows", "3"],
    "online_teacher": [],
    "regions": [],
    "rollout": ["--prompts", "4", "--max-new-tokens", "6"],
    "synth_espeak": [],
    "synth_piper": [],
    "timestamp_scores": [],
    "timestamps": [],
    "training_step": ["--positions", "400"],
    "waiting_threads": ["--seconds", "0.2"],
    "workers": ["--spoken", "6", "--cached", "6", "--beside", "6"],
}
ON_CPUS_ALONE = {"claims", "leaked_words", "synth_espeak", "timestamp_scores", "waiting_threads", "workers"}
REQUIRED = {"name", "ours", "theirs", "unit", "ratio", "target", "reached", "machine"}


@pytest.fixture(scope="session")
def run(loaded_python, repository):
    def script(name, *arguments):
        command = [loaded_python, str(repository / "benchmarks" / name), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=repository)

    return script


def test_recognizers_are_measured(run, spoken_questions):
    done = run("transcribers.py", "measure", str(spoken_questions), "--asr", "sphinx", "--limit", "2")
    found = json.loads(done.stdout)
    assert found["recordings"] == 2 and found["cpu_seconds_a_minute"] > 0, done.stderr
    assert 0 < found["cer"] and 0 < found["wer"]


def test_the_page_of_scale_has_the_table_that_its_script_prints(run, repository):
    done = run("paper_scale.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout in (repository / "docs" / "scale.md").read_text()


def test_every_script_is_tried_here_and_run_on_a_gpu(repository):
    others = {
        "desk",  # tests/test_recipes.py
        "million_texts",
        "named_tokens",
        "paper_scale",
        "scale",
        "piper_graph",
        "transcribers",
        "sentences",
        "side_by_side",
        "shapes",
        "texts",
        "training_rows",
        "training_batches",
        "table",
        "whisper_spans",
    }
    assert {path.stem for path in (repository / "benchmarks").glob("*.py")} == SMALL.keys() | others
    on_gpu = (repository / "benchmarks" / "gpu.sh").read_text()
    assert all(f"benchmarks/{name}.py" in on_gpu for name in SMALL.keys() - ON_CPUS_ALONE)


@pytest.fixture(scope="session")
def printed(run):
    """script -> its lines, each script run once."""
    kept = {}

    def lines(name):
        if name not in kept:
            done = run(f"{name}.py", "--shape", "tiny", "--pairs", "1", *SMALL[name])
            assert done.returncode == 0, done.stderr
            kept[name] = [json.loads(line) for line in done.stdout.splitlines()]
        return kept[name]

    return lines


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_prints_whole_lines(name, printed):
    lines = printed(name)
    assert lines
    for line in lines:
        # the program that it is compared with may not be there; errors, texts and fill are compared with the truth
        alone = name == "synth_espeak" and shutil.which("espeak-ng") is None
        alone |= any(word in line["name"] for word in ("errors", "positions filled")) or line["unit"] == "%"
        assert line.keys() >= REQUIRED
        assert line["ours"] > 0
        assert (line["theirs"], line["ratio"]) == (None, None) if alone else line["theirs"] > 0 and line["ratio"] > 0
        assert line["machine"].keys() == {"device", "torch", "threads", "cores"}
        assert line["shape"] == "tiny"
    assert len({line["name"] for line in lines}) == len(lines)


def test_many_texts_are_cut_by_the_command_itself(run):
    done = run("million_texts.py", "--texts", "400", "--spoken", "20", "--clusters", "4")
    assert done.returncode == 0, done.stderr
    memory, seconds = map(json.loads, done.stdout.splitlines())
    assert memory["unit"] == "GB" and seconds["unit"] == "s" and min(memory["ours"], seconds["ours"]) > 0
    assert memory["largest_to_smallest"] <= 1.5


def test_many_parts_are_simulated(run):
    done = run("scale.py", "--parts", "100")
    assert done.returncode == 0, done.stderr
    *steps, memory = map(json.loads, done.stdout.splitlines())
    assert [line["name"].removeprefix("scale: ") for line in steps] == [
        *("plan", "claim and write", "status", "manifest", "verify")
    ]
    assert min(line["ours"] for line in (*steps, memory)) > 0 and min(line["growth"] for line in steps) > 0
    assert memory["unit"] == "GB"


def test_whispers_decoder_reads_frames_with_and_without_silence(run, speech, tmp_path):
    save_whisper(tmp_path / "whisper")
    options = ["--limit", "6", "--words", "3", "--silence", "30", "0.3"]
    done = run("whisper_spans.py", str(tmp_path / "whisper"), str(speech), *options)
    assert done.returncode == 0, done.stderr
    trained, control, *again, short, alone = map(json.loads, done.stdout.splitlines())
    assert trained.keys() >= REQUIRED and len(again) == 2
    for line in again:
        assert (line["ours"], line["cosine"], line["interval"]) == (trained["ours"], 1, [0, 0])
    assert max(short["cosine"], control["cosine"]) < 1 and short["cosine"] == alone["cosine"]
    assert (short["recordings"], short["words"]) == (6, 18)


def test_the_tokens_that_a_checkpoint_names_are_counted(run, checkpoint, speech, frames_cache):
    done = run("named_tokens.py", str(checkpoint), str(speech), "--frames", str(frames_cache), "--limit", "3")
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert counted["rows"] == 3 and counted["tokens"] > 9 and 0 <= counted["named"] <= 1 and "phonemes" not in counted


def test_regions_are_balanced_and_neighbours_exact(printed):
    assert printed("regions")[0]["largest_to_smallest"] <= 1.5
    assert printed("embedding")[0]["furthest"] < 1e-5
    found = [line["furthest"] for line in printed("regions") if "furthest" in line]
    assert len(found) == 2 and max(found) <= 1e-6


def test_most_right_texts_are_kept_and_most_wrong_ones_found(printed):
    kept, found, speed = printed("timestamp_scores")
    assert kept["ours"] >= 75 and found["ours"] >= 75  # of four
    assert speed["ratio"] < 1


def test_times_are_near_the_known_ones_and_the_same_in_batches(printed):
    batches, *errors = printed("timestamps")
    assert batches["same_times"] == 1
    assert len(errors) == 4 and all(line["boundaries"] > 20 and line["ours"] < 100 for line in errors)


def test_packed_and_padded_rows_have_the_same_loss(printed):
    differences = [line["loss_difference"] for line in printed("packing") if "loss_difference" in line]
    assert len(differences) == 4
    assert max(differences) <= 1e-5
    filled = [line["ours"] for line in printed("packing") if "positions filled" in line["name"]]
    assert len(filled) == 2 and min(filled) >= 0.99


def test_one_sides_memory_is_read_in_a_process_of_its_own(repository):
    """A forked process would have the peak of the one that it was forked from."""
    command = [sys.executable, repository / "benchmarks" / "head_loss.py", "--shape", "tiny"]
    command += ["--memory-positions", "4096", "--peak"]
    peaks = [
        int(subprocess.check_output([*command, side, "same positions", "frozen"], text=True, cwd=repository))
        for side in ("ours", "theirs")
    ]
    assert peaks[1] > 2 * 4096 * 512 * 4  # log-probabilities of both, at least
    assert peaks[0] > 0


def test_log_likelihoods_of_eval_equal_those_of_the_harness(printed):
    assert all(line["furthest_log_likelihoods"] < 1e-4 for line in printed("eval_options"))


def test_the_table_is_written_between_its_marks(run, printed, tmp_path):
    source, page = tmp_path / "bench.jsonl", tmp_path / "page.md"
    lines = printed("cache_teacher_bytes")
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    page.write_text("# A page\n\n<!-- table: make bench -->\n\nold\n\n<!-- end of table -->\n\nMore.\n")
    for _ in range(2):
        done = run("table.py", str(source), str(page))
        assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("# A page\n") and text.endswith("<!-- end of table -->\n\nMore.\n")
    assert "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == "| name | ours | theirs | ratio | target | reached |"
    assert len(rows) == 2 + len(lines)
    assert lines[0]["machine"]["device"] in text
    source.write_text(json.dumps(lines[-1] | {"ours": 77.0}) + "\n")
    assert run("table.py", str(source), str(page), "--some").returncode == 0
    some = [line for line in page.read_text().splitlines() if line.startswith(("|", "Measured"))]
    assert some[0] in text.splitlines()
    assert sorted(set(some) & set(rows)) == sorted(rows[:-1]) and "| 77 " in some[-1] and len(some) == len(rows) + 1
