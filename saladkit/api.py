"""Use as a library: three functions that are promised to stay.

Their arguments and results change only with a new major version. Everything else in the package may move; every
command is one function as well, such as `saladkit.stages.gap.gap(checkpoint, samples, output, settings)`.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.sources import samples
from saladkit.teacher.distributions import shared_vocabulary
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import CachedTeacher

__all__ = ["load_checkpoint", "read_samples", "teacher_kl"]


def read_samples(source: str | Path, needed: tuple[str, ...] = ("id", "text"), limit: int | None = None) -> pa.Table:
    """Read any samples (docs/sources.md) into one table.

    Args:
        source: artefact, Parquet or JSON-lines file, manifest of NeMo or Lhotse, folder of recordings, name of a
            benchmark or of a data set on the Hub.
        needed: columns that must have a value in every row; further columns are read too.
        limit: read at most this many rows.

    Raises:
        SaladError: the source cannot be read, or a column or value is missing.
    """
    return samples.read_samples(source, needed=list(needed), limit=limit)


def load_checkpoint(
    folder: str | Path, device: str = "cpu", dtype: str = "float32"
) -> tuple[SaladForCausalLM, SaladProcessor]:
    """Load a checkpoint of `distill` or `align`: the model in evaluation mode, and its processor.

    Raises:
        SaladError: the folder is not a checkpoint, or it is damaged.
    """
    return load_salad_model(folder, dtype=dtype, device=device).eval(), load_processor(folder)


def teacher_kl(cache: str | Path | TeacherCache, token_ids: np.ndarray, logits: torch.Tensor) -> torch.Tensor:
    """Compute KL(teacher || student) at every position of a cached text, for your own training loop.

    Args:
        cache: teacher cache, made by `cache-teacher`; its folder, or for a loop `TeacherCache(folder)`, which is opened
            once.
        token_ids: tokens of the text as in the cache, int [n].
        logits: the student's logits of tokens 1 to n - 1, float [n - 1, V], or of these and of what follows the text,
            [n, V]; divided by the cache's temperature.

    Returns:
        The divergence in nats, float [n - 1] or [n], differentiable in `logits`; exact over the classes that the cache
        keeps (`teacher/losses.py`). If the teacher's head has another size, both are cut to the smaller one.

    Raises:
        SaladError: the folder is not a teacher cache, the cache does not hold the text, or the logits are neither of n
            nor of n - 1 positions.
    """
    tokens = np.asarray(token_ids, dtype=np.int32)
    stored = cache if isinstance(cache, TeacherCache) else TeacherCache(cache)
    if not stored.has(tokens):
        raise SaladError(
            f"{stored.name} does not hold this text of {len(tokens)} tokens",
            "Run `saladkit cache-teacher` on it, and pass the tokens of the whole text.",
        )
    if len(tokens) - len(logits) not in (0, 1):
        raise SaladError(
            f"{len(logits)} positions with logits for a text of {len(tokens)} tokens",
            "Pass the logits behind every token, or behind every token but the last.",
        )
    scored = logits.shape[-1]
    vocabulary = shared_vocabulary(scored, scored, stored.identity["vocabulary"])
    teacher = CachedTeacher(stored, vocabulary)
    targets = np.arange(1, len(logits) + 1)
    return forward_kl(teacher.distributions([tokens], [targets], logits.device), logits[:, :vocabulary])
