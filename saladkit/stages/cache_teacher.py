"""`cache-teacher`: the frozen text LLM's next-token distributions, once for every voice, epoch and round."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.background import InBackground
from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.formats.artefact import ArtefactWriter, create_artefact
from saladkit.formats.checkpoint import model_digest
from saladkit.formats.files import part_name
from saladkit.formats.teacher_cache import (
    SCHEMA,
    VERSION,
    CachedRow,
    TeacherCache,
    predicted_bytes,
    read_column,
    write_cache_part,
)
from saladkit.machine import resolve_device
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.progress import progress, say
from saladkit.rows.distinct_texts import DistinctTexts, read_distinct_texts
from saladkit.rows.tokens import sets_bos, tokenizer_digest
from saladkit.runtime import Run
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.teacher.distributions import TopKDistributions
from saladkit.teacher.encodings import Encoding, Sampled, TopK, encode_texts, to_rows, vocabulary_of
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import CachedTeacher, LiveTeacher

ROWS_PER_PART, TOKENS_PER_PART = 8192, 2**21
PROBES = 3  # batches that a dry run times, from the shortest texts to the longest


def cache_teacher(
    sources: list[str],
    output: str | Path,
    *,
    model: str,
    keep: str = "top-k",
    top_k: int = 32,
    draws: int = 50,
    temperature: float = 1.0,
    max_length: int = 2048,
    batch_tokens: int = 8192,
    reuse: tuple[str, ...] = (),
    verify: int = 0,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    num_shards: int = 1,
    shard_index: int = 0,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Store the sparse distributions of every distinct text in `sources`.

    Texts of more than `max_length` tokens are split between words. Texts that a cache of `reuse` holds are copied from
    there. With `verify`, so many texts of the finished cache, drawn by `seed`, are run through the text LLM again. A
    dry run times a few batches.

    Args:
        keep: `top-k`, the `top_k` most likely tokens and the mass of the rest; or `sampled`, `draws` draws by `seed`.

    Returns:
        The summary: rows, positions, bytes and seconds per position, mean kept mass; and what was verified.

    Raises:
        SaladError: unreadable samples, no such model, a cache to reuse of another teacher, or no text of a length that
            can be cached.
    """
    run = Run("cache-teacher")
    tokenizer = load_tokenizer(model)
    texts = read_distinct_texts(sources, tokenizer, max_length, names, limit)
    if texts.split:
        say(f"cache-teacher: {texts.split} texts have more than {max_length} tokens and are split between words")
    if texts.positions == 0:
        raise SaladError(
            f"no text of {', '.join(sources)} has from 2 to {max_length} tokens",
            "Give longer texts, or raise --max-length.",
        )
    encoding = TopK(top_k, temperature) if keep == "top-k" else Sampled(draws, temperature)
    kept = {"keep": keep, **({"top_k": top_k} if keep == "top-k" else {"draws": draws, "seed": seed})}
    identity = kept | {
        "model": model_digest(model),
        "tokenizer": tokenizer_digest(tokenizer),
        "sets_bos": sets_bos(tokenizer),
        "temperature": temperature,
        "dtype": dtype,
    }
    earlier = [_earlier(path, identity) for path in reuse]
    reused = sum(any(cache.has(tokens) for cache in earlier) for _, tokens in texts.rows)
    counts = {"rows": len(texts.rows), "rows_split": texts.split, "positions": texts.positions}
    plan = counts | {"skipped": len(texts.skipped), "reused": reused}
    if dry_run:
        missing = [tokens for _, tokens in texts.rows if not any(cache.has(tokens) for cache in earlier)]
        device = resolve_device(device)
        language_model = load_text_model(model, dtype=dtype, device=device).eval()
        identity["vocabulary"] = vocabulary_of(language_model)
        options = {"batch_tokens": batch_tokens, "device": device, "seed": seed, "identity": identity}
        return run.summary({"dry_run": True, **plan, **_predicted(language_model, texts, missing, encoding, options)})
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="cache-teacher",
        settings=kept
        | {
            "temperature": temperature,
            "max_length": max_length,
            "dtype": dtype,
            "limit": limit,
            "columns": vars(names),
        },
        inputs={"model": model}
        | {f"samples {index}": source for index, source in enumerate(sources)}
        | {f"reuse {index}": path for index, path in enumerate(reuse)},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None and not verify:
        return writer.finished
    device = resolve_device(device)
    language_model = load_text_model(model, dtype=dtype, device=device).eval()
    if writer.finished is not None:
        return writer.finished | _verified(writer.path, language_model, texts.rows, verify, seed, device)
    identity["vocabulary"] = vocabulary_of(language_model)
    job = _Job(writer, language_model, encoding, identity, earlier, batch_tokens, device, seed)
    parts = texts.parts(ROWS_PER_PART, TOKENS_PER_PART)
    begun = time.monotonic()
    with progress(None, total=len(texts.rows), what="cache-teacher", unit="text") as bar:
        computed = job.write(parts, [i for i in range(len(parts)) if i % num_shards == shard_index], bar)
    per_second = round(computed / max(time.monotonic() - begun, 0.01))
    if not writer.has_all(name for i in range(len(parts)) for name in job.files(i, len(parts))):
        return run.summary({"shards_missing": True, **plan})
    stored = sum((writer.path / name).stat().st_size for name in writer.files)
    counts["bytes_per_position"] = round(stored / texts.positions, 1)
    writer.finish(counts=counts | job.statistics(len(parts)), skipped=texts.skipped, identity=identity)
    further = {"reused": reused, "skipped": len(texts.skipped), "positions_per_second": per_second}
    summary = run.summary(counts | job.statistics(len(parts)) | further, writer)
    return summary | (_verified(writer.path, language_model, texts.rows, verify, seed, device) if verify else {})


