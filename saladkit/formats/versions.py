"""The version of each schema that this saladkit writes, and the only one that it reads."""

from saladkit.formats import (
    checkpoint,
    frames_cache,
    gap_table,
    layouts_cache,
    regions,
    results,
    rollouts,
    samples,
    scaling,
    teacher_cache,
    times_export,
    word_times,
)

_FORMATS = (
    *(checkpoint, frames_cache, gap_table, layouts_cache, regions, results, rollouts, samples, scaling, teacher_cache),
    *(times_export, word_times),
)
VERSIONS: dict[str, int] = {of.SCHEMA: of.VERSION for of in _FORMATS}
