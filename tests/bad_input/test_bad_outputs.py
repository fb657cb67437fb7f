"""Outputs that would be lost or mix two runs, and voices and shards that do not exist."""

import shutil

import pyarrow.parquet as pq
import pytest


def test_an_output_folder_that_holds_something_else(refused, contents, world, tmp_path):
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "thesis.tex").write_text("years of work")
    arguments = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2]
    refused(*arguments, output=output, named=[output, "something else"])
    refused(*arguments, "--overwrite", output=output, named=[output, "something else"])
    assert contents(output) == {"thesis.tex": b"years of work"}


def test_an_output_made_with_other_settings_or_of_other_inputs(refused, shell, contents, world, tmp_path):
    output = tmp_path / "speech"
    line = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2, "--workers", 1]
    assert shell(*line, "-o", output).exit_code == 0
    before = contents(output)
    refused(*line, "--seed", 1, output=output, named=[output, "settings"])
    refused(line[0], world / "pool.parquet", *line[2:], output=output, named=[output, "input samples"])
    refused("cache-speech", output, output=output, named=[output, "verb"])
    assert contents(output) == before


def test_another_column_is_another_input(refused, shell, world, tmp_path):
    rows = pq.read_table(world / "natural.parquet").slice(0, 2)
    pq.write_table(rows.append_column("other", rows.column("text")), tmp_path / "texts.parquet")
    command = ["synth", tmp_path / "texts.parquet", "--voice", "espeak:en-us", "--workers", 1]
    assert shell(*command, "-o", tmp_path / "spoken").exit_code == 0
    problem, _ = refused(*command, "--text-column", "other", output=tmp_path / "spoken")
    assert "made from something else" in problem


def test_a_shard_index_out_of_range(refused, world):
    problem, _ = refused(
        "synth", world / "natural.parquet", "--voice", "espeak:en-us", "--num-shards", 2, "--shard-index", 2
    )
    assert "--shard-index 2 is not below --num-shards 2" in problem


@pytest.mark.parametrize("voice", ["espeak:xx-yy", "festival:kal", "espeak:en-us@fast", "piper:nowhere.onnx"])
def test_a_voice_that_is_not_there(voice, refused, world, tmp_path):
    refused("synth", world / "natural.parquet", "--voice", voice, named=[voice.split(":")[1].split("@")[0]])
    assert not (tmp_path / "output").exists()


def test_an_output_that_holds_an_input(refused, checkpoint, speech, text_lm, contents, tmp_path):
    stage1 = tmp_path / "stage1"
    shutil.copytree(checkpoint, stage1)
    before = contents(stage1)
    line = ["align", stage1, "--data", speech, "--teacher", text_lm, "--max-steps", 1, "--device", "cpu"]
    refused(*line, "--overwrite", output=stage1, named=["throw away", stage1])
    assert contents(stage1) == before


def test_an_output_that_holds_an_input_of_a_pattern(refused, shell, world, contents, tmp_path):
    spoken = tmp_path / "a" / "spoken"
    line = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2, "--workers", 1]
    assert shell(*line, "-o", spoken).exit_code == 0
    before = contents(spoken)
    pattern = tmp_path / "*" / "spoken" / "*.parquet"
    refused("cache-speech", pattern, "--overwrite", output=spoken, named=["throw away", spoken])
    assert contents(spoken) == before


def test_an_output_where_no_folder_can_be(refused, world, tmp_path):
    (tmp_path / "file").write_text("x")
    line = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2]
    refused(*line, output=tmp_path / "file" / "speech", named=[tmp_path / "file" / "speech"])
