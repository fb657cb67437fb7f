"""The whole method, as the recipes chain it, on reduced worlds."""

import io
import json
import os
import re
import select
import signal
import subprocess

import pytest
import soundfile

import claim_verdicts
import result_tables
from rollout_table import FIGURES as FIGURES_OF_ARMS
from saladkit.formats.rollouts import read_rollouts
from saladkit.model.loading import load_salad_model
from saladkit.sources.samples import read_samples

REDUCED = {
    "ANY_WORLD": "1",
    "WORLD_OPTIONS": (
        "--subjects animals astronomy capitals --lm-documents 200 --pool-documents 120 --natural-documents 40"
        " --questions-per-subject 6"
    ),
    "LM_STEPS": "20",
    "LEXICAL_STEPS": "4",
    "STAGE1_STEPS": "10",
    "STAGE2_LEXICAL_STEPS": "2",
    "STAGE2_STEPS": "4",
    "REGIONS": "4",
    "PROBES": "2",
    "HOURS": "0.02",
    "ADAPTER_OPTIONS": (
        "--adapter-layers 1 --adapter-width 32 --adapter-mlp-width 64 --adapter-heads 2 --adapter-kv-heads 2"
    ),
}
FIGURES = ("speech_accuracy", "heard_subjects", "unheard_subjects", "held_out_voice", "text_accuracy", "misalignment")


