"""`verify`: every damaged file of an artefact is named, with what to make again; damaged checkpoints are not used."""

import json
import random
import shutil

import pytest
from damage import flip, stored_files

import saladkit.caching.filling as filling
import saladkit.stages.cache_speech as cache_speech
import saladkit.stages.synth as synth
from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, is_artefact
from saladkit.formats.checkpoint import check_model_folder
from saladkit.settings.verify import VerifySettings
from saladkit.stages.verify import verify


@pytest.fixture(params=["checkpoint", "teacher_cache"])
def artefact(request, tmp_path):
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / "artefact")


def test_whole_artefacts_are_intact(checkpoint, teacher_cache, speech, frames_cache, shell):
    result = shell("verify", checkpoint, teacher_cache, speech, frames_cache)
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found["intact"] and found["damaged"] == []
    assert found["files"] == sum(len(stored_files(f)) - 1 for f in (checkpoint, teacher_cache, speech, frames_cache))
    assert (checkpoint / "stable" / "moments.safetensors").is_file()  # one of the files that were read


@pytest.mark.parametrize("damage", ["truncated", "longer", "empty", "missing", "a folder"])
def test_other_damage_is_named(damage, artefact, shell):
    file = max(stored_files(artefact), key=lambda name: (artefact / name).stat().st_size)
    path = artefact / file
    data = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"truncated": data[:-1], "longer": data + b"\0", "empty": b""}[damage])
    result = shell("verify", artefact)
    (found,) = json.loads(result.stdout)["damaged"]
    assert (result.exit_code, found["file"]) == (1, file)
    assert f"{file}: it " in result.stderr


def test_several_folders_are_told_apart(artefact, speech, shell):
    generator = random.Random(1)
    damaged = generator.sample(stored_files(artefact)[1:], 2)
    for file in damaged:
        (artefact / file).write_bytes(b"other")
    found = json.loads(shell("verify", speech, artefact).stdout)["damaged"]
    assert {(one["folder"], one["file"]) for one in found} == {(str(artefact), file) for file in damaged}


@pytest.mark.parametrize("entry", ["settings", "counts", "digest", "fingerprint"])
def test_an_edited_manifest_is_noticed(entry, artefact):
    manifest = json.loads((artefact / MANIFEST).read_text())
    manifest[entry] = "other"
    (artefact / MANIFEST).write_text(json.dumps(manifest))
    (found,) = verify([str(artefact)], VerifySettings())["damaged"]
    assert found["file"] == MANIFEST


LINES = {
    "synth": (synth, "ROWS_PER_PART", ["synth", "{natural}", "--voice", "espeak:en-us", "--workers", 1]),
    "cache-teacher": (filling, "ROWS_PER_PART", ["cache-teacher", "{natural}", "--model", "{lm}", "--device", "cpu"]),
    "cache-speech": (cache_speech, "ROWS_PER_PART", ["cache-speech", "{speech}", "--mel-bins", 16]),
}


@pytest.mark.parametrize("command", LINES)
def test_a_reopened_artefact_gets_its_damaged_parts_again(
    command, world, text_lm, speech, shell, contents, tmp_path, monkeypatch
):
    room, name, line = LINES[command]
    monkeypatch.setattr(room, name, 6)
    places = {"natural": world / "natural.parquet", "lm": text_lm, "speech": speech}
    line = [*(str(word).format(**places) for word in line), "-o", tmp_path / "out"]
    assert shell(*line).exit_code == 0
    whole = contents(tmp_path / "out")
    generator = random.Random(0)
    damaged = generator.sample([file for file in stored_files(tmp_path / "out") if "part-" in file], 2)
    kept = {file: (tmp_path / "out" / file).stat().st_mtime_ns for file in whole if file.startswith("part-")}
    for file in damaged:
        flip(tmp_path / "out" / file, generator)
    told = json.loads(shell("verify", tmp_path / "out").stdout)["damaged"]
    assert all("--reopen" in one["fix"] and one["part"] in one["fix"] for one in told)
    assert shell("verify", "--reopen", tmp_path / "out").exit_code == 1
    assert is_artefact(tmp_path / "out") and not (tmp_path / "out" / MANIFEST).exists()
    assert shell("verify", tmp_path / "out").exit_code == 2  # it is unfinished
    assert shell(*line).exit_code == 0
    assert contents(tmp_path / "out") == whole
    made = {file for file, then in kept.items() if (tmp_path / "out" / file).stat().st_mtime_ns != then}
    assert len({file.partition(".")[0] for file in made}) <= len(damaged)


def test_what_is_made_once_cannot_be_made_alone(checkpoint, tmp_path, shell):
    shutil.copytree(checkpoint, tmp_path / "copy")
    flip(tmp_path / "copy" / "model.safetensors", random.Random(0))
    (found,) = json.loads(shell("verify", "--reopen", tmp_path / "copy").stdout)["damaged"]
    assert found["part"] is None and "--overwrite" in found["fix"]
    assert (tmp_path / "copy" / MANIFEST).exists()


@pytest.mark.parametrize("what", ["nothing", "other files", "unfinished"])
def test_what_cannot_be_verified(what, checkpoint, tmp_path, shell):
    (tmp_path / "place").mkdir()
    if what == "other files":
        (tmp_path / "place" / "model.safetensors").write_bytes(b"x")
    if what == "unfinished":
        (tmp_path / "place" / "plan.json").write_text('{"fingerprint": "f"}')
    result = shell("verify", checkpoint, tmp_path / "place")
    assert result.exit_code == 2 and result.stdout == ""
    assert ("is not finished" if what == "unfinished" else "is no artefact") in result.stderr


USED = ["model.safetensors", "tokenizer.json", "processor_config.json", "generation_config.json"]


@pytest.mark.parametrize("below", ["", "stable"])
@pytest.mark.parametrize("file", USED)
@pytest.mark.parametrize("truncated", [False, True], ids=["flipped", "truncated"])
def test_a_damaged_checkpoint_is_named_and_not_used(truncated, file, below, checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "copy")
    folder, path = tmp_path / "copy" / below, tmp_path / "copy" / below / file
    check_model_folder(folder)
    if truncated:
        path.write_bytes(path.read_bytes()[:-1])
    else:
        flip(path, random.Random(0))
    with pytest.raises(SaladError) as raised:
        check_model_folder(folder)
    assert str(path) in raised.value.problem


@pytest.mark.parametrize("file", ["model.safetensors", "moments.safetensors"])
def test_no_training_begins_from_damaged_weights_or_moments(file, checkpoint, speech, world, text_lm, tmp_path, shell):
    shutil.copytree(checkpoint, tmp_path / "copy")
    path = tmp_path / "copy" / "stable" / file
    data = bytearray(path.read_bytes())
    data[-9] ^= 4  # in the last tensor
    path.write_bytes(data)
    line = ["align", tmp_path / "copy", "--data", f"{speech}:1", "--replay", world / "pool.parquet"]
    line += ["--teacher", text_lm, "--max-steps", 2, "--device", "cpu", "--per-device-train-batch-size", 2]
    result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert str(path) in result.stderr and "its content has changed" in result.stderr
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_a_checkpoint_without_its_manifest_may_have_been_changed(checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "copy")
    flip(tmp_path / "copy" / "model.safetensors", random.Random(0))
    (tmp_path / "copy" / MANIFEST).unlink()
    check_model_folder(tmp_path / "copy")
