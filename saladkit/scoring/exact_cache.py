"""Check that a teacher cache is exact enough to measure the gap with, and report how exact it is."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import SUMMARY, is_artefact
from saladkit.formats.files import read_json
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.loading import load_tokenizer
from saladkit.rows.tokens import tokenizer_digest


def cache_for_gap(teacher: str, checkpoint: str) -> TeacherCache | None:
    """Open the teacher cache at `teacher`; return None if `teacher` is a text LLM, which is run instead.

    Raises:
        SaladError: the teacher has another tokenizer than the checkpoint, or the cache holds random draws or was made
            at a temperature other than 1.
    """
    digest = tokenizer_digest(load_tokenizer(checkpoint))
    if not is_artefact(teacher) or (Path(teacher) / "config.json").exists():
        if tokenizer_digest(load_tokenizer(teacher)) != digest:
            raise SaladError(
                f"{teacher} has another tokenizer than {checkpoint}", "Give the text LLM that it was made from."
            )
        return None
    cache = TeacherCache(teacher)
    cache.check_tokenizer(digest, checkpoint)
    _check_exact_enough(cache)
    return cache


def _check_exact_enough(cache: TeacherCache) -> None:
    if cache.sampled:
        raise SaladError(
            f"{cache.artefact.path} holds draws (random tokens), which give a KL divergence only on average",
            "Give the text LLM, or a cache made with --keep top-k.",
        )
    if cache.identity["temperature"] != 1:
        raise SaladError(
            f"{cache.artefact.path} was made at temperature {cache.identity['temperature']:g}",
            "Give the text LLM, or a cache made at temperature 1.",
        )


def precision_of(cache: TeacherCache | None) -> dict:
    """Return how exact a cache is, for the summary: `top_k`, `kept_mass`, and what `cache-teacher --verify` found.

    Empty without a cache.
    """
    if cache is None:
        return {}
    summary = cache.artefact.path / SUMMARY
    verified = read_json(summary).get("verified") if summary.is_file() else None
    known = {"top_k": cache.identity["top_k"], "kept_mass": cache.artefact.manifest["counts"]["kept_mass"]}
    return {"teacher_cache": known | ({"verified": verified} if verified else {})}