@pytest.fixture(scope="module")
def run_recipe(loaded_python, repository, tmp_path_factory):
    """A function that runs a recipe, in one folder whenever it is called, and returns the process and the folder."""
    folder = tmp_path_factory.mktemp("recipes")

    def run(name, **variables):
        environment = os.environ | REDUCED | {"SALADKIT_LOADED": str(loaded_python.parent)} | variables
        environment |= {"RUN": str(folder / name), "RUNS": str(folder / name)}
        command = ["bash", repository / "recipes" / f"{name}.sh"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        return done, folder / name

    return run


@pytest.fixture(scope="module")
def demo(run_recipe):
    """A finished run of the demo."""
    return run_recipe("demo")[1]


def test_the_benchmark_tells_what_each_step_took_and_computed(demo, loaded_python, repository):
    command = [loaded_python, repository / "benchmarks" / "desk.py", demo]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = {line["name"].removeprefix("desk: "): line for line in map(json.loads, done.stdout.splitlines())}
    seconds = json.loads((demo / "summary.json").read_text())["seconds"]
    assert {name: line["seconds"] for name, line in lines.items() if name in seconds} == seconds
    assert all(min(line["matrix_products"].values()) > 0 for line in lines.values())
    for name in ("text-lm", "teacher", "stage1", "stage2-uniform"):
        assert lines[name]["ours"] == pytest.approx(lines[name]["gflop"] / lines[name]["seconds"], rel=0.05)
    assert lines["natural"]["gflop"] is None is lines["natural"]["ours"] is lines["natural"]["positions"]
    counts = json.loads((demo / "text-lm" / "manifest.json").read_text())["counts"]
    of_lm = json.loads((demo / "text-lm" / "summary.json").read_text())["parameters"]
    assert lines["text-lm"]["gflop"] == pytest.approx(6e-9 * counts["positions"] * of_lm, abs=0.01)
    assert lines["teacher"]["gflop"] == pytest.approx(2e-9 * lines["teacher"]["positions"] * of_lm, abs=0.01)

    model = load_salad_model(demo / "stage1", dtype="float32", device="cpu")
    front = sum(x.numel() for part in (model.speech_encoder, model.speech_adapter) for x in part.parameters())
    head = model.get_output_embeddings().weight.numel()
    operations = positions = 0
    for row in map(json.loads, (demo / "stage1" / "metrics.jsonl").read_text().splitlines()):
        heard, read = row[f"positions of {demo / 'natural'}"], row[f"positions of {demo / 'world' / 'pool.parquet'}"]
        positions += heard + read
        operations += 6 * front * heard
        if "distillation" in row:
            losses = sum(value for key, value in row.items() if key.startswith("loss positions of "))
            operations += 6 * (of_lm - head) * (heard + read) + 6 * head * losses
    assert lines["stage1"]["positions"] == positions
    assert lines["stage1"]["gflop"] == pytest.approx(1e-9 * operations, abs=0.01)


def test_the_demo_ends_with_its_time_and_the_speed_of_the_machine(run_recipe, demo):
    last = run_recipe("demo")[0].stderr.splitlines()[-1]
    speed = r"this machine multiplies float32 matrices at \d+ GFLOP/s \(two threads\)"
    assert re.fullmatch(rf"\d+ s, \d+\.\d GB in the largest command; {speed}", last)


@pytest.mark.parametrize("recipe", ["demo", "desk"])
def test_a_recipe_runs_the_whole_method_and_a_second_run_changes_nothing(recipe, run_recipe):
    _, run = run_recipe(recipe)
    summary = json.loads((run / "summary.json").read_text())
    for model in ("stage1", "stage2_uniform", "stage2_active"):
        for figure in (*FIGURES, "forgetting"):
            assert summary[model][figure]["items"] > 0, (model, figure)
    assert summary["text_accuracy"]["items"] == 18
    assert summary["stage1"]["speech_accuracy"]["items"] == 18
    contrast = summary["active_minus_uniform"]
    assert contrast["low"] <= contrast["points"] <= contrast["high"]
    assert summary["peak_memory_bytes"] > 0
    assert set(summary["seconds"]) >= {"text-lm", "teacher", "natural", "stage1", "stage2-active", "eval"}

    page = (run / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<audio" in page
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page

    manifests = sorted(run.rglob("manifest.json"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in manifests}
    run_recipe(recipe)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in manifests} == before
    assert json.loads((run / "summary.json").read_text()) == summary


def test_sound_selects_at_once_and_in_rounds(run_recipe):
    _, desk = run_recipe("desk")
    seed = desk.parent / "sound" / "seed-0"
    seed.parent.mkdir()
    seed.symlink_to(desk)
    _, runs = run_recipe("sound", SEEDS="0")
    summary = json.loads((runs / "summary.json").read_text())
    for contrast in ("active_minus_uniform", "uniform_minus_stage1", "active_minus_stage1", "rounds_minus_active"):
        assert summary[contrast]["items"] > 0, contrast
    texts = [read_samples(seed / f"round-{number}" / "texts", needed=["id"]).column("id") for number in (1, 2, 3)]
    ids = [name for of_round in texts for name in of_round.to_pylist()]
    assert min(map(len, texts)) > 0 and len(set(ids)) == len(ids)  # no text is selected twice


@pytest.mark.parametrize("sent, code", [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_runs_beside_a_recipe_ends_with_it(sent, code, repository):
    script = ". recipes/steps.sh; beside sleep 600; beside sleep 600; echo started; wait_beside"
    line = ["bash", "-euc", script]
    with subprocess.Popen(line, cwd=repository, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout.readline() == "started\n"
        process.send_signal(sent)
        assert process.wait(timeout=30) == code
        assert select.select([process.stdout], [], [], 30)[0], "what ran beside still holds stdout"


def test_a_recipe_stops_where_a_line_beside_others_fails(repository):
    script = "fails() { false; echo no; }; . recipes/steps.sh; beside fails; beside echo yes; wait_beside; echo never"
    done = subprocess.run(["bash", "-euc", script], cwd=repository, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "yes\n" and done.stderr == "failed with code 1: fails\n"


def test_strategies_compares_its_arms_over_seeds(run_recipe, loaded_python, repository):
    _, runs = run_recipe("strategies", SEEDS="0 1", ARMS="none oracle progress two-to-one fresh-moments")
    summary = json.loads((runs / "summary.json").read_text())
    assert summary["seeds"] == 2
    contrasts = summary["over_seeds"]["written"]["by cell"]["mean of groups"]["contrasts"]
    assert contrasts.keys() == {
        *("active_minus_uniform", "none_minus_stage1", "active_minus_none", "active_minus_oracle"),
        *("progress_minus_active", "progress_minus_uniform", "two-to-one_minus_active"),
        *("average-25_minus_active", "average-50_minus_active", "fresh-moments_minus_active"),
    }

    program = repository / "examples" / "desk" / "budget_by_cell.py"
    command = [loaded_python, program, runs / "seed-0", runs / "seed-1", "--arm"]
    done = subprocess.run([*command, "active", "--arm", "uniform"], capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line.pop("arm"), line.pop("runs")) for line in lines] == [("active", 2), ("uniform", 2)]
    for line in lines:
        texts = line.pop("texts")
        assert texts > 2 and sum(line.values()) == pytest.approx(1, abs=0.01)
        assert line["near-easy"] + line["far-hard"] == sum(line.values())
    wrong = subprocess.run([*command, "stage1"], capture_output=True, text=True)
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: ") and wrong.stderr.count("\n") == 2


def test_claims_are_tried_on_stages_and_selections(run_recipe, tmp_path_factory):
    page = tmp_path_factory.mktemp("claims") / "claims.md"
    run_recipe("desk_claims", SEEDS="0", CLAIMS=str(page))
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(claim_verdicts.CLAIMS)
    assert {row[7].strip() for row in rows} <= {"holds", "does not hold", "not told apart"}


ROLLOUTS = {"SIZE": "demo", "ARM_STEPS": "3", "PROMPTS": "12", "EXPOSED": "8", "TWO_SLOT_DOCUMENTS": "60"}


def test_training_on_own_words_is_compared_with_training_on_others(run_recipe):
    done, runs = run_recipe("rollout", SEED="0", **ROLLOUTS)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"figure"')]
    arms = ("offline", "read", "forward", "reverse", "sampled", "rounds", "pure")
    assert {(line["arm"], line["figure"]) for line in lines} == {
        (arm, name) for arm in arms for name in FIGURES_OF_ARMS
    }
    assert all(line["seeds"] == 1 and ("difference" in line) == (line["arm"] != "offline") for line in lines)
    own, read = (list(read_rollouts(runs / "seed-0" / f"{name}-rollouts")) for name in ("first", "read"))
    prompts = ({row["id"]: row["prompt_ids"] for row in rows} for rows in (own, read))
    assert next(prompts) == next(prompts) and {row["modality"] for row in read} == {"speech"}


OWN = {
    **{"LEXICAL_STEPS": "2", "STAGE1_STEPS": "4", "STAGE2_LEXICAL_STEPS": "1", "STAGE2_STEPS": "2"},
    **{"REGIONS": "2", "PROBES": "3", "MAX_NOISE": "1", "SHARE": "0.2"},
}


@pytest.fixture(scope="module")
def own_data(world, text_lm, speech, tmp_path_factory):
    """Variables of recipes/your_own_data.sh: recordings beside their texts, a pool, questions and a text LLM."""
    folder = tmp_path_factory.mktemp("own") / "my recordings"
    folder.mkdir()
    for row in read_samples(str(speech), needed=["id", "text", "audio"], optional=[]).to_pylist():
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        soundfile.write(folder / f"{row['id']}.wav", samples, rate)
        (folder / f"{row['id']}.txt").write_text(row["text"])
    files = {"POOL": world / "pool.parquet", "QUESTIONS": world / "questions.parquet"}
    return {"LLM": str(text_lm), "SPEECH": str(folder)} | {name: str(path) for name, path in files.items()}


def test_your_own_data_goes_through_the_whole_method(own_data, run_recipe):
    _, run = run_recipe("your_own_data", **OWN, **own_data)
    results = json.loads((run / "eval" / "summary.json").read_text())["results"]
    assert results.keys() == {"original", "stage1", "stage2-uniform", "stage2-active"}
    for model in results.keys() - {"original"}:
        assert {"questions_speech", "questions_text", "heldout_speech"} <= results[model].keys()
    summary = json.loads((run / "summary.json").read_text())
    assert {"stage1", "stage2_active", "stage2_uniform"} <= summary.keys() and (run / "report.html").is_file()


LAPTOP = {
    "SMALL": "1",
    **{"LEXICAL_STEPS": "2", "STAGE1_STEPS": "4", "STAGE2_LEXICAL_STEPS": "1", "STAGE2_STEPS": "4"},
    **{"REGIONS": "2", "PROBES": "2", "HOURS": "0.005"},
}


@pytest.mark.slow
def test_the_laptop_runs_every_line_on_a_real_text_llm_real_voices_and_recordings_of_people(run_recipe):
    """Needs `make laptop-parts`; fails without, and names the package."""
    _, run = run_recipe("laptop", **LAPTOP)
    summary = json.loads((run / "summary.json").read_text())
    for model in ("stage1", "none", "uniform", "coverage", "active"):
        assert summary[model]["speech_accuracy"]["items"] == 16, model
        assert summary[model]["held_out_voice"]["items"] == 16, model
    assert summary["text_accuracy"]["accuracy"] > 0.5  # by chance 0.25: the text LLM knows what the words mean
    perplexities = json.loads((run / "perplexity.json").read_text())
    assert len(perplexities) == 6 and 10 < perplexities["text-lm"]["perplexity"] < 500
    for name in ("eval", "eval-people"):
        results = json.loads((run / name / "summary.json").read_text())["results"]
        assert any(task.endswith("_cascade") for model in results.values() for task in model), results
    assert json.loads((run / "gap-people-active" / "manifest.json").read_text())["counts"]["rows"] > 3
    lines = result_tables.tables(run)
    assert any(line.startswith("| all questions | 16 |") for line in lines)
    assert sum(line.startswith("| active minus uniform |") for line in lines) == 3  # questions, held-out voice, people