@dataclass(frozen=True)
class _Job:
    """What it takes to fill the parts of a cache."""

    writer: ArtefactWriter
    model: PreTrainedModel
    encoding: Encoding
    identity: dict
    earlier: list[TeacherCache]
    batch_tokens: int
    device: str
    seed: int

    def files(self, part: int, parts: int) -> list[str]:
        return [part_name(part, parts, suffix) for suffix in (".safetensors", ".parquet")]

    def write(self, parts: list[list], mine: list[int], bar: progress) -> int:
        """Fill the parts that are mine and not there; how many positions were computed.

        The model runs here; what it made is brought from the device, cut into rows and written by another thread.
        """
        computed = 0
        with InBackground() as background:
            for index in mine:
                if self.writer.has_all(self.files(index, len(parts))):
                    bar.update(len(parts[index]))
                    continue
                stored = [_stored(tokens, self.earlier) for _, tokens in parts[index]]
                missing = [t for (_, t), row in zip(parts[index], stored, strict=True) if row is None]
                made: list[CachedRow] = []
                for places in batches_by_length([len(tokens) for tokens in missing], padded=self.batch_tokens):
                    batch = [missing[place] for place in places]
                    tensors = encode_texts(self.model, batch, self.encoding, self.device, self.seed)
                    background.put(self._receive, made, tensors, [len(tokens) - 1 for tokens in batch])
                    computed += sum(len(tokens) - 1 for tokens in batch)
                    bar.update(len(batch))
                bar.update(len(parts[index]) - len(missing))
                background.put(self._finish, self.files(index, len(parts))[0], parts[index], stored, made)
        return computed

    def _receive(self, made: list[CachedRow], tensors: tuple[torch.Tensor, ...], lengths: list[int]) -> None:
        made += to_rows(tensors, self.encoding, lengths)

    def _finish(self, name: str, part: list[tuple[str, np.ndarray]], stored: list, made: list[CachedRow]) -> None:
        fresh = iter(made)
        rows = [next(fresh) if row is None else row for row in stored]
        token_ids = [tokens for _, tokens in part]
        write_cache_part(self.writer.path / name, [id_ for id_, _ in part], token_ids, rows, self.identity)

    def statistics(self, parts: int) -> dict:
        """Mean kept mass of a top k, mean number of distinct tokens of a sample."""
        name = "log_tail" if self.identity["keep"] == "top-k" else "distinct"
        files = [self.writer.path / self.files(part, parts)[0] for part in range(parts)]
        values = np.concatenate([read_column(file, name) for file in files]).astype(np.float64)
        if name == "distinct":
            return {"distinct_tokens": round(float(values.mean()), 2)}
        return {"kept_mass": round(float(1 - np.exp(values).mean()), 6)}


