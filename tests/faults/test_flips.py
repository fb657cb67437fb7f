"""Fifty random flips of a checkpoint and of a teacher cache: every one is named, and none is trained on."""

import json
import random
import shutil

import pytest
from damage import flip, stored_files

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.settings.verify import VerifySettings
from saladkit.stages.verify import verify

pytestmark = pytest.mark.faults
FLIPS = 50


def weighted_file(folder, generator):
    """A file of an artefact, drawn by its size."""
    files = stored_files(folder)
    return generator.choices(files, [(folder / file).stat().st_size for file in files])[0]


@pytest.fixture(params=["checkpoint", "teacher_cache"])
def artefact(request, tmp_path):
    return shutil.copytree(request.getfixturevalue(request.param), tmp_path / "artefact")


def test_random_flips_are_noticed_and_named(artefact):
    """Half of the flips are drawn by size, which hits weights and distributions; half by file."""
    generator = random.Random(0)
    for number in range(FLIPS):
        file = weighted_file(artefact, generator) if number % 2 else generator.choice(stored_files(artefact))
        before = (artefact / file).read_bytes()
        if not before:
            continue
        flip(artefact / file, generator)
        found = verify([str(artefact)], VerifySettings())
        assert [damage["file"] for damage in found["damaged"]] == [file]
        (artefact / file).write_bytes(before)
    assert verify([str(artefact)], VerifySettings())["intact"]


def test_fifty_flips_of_the_weights_are_never_trained_on(checkpoint, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "copy")
    path, generator = tmp_path / "copy" / "stable" / "model.safetensors", random.Random(3)
    whole = path.read_bytes()
    for _ in range(FLIPS):
        flip(path, generator)
        with pytest.raises(SaladError, match="its content has changed"):
            check_model_folder(path.parent)
        path.write_bytes(whole)
    check_model_folder(path.parent)


def test_flips_of_the_configuration_are_refused_but_for_places(checkpoint, tmp_path):
    """A flip in the name of the encoder says that it has moved; every other one is noticed."""
    folder, generator, places = shutil.copytree(checkpoint, tmp_path / "copy"), random.Random(5), 0
    for path in (folder / "config.json", folder / "stable" / "config.json"):
        whole = path.read_bytes()
        for _ in range(FLIPS):
            flip(path, generator)
            try:
                check_model_folder(path.parent)
            except SaladError as error:
                assert str(path) in error.problem
            else:
                places += 1
                before, after = json.loads(whole), json.loads(path.read_text())
                assert {name for name in before if before[name] != after.get(name)} == {"speech_encoder"}
            path.write_bytes(whole)
        check_model_folder(path.parent)
    assert places < FLIPS / 10


def test_a_configuration_of_another_shape_is_refused(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "copy")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"]["rms_norm_eps"] *= 2
    path.write_text(json.dumps(config))
    with pytest.raises(SaladError, match="more has changed than where its text LLM and its encoder are"):
        check_model_folder(folder)
