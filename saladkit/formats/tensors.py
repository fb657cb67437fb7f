"""Read the safetensors files of artefacts, which may be damaged, by memory map."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from saladkit.errors import first_line
from saladkit.formats.records import damaged

_UNREADABLE = (SafetensorError, OSError, TypeError, AttributeError, KeyError)  # of data types that numpy lacks, too


class Tensors:
    """An open safetensors file; slices of its tensors are read on demand."""

    def __init__(self, path: Path):
        """Open the file.

        Raises:
            SaladError: the file is damaged.
        """
        self.path = path
        try:
            self._opened = safe_open(path, framework="numpy")
            self.names = frozenset(self._opened.keys())
        except _UNREADABLE as error:
            raise damaged(path, first_line(error)) from error
        self._slices: dict[str, Any] = {}

    def whole(self, name: str) -> np.ndarray:
        """Return a whole tensor.

        Raises:
            SaladError: the file has no such tensor.
        """
        try:
            return self._opened.get_tensor(name)
        except _UNREADABLE as error:
            raise damaged(self.path, first_line(error)) from error

    def rows(self, name: str, begin: int, end: int) -> np.ndarray:
        """Return rows [begin, end) of a tensor.

        Raises:
            SaladError: the file has no such tensor, or fewer rows.
        """
        try:
            opened = self._slice(name)
            shape = opened.get_shape()
            if begin == end == shape[0]:  # which safetensors refuses to slice
                return self.whole(name)[begin:end]
            return opened[begin:end]
        except (*_UNREADABLE, IndexError) as error:
            raise damaged(self.path, first_line(error)) from error

    def offsets(self, name: str, *tensors: str) -> np.ndarray:
        """Return a tensor of places in others: where the rows of each item begin, and where those of the last end.

        Args:
            tensors: the tensors, whose rows end where the last item does.

        Raises:
            SaladError: the file has no such tensors, or they do not fit each other.
        """
        found = self.whole(name)
        fits = found.dtype == np.int64 and found.ndim == 1 and len(found) and found[0] == 0
        if not fits or (np.diff(found) < 0).any() or any(self.length(tensor) != found[-1] for tensor in tensors):
            raise damaged(self.path, f"'{name}' does not fit the other tensors")
        return found

    def kind(self, name: str) -> tuple[str, int]:
        """Return the data type of a tensor, by the format's name, and the number of its dimensions.

        Raises:
            SaladError: the file has no such tensor.
        """
        try:
            opened = self._slice(name)
            return opened.get_dtype(), len(opened.get_shape())
        except _UNREADABLE as error:
            raise damaged(self.path, first_line(error)) from error

    def length(self, name: str) -> int | None:
        """Return the number of rows of a tensor; None of a single number."""
        return self._slice(name).get_shape()[0] if self.kind(name)[1] else None

    def _slice(self, name: str) -> Any:
        if name not in self._slices:
            self._slices[name] = self._opened.get_slice(name)
        return self._slices[name]