def _earlier(path: str, identity: dict) -> TeacherCache:
    cache = TeacherCache(path)
    other = [key for key, value in identity.items() if cache.identity.get(key) != value]
    if other:
        raise SaladError(
            f"{path} was made of another teacher, or kept otherwise (other: {', '.join(other)})",
            "Reuse a cache of the same model with the same --keep, --temperature, --dtype and size.",
        )
    return cache


def _stored(token_ids: np.ndarray, caches: list[TeacherCache]) -> CachedRow | None:
    return next((cache.row(token_ids) for cache in caches if cache.has(token_ids)), None)


def _predicted(
    model: PreTrainedModel, texts: DistinctTexts, missing: list[np.ndarray], encoding: Encoding, options: dict
) -> dict:
    """Bytes of the whole cache, and seconds for what is missing, from a few batches of it that are run now."""
    places = batches_by_length([len(tokens) for tokens in missing], padded=options["batch_tokens"])
    batches = [[missing[place] for place in of_batch] for of_batch in places]
    padded = [len(batch) * len(batch[-1]) for batch in batches]
    probes = sorted({round(i * (len(batches) - 1) / (PROBES - 1)) for i in range(PROBES)} if batches else [])
    seconds, distinct = 0.0, []
    for index in [*probes[:1], *probes]:
        started = time.monotonic()
        tensors = encode_texts(model, batches[index], encoding, options["device"], options["seed"])
        distinct.append(tensors[0].float().mean().item())
        # The first run warms up and does not count.
        seconds = 0.0 if len(distinct) == 1 else seconds + time.monotonic() - started
    rate = sum(padded[index] for index in probes) / max(seconds, 1e-6)
    size = predicted_bytes(options["identity"], len(texts.rows), texts.positions, float(np.mean(distinct or [0.0])))
    return {"bytes": size, "predicted_seconds": round(sum(padded) / rate, 3) if probes else 0.0}


def _verified(
    cache: Path, model: PreTrainedModel, rows: list[tuple[str, np.ndarray]], texts: int, seed: int, device: str
) -> dict:
    """How far the cache lies from the text LLM, over some texts computed again.

    For a top k KL(cached || computed), the loss of a student that is the teacher: 0 but for rounding. For a sample the
    same, whose mean is what the draws leave open, its cross entropy less the teacher's own entropy; and how far the
    labels' log-probabilities are off.
    """
    drawn = np.random.default_rng([seed, 5]).choice(len(rows), size=min(texts, len(rows)), replace=False)
    opened = TeacherCache(cache)
    cached, live = CachedTeacher(opened), LiveTeacher(model, opened.identity["temperature"])
    divergences, off = [], 0.0
    for row in progress(drawn, what="verify", unit="text"):
        tokens = rows[row][1]
        asked = [tokens], [np.arange(1, len(tokens))]
        stored = cached.distributions(*asked, torch.device("cpu"))
        computed = live.distributions(*asked, torch.device(device))
        again = computed.piece(0, len(computed)).log_probs.cpu().double()
        if isinstance(stored, TopKDistributions):
            stored = TopKDistributions(stored.kept_ids, stored.kept_log_probs.double(), stored.log_tail.double())
            divergences.append(forward_kl(stored, again))
            continue
        divergences.append(forward_kl(stored, again) - torch.special.entr(again.exp()).sum(dim=-1))
        untempered = replace(computed, temperature=1.0).piece(0, len(computed)).log_probs
        labels = untempered.cpu()[np.arange(len(again)), tokens[1:]].numpy()
        off = max(off, float(np.abs(labels - opened.row(tokens).label_log_probs).max()))
    values = torch.cat(divergences)
    figures = {"texts": len(drawn), "positions": len(values), "kl_mean": values.mean().item()}
    if opened.sampled:
        return {
            "verified": figures | {"kl_standard_error": (values.std() / len(values) ** 0.5).item(), "label_off": off}
        }
    return {"verified": figures | {"kl_max": values.max().item()}}
