"""The weighted mean of the weights of checkpoints, tensor by tensor, without loading a model.

Of checkpoints that hold only what was trained, the mean of LoRA's products is kept: sum_i w_i B_i A_i is itself a LoRA,
of the rank of all together, with A = [A_1; A_2; …] and B = [w_1 B_1, w_2 B_2, …]. The means of A and of B alone would
multiply to something else.
"""

import copy
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from saladkit.errors import SaladError
from saladkit.formats.weights import INDEX, Stored, read_shapes, write_tensors
from saladkit.model.configuration import SaladConfig
from saladkit.model.loading import load_processor
from saladkit.model.lora import is_lora_weight
from saladkit.model.same_kind import ONE_START, check_same_kind

PIECE = 1 << 20  # elements that are averaged at once
FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class WeightAverage:
    """The weighted mean of n checkpoints of one kind, which is written file by file.

    Attributes:
        folders: the checkpoints.
        weights: their weights, [n], together 1.
        config: configuration of the mean: the first's, with the LoRA of all.
        files: data types and shapes of the tensors of each file of the mean; files are cut as the first's.
        places: for each checkpoint the file of each of its tensors.
    """

    folders: tuple[Path, ...]
    weights: tuple[float, ...]
    config: SaladConfig
    files: dict[str, dict[str, Stored]]
    places: tuple[dict[str, str], ...]

    @classmethod
    def open(cls, checkpoints: Sequence[str | Path], weights: tuple[float, ...]) -> "WeightAverage":
        """Open checkpoints, and check that their weights can be averaged.

        Raises:
            SaladError: they are not of one kind, or weights are missing, damaged or of other shapes.
        """
        check_same_kind(checkpoints)
        folders = tuple(Path(name) for name in checkpoints)
        shapes = [read_shapes(folder) for folder in folders]
        for folder, found in zip(folders[1:], shapes[1:], strict=True):
            _check_same_shapes(folders[0], shapes[0], folder, found)
        count, config = len(folders), copy.deepcopy(SaladConfig.from_pretrained(folders[0]))
        if config.lora is not None:  # alpha / rank stays what it was
            alpha = config.lora["alpha"]
            config.lora |= {"rank": count * config.lora["rank"], "alpha": alpha and count * alpha}
        files = {
            file: {name: _joined_shape(name, stored, count) for name, stored in of_file.items()}
            for file, of_file in shapes[0].items()
        }
        places = tuple({name: file for file, of_file in found.items() for name in of_file} for found in shapes)
        return cls(folders, weights, config, files, places)

    def write(self, file: str, path: Path) -> None:
        """Write one of `files` to `path`.

        Raises:
            SaladError: a tensor that is not trained differs between checkpoints.
        """
        shapes = self.files[file]
        write_tensors(path, shapes, lambda name: map(_bytes_of, self._pieces(name, shapes[name])))

    def write_about(self, folder: Path) -> None:
        """Write what is beside the weights, as the first's: configuration, tokenizer, index of shards."""
        first = self.folders[0]
        for name in ("config.json", "generation_config.json", INDEX):
            if (first / name).is_file():
                shutil.copyfile(first / name, folder / name)
        if self.config.lora is not None:
            stored = json.loads((first / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(stored | {"lora": self.config.lora}, indent=2) + "\n")
        load_processor(first).save_pretrained(folder)

    def _pieces(self, name: str, stored: Stored) -> Iterator[Tensor]:
        tensors = [
            self._read(folder / places[name], name) for folder, places in zip(self.folders, self.places, strict=True)
        ]
        if is_lora_weight(name):
            rank = self.config.lora["rank"] // len(tensors)  # type: ignore[index]  # LoRA's tensors come with its shape
            return iter([join_lora(name, tensors, self.weights, rank)])
        if stored.dtype in FLOATS and not self._is_frozen(name):
            return mean_in_pieces(tensors, self.weights)
        for folder, tensor in zip(self.folders, tensors, strict=True):
            if tensor.dtype != tensors[0].dtype or not torch.equal(tensor, tensors[0]):
                raise SaladError(f"{folder} has another {name} than {self.folders[0]}: it is not trained", ONE_START)
        return iter(tensors[:1])

    def _is_frozen(self, name: str) -> bool:
        return self.config.frozen_encoder is not None and name.startswith("speech_encoder.")

    @staticmethod
    def _read(path: Path, name: str) -> Tensor:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)  # mapped: its bytes are read where they are needed


def mean_in_pieces(tensors: Sequence[Tensor], weights: Sequence[float]) -> Iterator[Tensor]:
    """Yield the weighted mean of tensors of one shape, flat, in pieces, in the data type of the first.

    It is computed in float64 and rounded once, so the mean of equal tensors is that tensor.
    """
    flat = [tensor.reshape(-1) for tensor in tensors]
    for begin in range(0, len(flat[0]), PIECE):
        total = torch.zeros(len(flat[0][begin : begin + PIECE]), dtype=torch.float64)
        for weight, tensor in zip(weights, flat, strict=True):
            total += weight * tensor[begin : begin + PIECE].double()
        yield total.to(flat[0].dtype)


def join_lora(name: str, tensors: Sequence[Tensor], weights: Sequence[float], rank: int) -> Tensor:
    """Return A or B of the LoRA whose product is the weighted mean of the products of n LoRAs.

    Args:
        name: name of the tensors, which says whether they are A or B.
        tensors: n matrices A [experts * rank, in] or B [out, rank * experts], as peft orders them; 1 expert for a
            linear layer.
        weights: of the LoRAs, n.
        rank: of each LoRA.
    """
    first = tensors[0]
    if ".lora_A." in name:
        parts = [tensor.reshape(-1, rank, tensor.shape[1]) for tensor in tensors]
        return torch.cat(parts, dim=1).reshape(-1, first.shape[1]).to(first.dtype)
    parts = [
        (weight * tensor.double()).to(first.dtype).reshape(tensor.shape[0], rank, -1)
        for weight, tensor in zip(weights, tensors, strict=True)
    ]
    return torch.cat(parts, dim=1).reshape(first.shape[0], -1)


def _joined_shape(name: str, stored: Stored, count: int) -> Stored:
    """Return the shape of what `join_lora` makes of `count` tensors of this shape; other shapes stay."""
    if not is_lora_weight(name):
        return stored
    rows, columns = stored.shape
    return Stored(stored.dtype, (count * rows, columns) if ".lora_A." in name else (rows, count * columns))


def _check_same_shapes(first: Path, expected: dict, folder: Path, found: dict) -> None:
    """Raise a SaladError unless two checkpoints have tensors of the same names and shapes."""
    one, other = (
        {name: stored.shape for of_file in files.values() for name, stored in of_file.items()}
        for files in (expected, found)
    )
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            raise SaladError(
                f"{folder} has {name} of shape {other.get(name)}, and {first} of {one.get(name)}", ONE_START
            )


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
