"""Frozen encoders through the shell: cache, distil, measure on audio; and refuse what does not fit."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from command_lines import replaced
from safetensors.numpy import load_file
from transformers import HubertConfig, HubertModel, MimiModel, Wav2Vec2FeatureExtractor

from saladkit.caching import recording_parts
from saladkit.formats.frames_cache import FramesCache
from saladkit.sources.samples import read_samples
from saladkit.stages import cache_speech

ENCODERS = ["mimi", "whisper", "hubert"]
CLOSE = {"mimi": 0, "whisper": 3e-3, "hubert": 3e-3}  # how near frames have to be that were computed in other batches
SPANS = ["--text-words", 4, 8, "--speech-words", 3, 6]


@pytest.fixture(scope="module")
def hubert(workshop):
    """HuBERT's classes and rates, the base model's norms, two layers, random."""
    torch.manual_seed(0)
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 32}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}
    HubertModel(HubertConfig(**layers, **positions, conv_dim=(8,) * 7)).save_pretrained(workshop / "hubert")
    Wav2Vec2FeatureExtractor().save_pretrained(workshop / "hubert")
    return workshop / "hubert"


def encoder_options(name, request):
    """The shell's options for one of the tiny encoders."""
    return ["--speech-encoder", request.getfixturevalue(name), "--codebooks", 4]


@pytest.fixture(scope="module")
def caches():
    """Made once: encoder -> frames cache."""
    return {}


@pytest.fixture(scope="module")
def checkpoints():
    """Made once: encoder -> checkpoint of two steps."""
    return {}


@pytest.fixture
def cached(caches, request, speech, shell, workshop):
    """Frames of `speech` by an encoder, and the summary."""

    def make(name):
        if name not in caches:
            folder = workshop / f"frames-{name}"
            result = shell("cache-speech", speech, "-o", folder, *encoder_options(name, request), "--device", "cpu")
            assert result.exit_code == 0, result.stderr
            caches[name] = folder, json.loads(result.stdout)
        return caches[name]

    return make


@pytest.fixture
def distilled(checkpoints, cached, request, distill_arguments, shell, workshop):
    """A checkpoint of two steps with a frozen encoder, trained on cached frames."""

    def make(name):
        if name not in checkpoints:
            line = replaced(distill_arguments, "--frames", cached(name)[0])
            line = replaced(replaced(line, "--max-steps", 2), "--save-steps", 1)
            folder = workshop / f"distilled-{name}"
            result = shell(*line, *encoder_options(name, request), "-o", folder)
            assert result.exit_code == 0, result.stderr
            assert ("not causal" in result.stderr) is (name != "mimi")
            checkpoints[name] = folder
        return checkpoints[name]

    return make


@pytest.mark.parametrize("name", ENCODERS)
def test_a_frames_cache_has_the_length_of_the_speech(name, cached, speech):
    folder, summary = cached(name)
    cache = FramesCache(folder)
    rows = read_samples(speech, needed=["duration"]).to_pylist()
    assert summary["rows"] == len(rows)
    for row in rows:
        assert abs(cache.length(row["id"]) / cache.identity["frames_per_second"] - row["duration"]) < 0.1
    stored = cache.row(rows[0]["id"])
    assert stored.dtype == (np.uint16 if name == "mimi" else np.float16)
    assert len(np.unique(stored)) > 10
    assert summary["times_real_time"] > 0
    spoken = sum(row["duration"] for row in rows)
    assert summary["bytes_per_second_of_speech"] == pytest.approx(summary["bytes"] / spoken, rel=0.03)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_dry_run_tells_the_bytes(name, cached, request, speech, shell, tmp_path):
    folder, _ = cached(name)
    line = ["cache-speech", speech, *encoder_options(name, request), "--device", "cpu", "--dry-run"]
    plan = json.loads(shell(*line, "-o", tmp_path / "none").stdout)
    tensors = load_file(folder / "part-00000-of-00001.safetensors")
    stored = tensors["codes" if name == "mimi" else "frames"].nbytes
    assert plan["bytes"] == pytest.approx(stored, rel=0.02)
    without = tmp_path / "without.parquet"
    pq.write_table(read_samples(speech, needed=["audio"], optional=[]), without)
    by_header = json.loads(shell(line[0], without, *line[2:], "-o", tmp_path / "none").stdout)
    assert by_header["seconds_of_speech"] == pytest.approx(plan["seconds_of_speech"], abs=0.01)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_runs_in_bfloat16(name, cached, request, speech, shell, tmp_path):
    line = ["cache-speech", speech, *encoder_options(name, request), "--device", "cpu", "--limit", 3]
    assert shell(*line, "--dtype", "bfloat16", "-o", tmp_path / "half").exit_code == 0
    half, full = FramesCache(tmp_path / "half"), FramesCache(cached(name)[0])
    assert half.identity == full.identity
    id_ = read_samples(speech, needed=["id"]).column("id")[0].as_py()
    if name == "mimi":
        assert (half.row(id_) == full.row(id_)).mean() > 0.5
    else:
        assert np.abs(half.row(id_).astype(np.float32) - full.row(id_)).mean() < 0.05


