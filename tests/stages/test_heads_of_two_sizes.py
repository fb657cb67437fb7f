"""A teacher with the student's tokenizer and a larger head (Qwen2.5 7B for 3B): the same figures, and a note."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from saladkit.formats.gap_table import METRICS, read_gap_table

TOKENS, ROWS = 400, 432
NOTE = f"head scores {TOKENS} tokens and the teacher's {ROWS}; both are cut to the {TOKENS} of their tokenizer"


@pytest.fixture(scope="module")
def larger(text_lm, tmp_path_factory):
    """The text LLM with a head of more rows, which get a good part of the probability."""
    folder = tmp_path_factory.mktemp("larger") / "text-llm"
    model = AutoModelForCausalLM.from_pretrained(text_lm)
    torch.manual_seed(0)
    model.resize_token_embeddings(ROWS, mean_resizing=False)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(text_lm).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def teachers(text_lm, larger, world, tmp_path_factory):
    """By kind: a teacher of the student's size, and one with the larger head; a cache keeps almost all tokens."""
    from saladkit.settings.cache_teacher import CacheTeacherSettings
    from saladkit.stages.cache_teacher import cache_teacher

    found = {"live": (text_lm, larger)}
    sources = [str(world / "natural.parquet"), str(world / "pool.parquet")]
    for kind in ("top-k", "sampled"):
        folders = []
        for model in (text_lm, larger):
            folders.append(tmp_path_factory.mktemp(kind) / "cache")
            settings = CacheTeacherSettings(model=str(model), keep=kind, top_k=64, draws=200, device="cpu")
            cache_teacher(sources, folders[-1], settings)
        found[kind] = tuple(folders)
    return found


@pytest.mark.parametrize(("kind", "near"), [("live", 1e-5), ("top-k", 0.05), ("sampled", 0.5)])
def test_distill_learns_from_a_teacher_with_a_larger_head(
    kind, near, teachers, text_lm, distill_arguments, shell, tmp_path
):
    place, losses = distill_arguments.index("--teacher"), []
    for name, teacher in zip(("same", "larger"), teachers[kind], strict=True):
        line = [*distill_arguments[:place], "--teacher", teacher, *distill_arguments[place + 2 :], "--alpha", 0.5]
        done = shell(*line, "-o", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        assert done.stderr.count(NOTE) == (name == "larger")
        entries = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(entry)["loss"] for entry in entries])
    assert losses[1] == pytest.approx(losses[0], abs=near)


@pytest.mark.parametrize(("kind", "near"), [("live", 1e-5), ("top-k", 0.1)])
def test_gap_is_measured_against_a_teacher_with_a_larger_head(
    kind, near, teachers, checkpoint, speech, shell, tmp_path
):
    figures = []
    for name, teacher in zip(("same", "larger"), teachers[kind], strict=True):
        line = ["gap", checkpoint, speech, "--teacher", teacher, "--limit", 4, "--device", "cpu"]
        done = shell(*line, "-o", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        assert done.stderr.count(NOTE) == (name == "larger")
        figures.append([item[metric] for item in read_gap_table(tmp_path / name)[0] for metric in METRICS])
    assert figures[1] == pytest.approx(figures[0], abs=near)


def test_align_learns_from_a_teacher_with_a_larger_head(larger, checkpoint, speech, shell, tmp_path):
    steps = "--max-steps 2 --save-steps 2 --logging-steps 1 --warmup-steps 0".split()
    line = ["align", checkpoint, "--data", speech, "--teacher", larger, "--device", "cpu", *steps]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count(NOTE) == 1
