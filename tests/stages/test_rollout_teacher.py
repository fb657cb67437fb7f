"""`cache-teacher` on rollouts: their tokens as they were written, beside samples, and what is refused."""

import json
import shutil

import pytest

from saladkit.formats.rollouts import read_rollouts, tokens_of
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.settings.rollout import RolloutSettings
from saladkit.stages.rollout import rollout


@pytest.fixture(scope="module")
def rollouts(checkpoint, speech, frames_cache, workshop):
    """24 rollouts of at most six tokens, from an untrained model: tokens that no text has in this order."""
    settings = RolloutSettings(
        prompt_words=(3, 8), max_new_tokens=6, temperature=3.0, frames=(str(frames_cache),), device="cpu"
    )
    rollout(str(checkpoint), [str(speech)], workshop / "rollouts", settings)
    return workshop / "rollouts"


@pytest.fixture
def score(text_lm, shell, tmp_path):
    """Run `cache-teacher` on sources and further options."""

    def run(*arguments, model=text_lm):
        return shell("cache-teacher", *arguments, "--model", model, "--device", "cpu", "-o", tmp_path / "cache")

    return run


def test_rollouts_are_found_by_their_ids_though_their_text_has_other_tokens(rollouts, score, tokenizer, tmp_path):
    assert score(rollouts).exit_code == 0
    cache, rows = TeacherCache(tmp_path / "cache"), list(read_rollouts(rollouts))
    assert all(cache.has(tokens_of(row)) for row in rows)
    again = [tokenizer(tokenizer.decode([*row["prompt_ids"], *row["response_ids"]]))["input_ids"] for row in rows]
    changed = [row for row, ids in zip(rows, again, strict=True) if ids != [*row["prompt_ids"], *row["response_ids"]]]
    assert len(changed) > len(rows) / 2  # else the test shows nothing
    assert all(len(cache.row(tokens_of(row)).kept_ids) == len(tokens_of(row)) for row in rows)


def test_rollouts_and_samples_share_a_cache(rollouts, score, world, tmp_path):
    result = score(rollouts, world / "natural.parquet", "--keep", "sampled")
    assert result.exit_code == 0, result.stderr
    cache = TeacherCache(tmp_path / "cache")
    assert all(cache.has(tokens_of(row)) for row in read_rollouts(rollouts))
    assert json.loads(result.stdout)["rows"] == 48


def test_rollouts_of_another_tokenizer_are_refused(rollouts, score, other_text_lm):
    result = score(rollouts, model=other_text_lm)
    assert result.exit_code == 2
    assert "another tokenizer" in result.stderr
    assert "  fix:" in result.stderr


def test_rollouts_of_another_chat_template_are_refused(rollouts, score, text_lm, tmp_path):
    """Rollouts that were laid out by a template, and a text LLM that has another, or none."""
    copy = tmp_path / "chats"
    shutil.copytree(rollouts, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["identity"]["chat_template"] = "0" * 64
    (copy / "manifest.json").write_text(json.dumps(manifest))
    result = score(copy)
    assert result.exit_code == 2
    assert "no chat template" in result.stderr
    lm = tmp_path / "lm"
    shutil.copytree(text_lm, lm)
    (lm / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}")
    result = score(copy, model=lm)
    assert result.exit_code == 2
    assert "another chat template" in result.stderr


def test_rollouts_longer_than_the_text_llm_reads_are_refused(rollouts, score):
    result = score(rollouts, "--max-length", "12")
    assert result.exit_code == 2
    assert "12 at once" in result.stderr


def test_unfinished_rollouts_are_refused(rollouts, score, tmp_path):
    copy = tmp_path / "cut"
    shutil.copytree(rollouts, copy)
    (copy / "manifest.json").rename(copy / "plan.json")
    result = score(copy)
    assert result.exit_code == 2
    assert "not finished" in result.stderr


def test_training_starts_with_the_probabilities_that_rollouts_were_drawn_with(
    checkpoint, speech, frames_cache, text_lm, shell, tmp_path
):
    """`align` starts from `stable/`, so that one writes; at a rate of 0 the student stays the writer."""
    common = ["--frames", frames_cache, "--device", "cpu"]
    drawn = ["--prompt-words", 3, 8, "--max-new-tokens", 6, "--prompt-modality", "speech", "--prompt-modality", "text"]
    assert shell("rollout", checkpoint / "stable", speech, *common, *drawn, "-o", tmp_path / "r").exit_code == 0
    steps = "--max-steps 2 --warmup-steps 0 --logging-steps 1 --per-device-train-batch-size 8".split()
    still = ["--learning-rate", 0, "--adapter-learning-rate", 0]
    line = ["align", checkpoint, "--data", speech, "--rollouts", tmp_path / "r", "--rollout-loss", "sampled"]
    result = shell(*line, *common, "--teacher", text_lm, *steps, *still, "-o", tmp_path / "next")
    assert result.exit_code == 0, result.stderr
    logged = [json.loads(text) for text in (tmp_path / "next" / "metrics.jsonl").read_text().splitlines()]
    ratios = [value for entry in logged for name, value in entry.items() if name.startswith("ratio of ")]
    assert len(ratios) == 4  # heard and read, in two steps
    assert ratios == pytest.approx([1.0] * 4, abs=1e-5)
