"""Earlier teacher caches, whose rows are copied instead of computed."""

from dataclasses import dataclass

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import CachedRow, TeacherCache


@dataclass(frozen=True)
class EarlierCaches:
    """Caches of the same teacher, which keep the same of each distribution."""

    caches: list[TeacherCache]

    @classmethod
    def open(cls, paths: tuple[str, ...], identity: dict) -> "EarlierCaches":
        """Open the caches.

        Args:
            identity: entries that the identity of each cache must have (`running_teacher.identity_of`).

        Raises:
            SaladError: a path is not a complete teacher cache, or has another identity.
        """
        return cls([_open(path, identity) for path in paths])

    def has(self, token_ids: np.ndarray) -> bool:
        """Whether one of the caches holds a text, token ids int32 [n]."""
        return any(cache.has(token_ids) for cache in self.caches)

    def row(self, token_ids: np.ndarray) -> CachedRow | None:
        """Return the distributions of a text from the first cache that holds the text; None if no cache does."""
        return next((cache.row(token_ids) for cache in self.caches if cache.has(token_ids)), None)


def _open(path: str, identity: dict) -> TeacherCache:
    cache = TeacherCache(path)
    other = [key for key, value in identity.items() if cache.identity.get(key) != value]
    if other:
        raise SaladError(
            f"{path} was made of another teacher or with other settings (other: {', '.join(other)})",
            "Reuse a cache of the same model with the same --keep, --temperature, --dtype and size.",
        )
    return cache
