"""Speech encoders that cannot be loaded, lack weights, or differ from the encoder of the model or cache."""

import json
import shutil

import pytest
from command_lines import replaced

from saladkit.formats.frames_cache import FramesCache
from saladkit.settings.shared import SpeechEncoder
from saladkit.sources.samples import read_samples
from saladkit.speech.encoders.registry import open_front_end


def bad_encoder(kind, folder, whisper, text_lm):
    if kind == "a text LLM":
        return text_lm
    shutil.copytree(whisper, folder)
    if kind == "without weights":
        (folder / "model.safetensors").unlink()
    elif kind == "truncated":
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif kind == "without a feature extractor":
        (folder / "preprocessor_config.json").unlink()
    elif kind == "no JSON":
        (folder / "config.json").write_text("{")
    elif kind == "of an unknown kind":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"model_type": "whisperer"}))
    elif kind == "of more layers than weights":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"encoder_layers": 5}))
    return folder


KINDS = [
    "a text LLM",
    "without weights",
    "truncated",
    "without a feature extractor",
    "no JSON",
    "of an unknown kind",
    "of more layers than weights",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["cache-speech", "distill"])
def test_a_folder_that_is_not_an_encoder(command, kind, refused, whisper, text_lm, speech, distill_arguments, tmp_path):
    folder = bad_encoder(kind, tmp_path / "encoder", whisper, text_lm)
    line = ["cache-speech", speech, "--device", "cpu"] if command == "cache-speech" else distill_arguments
    problem, fix = refused(*line, "--speech-encoder", folder, named=[folder])
    if kind == "a text LLM":
        assert "qwen2" in problem
        assert "mimi, whisper, wav2vec2, hubert, wavlm" in fix


def test_an_encoder_that_does_not_exist(refused, speech, distill_arguments):
    _, fix = refused("cache-speech", speech, "--speech-encoder", "logmel", named=["logmel"])
    assert "log-mel" in fix and "kyutai/mimi" in fix
    refused(*distill_arguments, "--speech-encoder", "nobody/nothing", named=["nobody/nothing"])


def test_codebooks_and_layers_that_are_not_there(refused, speech, mimi, whisper):
    refused("cache-speech", speech, "--speech-encoder", mimi, named=[mimi, "6 codebooks"])
    refused("cache-speech", speech, "--speech-encoder", whisper, "--encoder-layer", 9, named=[whisper, "3 layers"])


def test_frames_of_another_encoder(refused, shell, speech, mimi, whisper, frames_cache, distill_arguments, tmp_path):
    line = [*distill_arguments, "--codebooks", 4, "--speech-encoder", mimi]
    refused(*line, named=[frames_cache, "another speech encoder"])
    cached = ["cache-speech", speech, "--device", "cpu", "--speech-encoder", mimi]
    assert shell(*cached, "--codebooks", 5, "-o", tmp_path / "five").exit_code == 0
    refused(*replaced(line, "--frames", tmp_path / "five"), named=[tmp_path / "five", "another speech encoder"])
    refused(*replaced(distill_arguments, "--frames", tmp_path / "five"), named=["another speech encoder"])


def test_frames_that_were_encoded_with_other_silence(refused, shell, speech, whisper, distill_arguments, tmp_path):
    encoder = ["--speech-encoder", whisper, "--device", "cpu"]
    made = shell("cache-speech", speech, *encoder, "--encoder-silence", 0.5, "-o", tmp_path / "half")
    assert made.exit_code == 0, made.stderr
    front_end = open_front_end(SpeechEncoder(encoder=str(whisper), silence=0.5), device="cpu", dtype="float32")
    FramesCache(tmp_path / "half").check_encoder(front_end.identity, str(whisper))
    line = [*replaced(distill_arguments, "--frames", tmp_path / "half"), *encoder]
    refused(*line, named=[tmp_path / "half", "another speech encoder", "(other: silence)"])


def test_a_cache_that_was_made_with_another_encoder(refused, shell, speech, mimi, whisper, tmp_path):
    line = ["cache-speech", speech, "--limit", 2, "--device", "cpu", "--codebooks", 4, "--speech-encoder"]
    assert shell(*line, mimi, "-o", tmp_path / "output").exit_code == 0
    problem, _ = refused(*line, whisper)
    assert "made from something else" in problem


def test_an_encoder_that_has_changed_since_the_training(
    refused, shell, speech, mimi, text_lm, distill_arguments, tmp_path
):
    from transformers import MimiModel

    folder = tmp_path / "encoder"
    shutil.copytree(mimi, folder)
    place = distill_arguments.index("--frames")
    line = [*distill_arguments[:place], *distill_arguments[place + 2 :], "--codebooks", 4, "--speech-encoder", folder]
    line = replaced(replaced(line, "--max-steps", 1), "--save-steps", 1)
    assert shell(*line, "-o", tmp_path / "stage1").exit_code == 0
    codec = MimiModel.from_pretrained(folder)
    codec.quantizer.semantic_residual_vector_quantizer.layers[0].codebook.embed_sum += 1
    codec.save_pretrained(folder)
    measured = ["gap", tmp_path / "stage1", speech, "--teacher", text_lm, "--device", "cpu"]
    _, fix = refused(*measured, named=[folder, "other: weights"])
    assert "`speech_encoder`" in fix
    shutil.rmtree(folder)
    refused(*measured, named=[folder, "does not exist"])


@pytest.mark.parametrize("stored", ["nothing at all", "no sound"])
def test_audio_that_does_not_decode(stored, refused, write_rows, speech, mimi, tmp_path):
    rows = read_samples(speech, needed=["audio"], optional=[], limit=3).to_pylist()
    rows[1]["audio"] = {"bytes": b"RIFF" if stored == "no sound" else None, "path": None}
    source = write_rows(tmp_path / "rows.parquet", rows)
    line = ["cache-speech", source, "--speech-encoder", mimi, "--codebooks", 4, "--device", "cpu"]
    refused(*line, "--strict", named=[source, f"'{rows[1]['id']}'"])
    refused(*line, "--strict", "--dry-run", named=[source, f"'{rows[1]['id']}'"])
