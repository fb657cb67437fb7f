"""`cache-teacher`: the frozen text LLM's next-token distributions, once for every voice, epoch and round."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import create_artefact, part_name
from saladkit.formats.checkpoint import model_digest
from saladkit.formats.columns import OUR_NAMES, ColumnNames
from saladkit.formats.samples import read_samples
from saladkit.formats.teacher_cache import (
    SCHEMA,
    VERSION,
    CachedRow,
    TeacherCache,
    digest_tokens,
    read_log_tails,
    write_cache_part,
)
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.model.text import sets_bos, tokenize, tokenizer_digest
from saladkit.runtime import Run, progress, resolve_device
from saladkit.teacher.distributions import TopKDistributions, concatenate, top_k_from_logits
from saladkit.teacher.losses import forward_kl
from saladkit.teacher.signals import CachedTeacher, LiveTeacher

ROWS_PER_PART = 8192
POSITIONS_PER_HEAD = 512  # logits that stay in a core's cache: 1.7 times faster than 8,192 at V = 3,072


def cache_teacher(
    sources: list[str],
    output: str | Path,
    *,
    model: str,
    top_k: int = 32,
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
    """Store the top-k distributions of every distinct text in `sources`.

    Rows longer than `max_length` tokens are left out and listed in the manifest. Texts that a cache of `reuse` holds
    are copied from there. With `verify`, so many texts of the finished cache, drawn by `seed`, are run through the text
    LLM again.

    Returns:
        The summary: rows, positions, bytes per position, mean kept mass; and what was verified.

    Raises:
        SaladError: unreadable samples, no such model, a cache to reuse of another teacher, or no text of a length that
            can be cached.
    """
    run = Run("cache-teacher")
    tokenizer = load_tokenizer(model)
    rows, skipped = _distinct_texts(sources, tokenizer, max_length, names, limit)
    positions = sum(len(tokens) - 1 for _, tokens in rows)
    plan = {"rows": len(rows), "skipped": len(skipped), "positions": positions, "bytes": positions * (6 * top_k + 4)}
    identity = {
        "model": model_digest(model),
        "tokenizer": tokenizer_digest(tokenizer),
        "sets_bos": sets_bos(tokenizer),
        "keep": "top-k",
        "top_k": top_k,
        "dtype": dtype,
    }
    earlier = [_earlier(path, identity) for path in reuse]
    plan["reused"] = sum(any(cache.has(tokens) for cache in earlier) for _, tokens in rows)
    if dry_run:
        return run.summary({"dry_run": True, **plan})
    if positions == 0:
        raise SaladError(
            f"no text of {', '.join(sources)} has from 2 to {max_length} tokens",
            "Give longer texts, or raise --max-length.",
        )
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="cache-teacher",
        settings={"top_k": top_k, "max_length": max_length, "dtype": dtype, "limit": limit, "columns": vars(names)},
        inputs={"model": model}
        | {f"samples {index}": source for index, source in enumerate(sources)}
        | {f"reuse {index}": path for index, path in enumerate(reuse)},
        overwrite=overwrite,
    )
    if writer.finished is not None and not verify:
        return writer.finished
    device = resolve_device(device)
    language_model = load_text_model(model, dtype=dtype, device=device).eval()
    if writer.finished is not None:
        return writer.finished | _verified(writer.path, language_model, rows, verify, seed, device)
    parts = [rows[begin : begin + ROWS_PER_PART] for begin in range(0, len(rows), ROWS_PER_PART)]
    positions_computed = 0
    with progress(None, total=len(rows), what="cache-teacher", unit="text") as bar:
        for index, part in enumerate(parts):
            tensors, table = (part_name(index, len(parts), suffix) for suffix in (".safetensors", ".parquet"))
            if index % num_shards != shard_index or writer.has_all([tensors, table]):
                bar.update(len(part))
                continue
            texts = [tokens for _, tokens in part]
            cached = [_stored(tokens, earlier) for tokens in texts]
            missing = [tokens for tokens, row in zip(texts, cached, strict=True) if row is None]
            bar.update(len(texts) - len(missing))
            positions_computed += sum(len(tokens) - 1 for tokens in missing)
            computed = iter(_distributions(language_model, missing, top_k, batch_tokens, device, bar.update))
            cached = [next(computed) if row is None else row for row in cached]
            write_cache_part(writer.path / tensors, [id_ for id_, _ in part], texts, cached)
    names_of_parts = [
        part_name(i, len(parts), suffix) for i in range(len(parts)) for suffix in (".safetensors", ".parquet")
    ]
    if not writer.has_all(names_of_parts):
        return run.summary({"shards_missing": True, **plan})
    identity["vocabulary"] = language_model.config.vocab_size
    stored = sum((writer.path / name).stat().st_size for name in writer.files)
    counts = {"rows": len(rows), "positions": positions, "bytes_per_position": round(stored / positions, 1)}
    counts["kept_mass"] = round(_kept_mass([writer.path / name for name in names_of_parts[::2]]), 6)
    writer.finish(counts=counts, skipped=skipped, identity=identity)
    per_second = round(positions_computed / max(run.seconds(), 0.01))
    further = {"reused": plan["reused"], "skipped": len(skipped), "positions_per_second": per_second}
    summary = run.summary(counts | further, writer)
    return summary | (_verified(writer.path, language_model, rows, verify, seed, device) if verify else {})


def _earlier(path: str, identity: dict) -> TeacherCache:
    cache = TeacherCache(path)
    other = [key for key, value in identity.items() if cache.identity.get(key) != value]
    if other:
        raise SaladError(
            f"{path} was made of another teacher, or kept otherwise (other: {', '.join(other)})",
            "Reuse a cache of the same model with the same --top-k and --dtype.",
        )
    return cache


def _stored(token_ids: np.ndarray, caches: list[TeacherCache]) -> CachedRow | None:
    return next((cache.row(token_ids) for cache in caches if cache.has(token_ids)), None)


def _kept_mass(parts: list[Path]) -> float:
    """Mean over positions of the probability that the kept tokens have."""
    tails = np.concatenate([read_log_tails(part) for part in parts])
    return float(1 - np.exp(tails.astype(np.float64)).mean())


def _verified(
    cache: Path, model: PreTrainedModel, rows: list[tuple[str, np.ndarray]], texts: int, seed: int, device: str
) -> dict:
    """KL(cached || computed again) over some texts: the loss of a student that is the teacher, 0 but for rounding."""
    drawn = np.random.default_rng([seed, 5]).choice(len(rows), size=min(texts, len(rows)), replace=False)
    cached, live = CachedTeacher(TeacherCache(cache)), LiveTeacher(model)
    divergences = []
    for row in progress(drawn, what="verify", unit="text"):
        asked = [rows[row][1]], [np.arange(1, len(rows[row][1]))], torch.device(device)
        stored, again = cached.distributions(*asked), live.distributions(*asked).log_probs
        stored = TopKDistributions(stored.kept_ids, stored.kept_log_probs.double(), stored.log_tail.double())
        divergences.append(forward_kl(stored, again.double()).cpu())
    values = torch.cat(divergences)
    figures = {"texts": len(drawn), "positions": len(values), "kl_mean": values.mean().item()}
    return {"verified": figures | {"kl_max": values.max().item()}}


def _distinct_texts(
    sources: list[str],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    names: ColumnNames,
    limit: int | None,
) -> tuple[list[tuple[str, np.ndarray]], list[dict]]:
    seen, rows, skipped = set(), [], []
    for source in sources:
        table = read_samples(source, needed=["id", "text"], optional=[], names=names, limit=limit)
        for id_, text in zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True):
            tokens = tokenize(tokenizer, text).token_ids
            if len(tokens) > max_length:
                skipped.append({"id": id_, "source": source, "reason": f"{len(tokens)} tokens, over --max-length"})
                continue
            digest = digest_tokens(tokens)
            if digest not in seen:
                seen.add(digest)
                rows.append((id_, tokens))
    # Sorted by length: batches without padding, and an order that does not depend on the sources'.
    rows.sort(key=lambda row: (len(row[1]), digest_tokens(row[1])))
    return rows, skipped


@torch.inference_mode()
def _distributions(
    model: PreTrainedModel,
    texts: list[np.ndarray],
    top_k: int,
    batch_tokens: int,
    device: str,
    advance: Callable[[], object],
) -> list[CachedRow]:
    rows: list[CachedRow] = []
    begin = 0
    while begin < len(texts):
        end = begin + 1
        while end < len(texts) and (end + 1 - begin) * len(texts[end]) <= batch_tokens:
            end += 1
        batch = texts[begin:end]
        padded = torch.zeros(len(batch), len(batch[-1]), dtype=torch.int64)
        for row, tokens in enumerate(batch):
            padded[row, : len(tokens)] = torch.from_numpy(tokens)
        kept = torch.tensor([[i < len(tokens) - 1 for i in range(padded.shape[1])] for tokens in batch])
        hidden = model.get_decoder()(input_ids=padded.to(device)).last_hidden_state[kept.to(device)]
        pieces = [
            top_k_from_logits(model.get_output_embeddings()(piece), top_k) for piece in hidden.split(POSITIONS_PER_HEAD)
        ]
        sparse = concatenate(pieces)
        ids, log_probs, tail = (t.cpu().numpy() for t in (sparse.kept_ids, sparse.kept_log_probs, sparse.log_tail))
        offsets = np.cumsum([0] + [len(tokens) - 1 for tokens in batch])
        for left, right in zip(offsets, offsets[1:], strict=False):
            rows.append(CachedRow(ids[left:right], log_probs[left:right], tail[left:right]))
            advance()
        begin = end
    return rows
