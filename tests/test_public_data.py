"""recipes/public_data.py on files of the published schemas, and the lines of recipes/public_data.sh."""

import os
import subprocess

import numpy as np
import public_data
import pytest
from click.testing import CliRunner
from public_corpora import cosmopedia, emilia, fineweb_edu, libriheavy

from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row


@pytest.fixture(scope="module")
def rows(speech):
    return read_samples(speech, needed=["text", "audio"], limit=4).to_pylist()


def made(kind, pattern, output):
    result = CliRunner().invoke(public_data.main, [kind, str(pattern), "-o", str(output)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return read_samples(output, needed=["text"])


def test_libriheavy_is_stretches_of_books(rows, tmp_path):
    table = made("libriheavy", libriheavy(tmp_path / "libriheavy", rows), tmp_path / "speech")
    assert table.column("text").to_pylist() == [row["text"] for row in rows]
    for found, row in zip(table.to_pylist(), rows, strict=True):
        samples, rate = decode_row(row, "rows")
        heard, heard_rate = decode_row(found, "libriheavy")
        assert heard_rate == rate and np.abs(heard - samples).max() < 2**-14  # FLAC of 16 bits
        assert found["duration"] == pytest.approx(len(samples) / rate)
        assert found["speaker"] == "100" and found["audio"]["bytes"] is None


def test_emilia_is_read_from_its_tar_files(rows, tmp_path):
    table = made("emilia", emilia(tmp_path / "EN", rows).parent / "*.tar", tmp_path / "speech")
    assert table.column("text").to_pylist() == [row["text"] for row in rows]
    for found, row in zip(table.to_pylist(), rows, strict=True):
        samples, rate = decode_row(row, "rows")
        heard, heard_rate = decode_row(found, "emilia")
        assert heard_rate == rate and len(heard) >= len(samples)
        assert np.corrcoef(heard[: len(samples)], samples)[0, 1] > 0.9
        assert found["audio"]["path"] is None and found["source"] == "emilia"


def test_texts_keep_their_ids_or_get_some(tmp_path):
    table = made("texts", fineweb_edu(tmp_path / "10BT", ["One.", "Two."]), tmp_path / "pool")
    assert table.to_pylist() == [{"id": f"<urn:uuid:{n}>", "text": text} for n, text in enumerate(["One.", "Two."])]
    for part in ("cosmopedia-v2", "other"):
        table = made("texts", cosmopedia(tmp_path / part, ["Three.", "Four."]), tmp_path / "replay")
    assert table.num_rows == 4 and len(set(table.column("id").to_pylist())) == 4
    assert table.column("id")[0].as_py() == "cosmopedia-v2-train-00000-of-00104/0"


def test_a_corpus_is_written_in_parts_and_once(monkeypatch, tmp_path):
    monkeypatch.setitem(public_data.KINDS, "texts", (public_data.text_rows, 2))
    source = fineweb_edu(tmp_path / "10BT", [f"Text {n}." for n in range(5)])
    assert made("texts", source, tmp_path / "pool").num_rows == 5
    parts = sorted((tmp_path / "pool").glob("*.parquet"))
    assert len(parts) == 3
    before = [part.stat().st_mtime_ns for part in parts]
    made("texts", source, tmp_path / "pool")
    assert [part.stat().st_mtime_ns for part in parts] == before


def test_damaged_and_missing_files_end_in_two_lines(rows, tmp_path):
    whole = emilia(tmp_path / "EN", rows[:1])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "EN-B000001.tar").write_bytes(whole.read_bytes()[:1024])
    for kind, pattern in (("texts", tmp_path / "*.parquet"), ("emilia", tmp_path / "cut" / "*.tar")):
        result = CliRunner().invoke(public_data.main, [kind, str(pattern), "-o", str(tmp_path / "out")])
        assert result.exit_code == 2 and len(result.stderr.splitlines()) == 2, result.stderr


def test_a_dry_run_prints_the_lines_that_download(repository):
    environment = os.environ | {"DRY_RUN": "1", "DATA": "/nowhere"}
    script = repository / "recipes" / "public_data.sh"
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    for name in (
        "pkufool/libriheavy",
        "amphion/Emilia-Dataset",
        "HuggingFaceFW/fineweb-edu",
        "HuggingFaceTB/smollm-corpus",
    ):
        assert f"hf download {name} --repo-type dataset --local-dir /nowhere/" in done.stderr
    assert done.stderr.count("python recipes/public_data.py") == 5
