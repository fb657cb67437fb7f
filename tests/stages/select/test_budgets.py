"""`select`: a budget of hours, tokens or a share of natural speech, and the speaking rate that it is predicted with."""

import json

import pyarrow.parquet as pq
import pytest

from saladkit.sources.samples import read_samples


def test_a_budget_of_hours_is_reached_by_the_last_text(select):
    chosen, summary = select("--strategy", "uniform", "--hours", 0.05, "--words-per-second", 2)
    seconds = [len(row["text"].split()) / 2 for row in chosen]
    assert sum(seconds[:-1]) < 180 <= sum(seconds)
    assert summary["predicted_hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-4)


def test_a_budget_of_tokens_is_reached_by_the_last_text(by_strategy, text_lm, tokenizer):
    chosen, _, _ = by_strategy("uniform", "--tokens", 200, "--tokenizer", text_lm)
    counts = [len(tokenizer(row["text"])["input_ids"]) for row in chosen]
    assert sum(counts[:-1]) < 200 <= sum(counts)


def test_a_share_of_natural_speech_is_a_budget_and_its_rate_is_used(by_strategy, speech):
    natural = read_samples(speech, needed=["id", "text", "duration"]).to_pylist()
    chosen, summary, _ = by_strategy("uniform", "--fraction-of", speech, 0.25)
    whole = sum(row["duration"] for row in natural)
    predicted = [row["predicted_duration"] for row in chosen]
    assert sum(predicted[:-1]) < 0.25 * whole <= sum(predicted)
    rate = summary["speaking_rate"]
    fitted = [
        rate["offset"]
        + rate["per_word"] * len(row["text"].split())
        + rate["per_character"] * len("".join(row["text"].split()))
        for row in natural
    ]
    assert sum(fitted) == pytest.approx(whole, rel=0.01)  # least squares keep the sum
    by_rate, _, _ = by_strategy("uniform", "--hours", 0.25 * whole / 3600, "--rate-from", speech, name="rate")
    assert [row["id"] for row in by_rate] == [row["id"] for row in chosen]


def test_an_assumed_speaking_rate_says_so(by_strategy, speech):
    for name, given, note in (
        ("no", (), "assumed rate of 2.5 words"),
        ("other", ("--words-per-second", 3), "assumed rate of 3 words"),
    ):
        _, summary, stderr = by_strategy("coverage", "--count", 3, *given, name=name)
        assert summary["speaking_rate"]["assumed"] is True and f"{note} per second" in stderr
    _, summary, stderr = by_strategy("coverage", "--count", 3, "--rate-from", speech, name="measured")
    assert summary["speaking_rate"]["assumed"] is False and "words per second" not in stderr


def test_synth_tells_how_wrong_the_prediction_was(by_strategy, shell, speech, tmp_path):
    by_strategy("uniform", "--count", 6, "--rate-from", speech)
    result = shell("synth", tmp_path / "uniform", "--voice", "espeak:en-us", "-o", tmp_path / "spoken", "--workers", 1)
    summary = json.loads(result.stdout)
    spoken = read_samples(tmp_path / "spoken", needed=["id", "duration", "predicted_duration"]).to_pylist()
    longer = sum(row["duration"] for row in spoken) / sum(row["predicted_duration"] for row in spoken) - 1
    assert summary["longer_than_predicted"] == pytest.approx(longer, abs=1e-4)
    apart = [abs(row["duration"] / row["predicted_duration"] - 1) for row in spoken]
    assert summary["row_differs_from_predicted"] == pytest.approx(sum(apart) / 6, abs=1e-4)
    assert abs(longer) < 0.2


def test_recordings_without_durations_are_measured(by_strategy, speech, tmp_path):
    rows = read_samples(speech, needed=["id", "text", "audio"], optional=[])
    pq.write_table(rows, tmp_path / "bare.parquet")
    stated, summary, _ = by_strategy("uniform", "--fraction-of", speech, 0.25)
    measured, found, _ = by_strategy("uniform", "--fraction-of", tmp_path / "bare.parquet", 0.25, name="bare")
    assert [row["id"] for row in measured] == [row["id"] for row in stated]
    assert found["speaking_rate"]["per_word"] == pytest.approx(summary["speaking_rate"]["per_word"], abs=1e-3)
