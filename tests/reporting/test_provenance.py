"""The training data of a model, found through the manifests of its run."""

from written_run import write_checkpoint, write_samples

from saladkit.formats.artefact import digest_path
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.provenance import added_speech, training_of


def test_a_mean_has_learned_from_the_speech_of_all_its_checkpoints(tmp_path):
    spoken = [tmp_path / name for name in ("natural", "active")]
    for folder in spoken:
        write_samples(folder, [{"id": folder.name, "text": "one"}])
    write_checkpoint(tmp_path / "stage1", {"data 0": spoken[0]}, "distill")
    write_checkpoint(tmp_path / "stage2", {"data 0": spoken[0], "data 1": spoken[1]}, "align")
    parts = {f"checkpoint {i}": tmp_path / name for i, name in enumerate(("stage1", "stage2"))}
    write_checkpoint(tmp_path / "mean", parts, "average")
    inventory = Inventory(tmp_path)
    base, mean = (training_of(inventory, digest_path(tmp_path / name)) for name in ("stage1", "mean"))
    assert [found.name for found in mean.speech] == ["natural", "active"] and mean.metrics == []
    assert [found.name for found in added_speech(mean, base)] == ["active"]
