"""Several teacher caches as one: a text is looked up in each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import CachedRow, TeacherCache

# What the caches must agree on, and what to give `cache-teacher` so that they do; `draws` may differ.
AGREED = {
    "model": "--model",
    "tokenizer": "--model",
    "vocabulary": "--model",
    "temperature": "--temperature",
    "keep": "--keep",
}
OF_TOP_K = {"top_k": "--top-k"}


class JoinedTeacherCaches:
    """Complete teacher caches that agree on what they hold; read like one `TeacherCache`."""

    def __init__(self, paths: Sequence[str | Path]):
        """Open the caches.

        Raises:
            SaladError: a path is not a complete teacher cache, or two of them disagree.
        """
        self.caches = [TeacherCache(path) for path in paths]
        self.identity: dict = self.caches[0].identity
        self.sampled = self.caches[0].sampled
        agreed = AGREED if self.sampled else AGREED | OF_TOP_K
        for other in self.caches[1:]:
            for name, option in agreed.items():
                if other.identity[name] != self.identity[name]:
                    raise SaladError(
                        f"{paths[0]} and {other.name} differ in {name}, so they are not one teacher",
                        f"Make both with the same {option} of `saladkit cache-teacher`.",
                    )

    @property
    def name(self) -> str:
        """The paths, for messages."""
        return " and ".join(cache.name for cache in self.caches)

    def has(self, token_ids: np.ndarray | list[int]) -> bool:
        """Return whether one of the caches holds this text."""
        return any(cache.has(token_ids) for cache in self.caches)

    def row(self, token_ids: np.ndarray | list[int]) -> CachedRow:
        """Return the distributions of a text from the first cache that holds it; else as `TeacherCache.row`."""
        return next((cache for cache in self.caches if cache.has(token_ids)), self.caches[0]).row(token_ids)
