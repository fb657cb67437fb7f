"""examples/desk/as_heard.py: what was written behind read prompts, behind the same prompts heard."""

import subprocess

import pytest
from rollout_artefacts import rows_of, write

from as_heard import as_heard
from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import SCHEMA, SPEECH, TEXT, read_rollouts
from saladkit.model.loading import load_tokenizer


@pytest.fixture(scope="module")
def both(speech, text_lm, tmp_path_factory):
    """Rollouts of three rows, heard and read."""
    tokenizer = load_tokenizer(text_lm)
    rows = rows_of(speech, tokenizer, modalities=(SPEECH, TEXT), rows=3)
    for row in rows:
        row["log_probs"] = [-1.0 if row["modality"] == TEXT else -2.0] * len(row["response_ids"])
    return write(tmp_path_factory.mktemp("rollouts") / "both", rows, tokenizer)


def test_what_was_written_behind_read_prompts_is_behind_heard_ones(both, tmp_path):
    summary = as_heard(both, tmp_path / "heard")
    assert summary["rows"] == 3
    heard, stored = list(read_rollouts(tmp_path / "heard")), list(read_rollouts(both))
    prompts = [row for row in stored if row["modality"] == SPEECH]
    read = [row for row in stored if row["modality"] == TEXT]
    assert [row["id"] for row in heard] == [row["id"] for row in prompts]
    assert [row | {"id": None, "modality": None} for row in heard] == [
        row | {"id": None, "modality": None} for row in read
    ]
    assert {row["modality"] for row in heard} == {SPEECH}
    identities = [Artefact.open(path, SCHEMA).manifest["identity"] for path in (both, tmp_path / "heard")]
    assert identities[0] == identities[1]


def test_it_needs_prompts_that_were_read(speech, text_lm, loaded_python, repository, tmp_path):
    tokenizer = load_tokenizer(text_lm)
    heard = write(tmp_path / "heard", rows_of(speech, tokenizer, rows=2), tokenizer)
    with pytest.raises(SaladError, match="no prompt of .* was read"):
        as_heard(heard, tmp_path / "none")
    script = repository / "examples" / "desk" / "as_heard.py"
    command = [loaded_python, script, tmp_path / "nowhere", "-o", tmp_path / "x"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 2
