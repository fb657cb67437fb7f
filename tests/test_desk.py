"""The whole method, as the recipe chains it, on a reduced desk."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
REDUCED = {
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


def run_recipe(folder: Path) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | REDUCED | {"RUN": str(folder), "PATH": path, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(ROOT / "recipes" / "desk.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)


def test_the_recipe_runs_the_whole_method_and_a_second_run_changes_nothing(tmp_path):
    done = run_recipe(tmp_path / "desk")
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((tmp_path / "desk" / "summary.json").read_text())
    for model in ("stage1", "stage2_uniform", "stage2_active"):
        for figure in (*FIGURES, "forgetting"):
            assert summary[model][figure]["items"] > 0, (model, figure)
    assert summary["text_accuracy"]["items"] == 18
    assert summary["stage1"]["speech_accuracy"]["items"] == 18
    contrast = summary["active_minus_uniform"]
    assert contrast["low"] <= contrast["points"] <= contrast["high"]
    assert summary["peak_memory_bytes"] > 0
    assert set(summary["seconds"]) >= {"text-lm", "teacher", "natural", "stage1", "stage2-active", "eval"}

    page = (tmp_path / "desk" / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<audio" in page
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page

    manifests = sorted((tmp_path / "desk").rglob("manifest.json"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in manifests}
    again = run_recipe(tmp_path / "desk")
    assert again.returncode == 0, again.stderr[-3000:]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in manifests} == before
    assert json.loads((tmp_path / "desk" / "summary.json").read_text()) == summary
