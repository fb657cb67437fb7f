"""Weights written one tensor at a time are the bytes that safetensors writes at once."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from saladkit.errors import SaladError
from saladkit.formats.weights import Stored, read_shapes, write_tensors

TENSORS = {
    "a.bytes": np.arange(3, dtype=np.uint8),
    "b.long": np.arange(4, dtype=np.int64).reshape(2, 2),
    "c.half": np.arange(5, dtype=np.float16),
    "d.single": np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3),
    "e.scalar": np.array(7, dtype=np.float32),
    "f.empty": np.zeros((0, 4), dtype=np.float32),
}


def test_the_file_is_the_one_of_safetensors(tmp_path):
    save_file(TENSORS, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (shapes,) = read_shapes(tmp_path).values()
    assert shapes["d.single"] == Stored("F32", (2, 3)) and shapes["b.long"] == Stored("I64", (2, 2))

    def in_pieces(name):
        content = TENSORS[name].tobytes()
        return [content[:3], content[3:]]

    write_tensors(tmp_path / "ours", shapes, in_pieces)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "model.safetensors").read_bytes()
    found = load_file(tmp_path / "ours")
    assert all(np.array_equal(found[name], value) for name, value in TENSORS.items())


def test_too_few_bytes_are_a_bug(tmp_path):
    with pytest.raises(ValueError, match="has another number of bytes"):
        write_tensors(tmp_path / "ours", {"x": Stored("F32", (2,))}, lambda name: [b"1234"])


@pytest.mark.parametrize(
    "damage, said",
    [
        (lambda folder: None, "has neither model.safetensors nor"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"1234"), "cannot be read as weights"),
        (lambda folder: (folder / "model.safetensors.index.json").write_text("{}"), "is no index of weights"),
        (lambda folder: (folder / "model.safetensors.index.json").write_text("[]"), "is no index of weights"),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text('{"weight_map": {"x": "gone"}}'),
            "gone cannot be read as weights",
        ),
        (
            lambda folder: write_tensors(
                folder / "model.safetensors", {"x": Stored("BOOL", (1,))}, lambda name: [b"\0"]
            ),
            None,
        ),
    ],
    ids=["none", "damaged", "empty index", "list for an index", "missing shard", "whole"],
)
def test_files_that_cannot_be_read_are_refused(damage, said, tmp_path):
    damage(tmp_path)
    if said is None:
        assert read_shapes(tmp_path) == {"model.safetensors": {"x": Stored("BOOL", (1,))}}
        return
    with pytest.raises(SaladError) as raised:
        read_shapes(tmp_path)
    assert said in raised.value.problem and raised.value.fix
