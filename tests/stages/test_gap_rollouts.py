"""`gap --rollouts`: heard and read prompts, cached teachers, and what is refused; its figures: test_on_policy.py."""

import json

import pyarrow.parquet as pq
import pytest
from rollout_artefacts import rows_of, write

from saladkit.formats.rollouts import MODALITIES, SPEECH


@pytest.fixture
def gap(shell, checkpoint, speech, text_lm, tmp_path):
    """Run `gap` on all samples."""

    def run(rollouts, *more, samples=speech, teacher=text_lm, to="gap"):
        line = ["gap", checkpoint, samples, "--teacher", teacher, "--rollouts", rollouts, "--interleavings", 1]
        spans = ["--text-words", 4, 8, "--speech-words", 3, 6]
        return shell(*line, *spans, "--device", "cpu", *more, "-o", tmp_path / to)

    return run


MEASURING = "gap:   0%"  # the progress bar of the samples


@pytest.fixture
def rollouts(speech, tokenizer, tmp_path):
    return write(tmp_path / "rollouts", rows_of(speech, tokenizer, MODALITIES), tokenizer)


def exposed(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)["exposure"]


def test_heard_and_read_prompts_are_told_apart(gap, rollouts, speech, tokenizer, tmp_path):
    result = gap(rollouts)
    found = exposed(result)
    assert MEASURING in result.stderr
    assert set(found) == set(MODALITIES)
    rows = {row["id"]: row for row in rows_of(speech, tokenizer, MODALITIES)}
    for of_modality in found.values():
        assert of_modality["rollouts"] == 6 and of_modality["exposure_gap"]["mean"] == pytest.approx(
            of_modality["own_kl"]["mean"] - of_modality["text_kl"]["mean"], abs=2e-4
        )
    table = pq.read_table(tmp_path / "gap" / "exposure.parquet").to_pylist()
    assert {row["id"] for row in table} == rows.keys()
    assert all(len(rows[row["id"]]["response_ids"]) == row["tokens"] >= row["compared"] > 0 for row in table)
    assert "behind heard prompts" in result.stderr and "behind read prompts" in result.stderr
    assert "staleness" in found["speech"] and 0 < found["speech"]["effective_samples"] <= 1
    manifest = json.loads((tmp_path / "gap" / "manifest.json").read_text())
    assert manifest["inputs"]["rollouts"]["path"] == str(rollouts)


def test_a_cache_of_samples_and_rollouts_gives_lower_bounds(gap, rollouts, shell, text_lm, speech, tmp_path):
    line = ["cache-teacher", speech, rollouts, "--model", text_lm, "--top-k", 8, "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "cache").exit_code == 0
    bounds, exact = exposed(gap(rollouts, teacher=tmp_path / "cache", to="bounds")), exposed(gap(rollouts))
    for modality in MODALITIES:
        for name in ("own_kl", "text_kl"):
            assert 0 <= bounds[modality][name]["mean"] <= exact[modality][name]["mean"]
        assert bounds[modality]["tokens"] == exact[modality]["tokens"]
    assert 0 < bounds[SPEECH]["own_kl"]["mean"] < exact[SPEECH]["own_kl"]["mean"]


@pytest.mark.parametrize("changed", [{"temperature": 0.7}, {"top_p": 0.9}], ids=str)
def test_of_other_distributions_no_staleness_is_told(gap, speech, tokenizer, tmp_path, changed):
    path = write(tmp_path / "warm", rows_of(speech, tokenizer, rows=2), tokenizer, settings=changed)
    assert {"staleness", "ratio", "effective_samples"}.isdisjoint(exposed(gap(path))["speech"])


def test_greedy_rollouts_have_a_staleness_but_no_ratios(gap, speech, tokenizer, tmp_path):
    path = write(tmp_path / "greedy", rows_of(speech, tokenizer, rows=2), tokenizer, settings={"temperature": 0.0})
    found = exposed(gap(path))["speech"]
    assert "staleness" in found and {"ratio", "effective_samples"}.isdisjoint(found)


def stranger(rows):
    return [rows[0] | {"source_id": "nobody"}, *rows[1:]]


def other_tokens(rows):
    return [rows[0] | {"prompt_ids": [*rows[0]["prompt_ids"][:-1], rows[0]["prompt_ids"][-1] + 1]}, *rows[1:]]


def none(rows):
    return []


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("damage", [stranger, other_tokens, none])
def test_rollouts_that_do_not_fit_are_refused(gap, speech, tokenizer, tmp_path, damage, modality):
    path = write(tmp_path / "rollouts", damage(rows_of(speech, tokenizer, (modality,), rows=2)), tokenizer)
    result = gap(path)
    refused(result, str(path))
    assert MEASURING not in result.stderr  # before the samples are measured


def test_other_tokenizers_and_caches_are_refused(gap, rollouts, speech, tokenizer, teacher_cache, tmp_path):
    rows = rows_of(speech, tokenizer, (SPEECH,), rows=2)
    strange = write(tmp_path / "strange", rows, tokenizer, identity={"tokenizer": "1" * 64})
    refused(gap(strange), "another tokenizer")
    refused(gap(rollouts, teacher=teacher_cache, to="cached"), "lacks the tokens of rollout")
    refused(gap(speech, to="speech"), str(speech))


def refused(result, said):
    assert result.exit_code == 2
    problem, fix = result.stderr.strip().splitlines()[-2:]
    assert problem.startswith("error: ") and said in problem and fix.strip()