@pytest.mark.parametrize("name", ENCODERS)
def test_shards_and_batches_give_the_same_bytes(name, request, speech, cached, shell, contents, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_speech, "ROWS_PER_PART", 5)
    line = ["cache-speech", speech, *encoder_options(name, request), "--device", "cpu"]
    assert shell(*line, "-o", tmp_path / "whole").exit_code == 0
    for index in (1, 0):
        assert shell(*line, "-o", tmp_path / "shards", "--num-shards", 2, "--shard-index", index).exit_code == 0
    assert contents(tmp_path / "shards") == contents(tmp_path / "whole")
    assert shell(*line, "-o", tmp_path / "alone", "--batch-seconds", 0.1).exit_code == 0
    whole, alone = FramesCache(tmp_path / "whole"), FramesCache(tmp_path / "alone")
    for id_ in read_samples(speech, needed=["id"]).column("id").to_pylist():
        np.testing.assert_allclose(whole.row(id_), alone.row(id_), rtol=0, atol=CLOSE[name])


class Killed(Exception):
    """Stands for any error that ends a process before its work is done."""


@pytest.mark.parametrize("name", ENCODERS)
def test_a_cache_that_was_cut_off_ends_with_the_same_bytes(
    name, request, speech, shell, contents, tmp_path, monkeypatch
):
    monkeypatch.setattr(cache_speech, "ROWS_PER_PART", 5)
    line = ["cache-speech", speech, *encoder_options(name, request), "--device", "cpu", "--limit", 14]
    with monkeypatch.context() as patched:
        write = recording_parts.write_frames_part

        def written(path, **arguments):
            if path.name.startswith("part-00001"):
                raise Killed
            write(path, **arguments)

        patched.setattr(recording_parts, "write_frames_part", written)
        with pytest.raises(Killed):
            shell(*line, "-o", tmp_path / "cut")
    assert json.loads(shell(*line, "-o", tmp_path / "cut").stdout)["resumed"] is True
    assert shell(*line, "-o", tmp_path / "whole").exit_code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_frames_of_a_causal_encoder_that_are_made_in_training_equal_cached_ones(
    distilled, request, distill_arguments, shell, tmp_path
):
    name = "mimi"
    line = replaced(replaced(distill_arguments, "--max-steps", 2), "--save-steps", 1)
    place = line.index("--frames")
    line = [*line[:place], *line[place + 2 :], *encoder_options(name, request)]
    assert shell(*line, "-o", tmp_path / "live").exit_code == 0
    live, cached_ = (load_file(folder / "model.safetensors") for folder in (tmp_path / "live", distilled(name)))
    assert live.keys() == cached_.keys()
    for key, weights in live.items():
        np.testing.assert_allclose(weights, cached_[key], rtol=0, atol=CLOSE[name], err_msg=key)


@pytest.mark.parametrize("name", ENCODERS)
def test_gap_and_eval_encode_audio_themselves(name, distilled, text_lm, speech, spoken_questions, shell, tmp_path):
    checkpoint = distilled(name)
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--limit", 6, "--device", "cpu", *SPANS]
    measured = shell(*line, "-o", tmp_path / "gap")
    assert measured.exit_code == 0, measured.stderr
    assert json.loads(measured.stdout)["misalignment"]["mean"] > 0
    scored = shell("eval", checkpoint, spoken_questions, "--device", "cpu", "-o", tmp_path / "eval")
    assert scored.exit_code == 0, scored.stderr
    (found,) = json.loads(scored.stdout)["results"].values()
    assert set(found) == {"spoken-questions_text", "spoken-questions_speech"}


@pytest.mark.parametrize("name", ENCODERS)
def test_stage_ii_needs_no_encoder_where_frames_are_cached(
    name, distilled, cached, speech, teacher_cache, shell, tmp_path
):
    shutil.copytree(distilled(name), tmp_path / "stage1")
    for folder in (tmp_path / "stage1", tmp_path / "stage1" / "stable"):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"speech_encoder": str(tmp_path / "gone")}))
    line = ["align", tmp_path / "stage1", "--data", speech, "--teacher", teacher_cache, "--max-steps", 1, *SPANS]
    line += ["--save-steps", 10, "--device", "cpu"]
    done = shell(*line, "--frames", cached(name)[0], "-o", tmp_path / "stage2")
    assert done.exit_code == 0, done.stderr
    live = shell(*line, "-o", tmp_path / "live")
    assert live.exit_code == 2
    assert f"{tmp_path / 'gone'} does not exist" in live.stderr


def test_nothing_trains_the_codebooks(distilled, mimi):
    quantizer = MimiModel.from_pretrained(mimi).quantizer
    stored = load_file(distilled("mimi") / "model.safetensors")["speech_encoder.codebooks"]
    assert stored.shape == (4, 32, 16)
    first = quantizer.semantic_residual_vector_quantizer
    expected = first.layers[0].codebook.embed @ first.output_proj.weight[:, :, 0].T
    np.testing.assert_allclose(stored[0], expected.detach().numpy(), rtol=0, atol=1e-6)
