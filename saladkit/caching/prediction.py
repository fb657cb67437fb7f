"""Predict how large a teacher cache will be and how long it will take, from a few batches that are run."""

import time

import numpy as np

from saladkit.caching.earlier_caches import EarlierCaches
from saladkit.caching.running_teacher import RunningTeacher
from saladkit.formats.teacher_cache import predicted_bytes
from saladkit.rows.distinct_texts import DistinctTexts

PROBES = 3  # batches that are timed, from the shortest texts to the longest


def predict(teacher: RunningTeacher, texts: DistinctTexts, earlier: EarlierCaches) -> dict:
    """Return the bytes of the whole cache, and the seconds for the texts that no earlier cache holds."""
    batches = list(teacher.batches([tokens for _, tokens in texts.rows if not earlier.has(tokens)]))
    padded = [len(batch) * len(batch[-1]) for batch in batches]
    probes = sorted({round(i * (len(batches) - 1) / (PROBES - 1)) for i in range(PROBES)} if batches else [])
    seconds: float = 0.0
    distinct: list[float] = []
    for index in [*probes[:1], *probes]:
        started = time.monotonic()
        tensors = teacher.encode(batches[index])
        distinct.append(tensors[0].float().mean().item())
        # The first run warms up and does not count.
        seconds = 0.0 if len(distinct) == 1 else seconds + time.monotonic() - started
    rate = sum(padded[index] for index in probes) / max(seconds, 1e-6)
    size = predicted_bytes(teacher.identity, len(texts.rows), texts.positions, float(np.mean(distinct or [0.0])))
    return {"bytes": size, "predicted_seconds": round(sum(padded) / rate, 3) if probes else 0.0}
