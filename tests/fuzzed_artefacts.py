"""What reads our own files after strangers had them, each with small valid files to damage."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzzed_readers import TIMES, Reader, read_source
from gap_tables import item_of, write_table

from saladkit.formats import (
    checkpoint,
    frames_cache,
    layouts_cache,
    regions,
    results,
    rollouts,
    teacher_cache,
    word_times,
)
from saladkit.formats import samples as samples_format
from saladkit.formats.artefact import digest_path
from saladkit.formats.artefact_writer import ArtefactWriter, create_artefact
from saladkit.formats.claims import claims_folder
from saladkit.formats.embeddings import text_digest, write_embeddings_part
from saladkit.formats.gap_table import bad_speech_regions, check_measured_with, read_behind, read_measured
from saladkit.formats.parts import Part, write_parts
from saladkit.formats.scaling import read_log
from saladkit.formats.spoken_rows import EarlierRecordings
from saladkit.formats.weights import Stored, read_shapes, write_tensors
from saladkit.reporting.inventory import Inventory
from saladkit.settings.verify import VerifySettings
from saladkit.stages.status import status
from saladkit.stages.verify import verify

TOKENS = [np.array([1, 2, 3], np.int32), np.array([4], np.int32)]
TOP_K = {"keep": "top-k", "top_k": 2, "vocabulary": 300, "tokenizer": "t"}
SAMPLED = {"keep": "sampled", "draws": 4, "vocabulary": 300, "tokenizer": "t"}
PART = "part-00000-of-00001"


def _writer(folder: Path, module: object, settings: dict | None = None, inputs: dict | None = None) -> ArtefactWriter:
    about = {"schema": module.SCHEMA, "version": module.VERSION, "settings": settings or {}, "inputs": inputs or {}}
    return create_artefact(folder / "it", verb="test", **about)


def _write_samples(folder: Path) -> None:
    writer = _writer(folder, samples_format)
    rows = [{"id": "a", "text": "Water boils.", "words": TIMES, "duration": 0.2}]
    with writer.writing(f"{PART}.parquet") as aside:
        samples_format.write_samples(pa.Table.from_pylist(rows), aside)
    writer.finish(counts={"rows": 1})


def _write_times(folder: Path) -> None:
    writer = _writer(folder, word_times)
    with writer.writing(f"{PART}.parquet") as aside:
        word_times.write_word_times([{"id": "a", "words": TIMES, "aligner": "x", "score": None}], aside)
    writer.finish(counts={"rows": 1}, skipped=[{"id": "b", "reason": "it is noise"}])


def _read_times(folder: Path) -> None:
    rows = pa.table({"id": ["a"], "text": ["Water boils."]})
    word_times.join_word_times(rows, folder / "it")
    word_times.left_out_rows(folder / "it")


def _write_teacher(identity: dict) -> Callable[[Path], None]:
    def rows() -> list[teacher_cache.CachedRow]:
        if identity is TOP_K:
            return [teacher_cache.TopKRow(np.ones((n, 2), np.int32), -np.ones((n, 2)), -np.ones(n)) for n in (3, 1)]
        ones = np.ones(3, np.int32)
        return [teacher_cache.SampledRow(np.ones(n, np.uint8), ones[:n], ones[:n], -np.ones(n - 1)) for n in (3, 1)]

    def write(folder: Path) -> None:
        writer = _writer(folder, teacher_cache)
        teacher_cache.write_cache_part(writer.path / f"{PART}.safetensors", ["a", "b"], TOKENS, rows(), identity)
        writer.has_all([f"{PART}.safetensors", f"{PART}.parquet"])
        writer.finish(counts={"rows": 2}, identity=identity)

    return write


def _read_teacher(folder: Path) -> None:
    cache = teacher_cache.TeacherCache(folder / "it")
    cache.check_tokenizer("t", "it")
    for tokens in TOKENS:
        if cache.has(tokens):
            cache.row(tokens)


ENCODED = {"encoder": {"family": "log-mel", "mel_bins": 4}, "frames_per_second": 25.0}


def _write_frames(folder: Path) -> None:
    writer = _writer(folder, frames_cache)
    rows = [np.ones((2, 4), np.float16), np.ones((3, 4), np.float16)]
    frames_cache.write_frames_part(writer.path / f"{PART}.safetensors", ["a", "b"], rows)
    writer.has_all([f"{PART}.safetensors", f"{PART}.parquet"])
    writer.finish(counts={"rows": 2}, identity=ENCODED)


def _read_frames(folder: Path) -> None:
    cache = frames_cache.FramesCache(folder / "it")
    for id_ in filter(cache.__contains__, "ab"):
        cache.seconds(id_), cache.row(id_)


def _write_layouts(folder: Path) -> None:
    writer, frames = _writer(folder, layouts_cache), [np.ones((2, 4), np.float16)]
    layout = layouts_cache.StoredLayout([False, True], [1, 2], frames)
    path = writer.path / f"{PART}.safetensors"
    layouts_cache.write_layouts_part(path, [("a", teacher_cache.digest_tokens(TOKENS[0]), 1.0, [layout, layout])])
    writer.has_all([f"{PART}.safetensors", f"{PART}.parquet"])
    writer.finish(counts={"rows": 1}, identity=ENCODED | {"layouts": 2})


def _read_layouts(folder: Path) -> None:
    cache, digest = layouts_cache.LayoutsCache(folder / "it"), teacher_cache.digest_tokens(TOKENS[0])
    if cache.has("a", digest):
        cache.frames(cache.bounds("a", digest, 1))


def _write_gap_table(folder: Path) -> None:
    items = [item_of(f"i{number}", number % 2, 0.5 + number / 10) for number in range(4)]
    write_table(folder / "it", items, positions=100)
    manifest = json.loads((folder / "it" / "manifest.json").read_text())
    regions_digest = digest_path(folder / "regions")
    manifest["inputs"] = {
        "checkpoint": {"path": "x", "digest": "0"},
        "regions": {"path": "x", "digest": regions_digest},
    }
    (folder / "it" / "manifest.json").write_text(json.dumps(manifest))


def _read_gap_table(folder: Path) -> None:
    read_measured(folder / "it", "teacher_kl").by_region()
    read_behind(folder / "it")
    bad_speech_regions(folder / "it")
    read_log(str(folder / "it"))
    check_measured_with(folder / "it", folder / "regions")


def _write_log(folder: Path) -> None:
    line = {"name": "a", "positions": 1e6, "misalignment": 0.1, "forgetting": 0.1, "text_words": [1, 2]}
    (folder / "log.jsonl").write_text(2 * (json.dumps(line | {"speech_words": [1, 2]}) + "\n"))


def _write_regions(folder: Path) -> None:
    settings = {"embedder": "lm", "dtype": "float32", "kmeans": "spherical"}
    writer = _writer(folder, regions, settings, {"embedder": folder / "it.json"})
    vectors = np.ones((2, 4), np.float16) / 2
    for side in (regions.POOL, regions.SPEECH):
        path = writer.path / regions.embeddings_part(side, 0, 1)
        write_embeddings_part(path, [text_digest("a"), text_digest("b")], np.array([-1, 3]), vectors)
        writer.has_all([path.name, path.with_suffix(".parquet").name])
    texts = pa.Table.from_pylist([{"id": "a", "region": 0}, {"id": "b", "region": 0}], regions.TEXTS)
    regions.write_regions(writer, np.ones((1, 4)), np.zeros(4), texts, [{"region": 0, "texts": 2}])
    writer.finish(counts={"rows": 2})


def _read_regions(folder: Path) -> None:
    found = regions.Regions.open(folder / "it")
    assert found.region_of is not None
    found.region_of_spoken({"a": "a"})
    found.characters_read()
    found.embeddings(regions.POOL)
    regions.StoredEmbeddings.open(folder / "it")


def _write_results(folder: Path) -> None:
    writer = _writer(folder, results)
    row = {"id": "a", "model": "m", "task": "t", "modality": "text", "choices": ["x"], "groups": [], "shots": 0}
    with writer.writing("predictions-m-t.parquet") as aside:
        results.write_rows(aside, [row], results.PREDICTIONS)
    with writer.writing("transcripts-t_cascade.parquet") as aside:
        results.write_rows(aside, [{"id": "a", "transcript": "x"}], results.TRANSCRIPTS)
    writer.finish(counts={"rows": 1})


def _read_results(folder: Path) -> None:
    for row in results.read_predictions(folder / "it"):
        results.groups_of(row), results.is_unparsed(row)
    results.read_transcripts(folder / "it", "t")


def _write_rollouts(folder: Path) -> None:
    writer = _writer(folder, rollouts)
    row = {"id": "a/c1/k0", "source_id": "a", "modality": "text", "prompt_words": 1, "prompt_ids": [1]}
    row |= {"response_ids": [2], "log_probs": [-1.0], "finish": "stop", "text": "x"}
    with writer.writing("rollouts-00000.parquet") as aside:
        rollouts.write_rollouts([row], aside)
    writer.finish(counts={"rows": 1})


def _read_rollouts(folder: Path) -> None:
    if rollouts.holds_rollouts(folder / "it"):
        for row in rollouts.read_rollouts(folder / "it"):
            rollouts.tokens_of(row)


def _write_checkpoint(folder: Path) -> None:
    writer = _writer(folder, checkpoint)
    shapes = {"a": Stored("F32", (2, 2)), "b": Stored("BF16", (3,))}
    write_tensors(writer.path / "model.safetensors", shapes, lambda name: [bytes(16 if name == "a" else 6)])
    (writer.path / "config.json").write_text(json.dumps({"model_type": "salad", "text_config": {}}))
    (writer.path / "metrics.jsonl").write_text(json.dumps({"step": 1, "positions of a": 3, "loss": 0.5}) + "\n")
    writer.has_all(["model.safetensors", "config.json", "metrics.jsonl"])
    writer.finish(counts={"positions_read": 3, "positions_with_loss": 3})


def _read_checkpoint(folder: Path) -> None:
    model = folder / "it"
    checkpoint.model_type(model), checkpoint.model_digest(model), checkpoint.trained_positions(model)
    checkpoint.positions_trained_on(model, 1, None)
    read_shapes(model)
    checkpoint.check_model_folder(model)


def _write_shards(folder: Path) -> None:
    write_tensors(folder / "a.safetensors", {"a": Stored("F32", (2,))}, lambda name: [bytes(8)])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "a.safetensors"}}))


def _read_run(folder: Path) -> None:
    """What is read of any artefact: its manifest, its digest and its summary."""
    Inventory(folder).steps()
    digest_path(folder / "it")
    verify([str(folder / "it")], VerifySettings(reopen=True))


def _write_run(folder: Path) -> None:
    _write_frames(folder)
    (folder / "it" / "summary.json").write_text(json.dumps({"command": "cache-speech", "seconds": 0.5, "rows": 2}))


def _write_unfinished(folder: Path) -> None:
    writer = _writer(folder, samples_format)
    parts = [Part((f"part-0000{number}-of-00002.parquet",), 3) for number in range(2)]
    write_parts(writer.path, parts, "row")
    claims = claims_folder(writer.path)
    claims.mkdir(parents=True)
    told = {"host": "h", "process": 7, "token": "t", "since": 5.0, "timeout": 900.0}
    (claims / f"{parts[0].name}.0").write_text(json.dumps(told))


def _read_unfinished(folder: Path) -> None:
    status(folder / "it")
    _writer(folder, samples_format)


def _write_earlier(folder: Path) -> None:
    """Recordings that `synth` may take from an artefact."""
    writer = _writer(folder, samples_format)
    row = {"speech_key": "k", "audio": {"bytes": b"x", "path": None}, "duration": 1.0, "words": TIMES, "voice": "v"}
    with writer.writing(f"{PART}.parquet") as aside:
        pq.write_table(pa.Table.from_pylist([row | {"id": "a", "text": "b"}]), aside)
    writer.finish(counts={"rows": 1})


def _read_earlier(folder: Path) -> None:
    earlier = EarlierRecordings()
    earlier.add_artefact(str(folder / "it"))
    earlier.rows({"k"}), earlier.recordings({"k"})


ARTEFACTS = {
    "our samples": Reader(_write_samples, lambda folder: read_source(folder / "it")),
    "word times": Reader(_write_times, _read_times),
    "top-k cache": Reader(_write_teacher(TOP_K), _read_teacher),
    "sampled cache": Reader(_write_teacher(SAMPLED), _read_teacher),
    "frames cache": Reader(_write_frames, _read_frames),
    "layouts cache": Reader(_write_layouts, _read_layouts),
    "gap table": Reader(_write_gap_table, _read_gap_table),
    "log of scaling": Reader(_write_log, lambda folder: read_log(str(folder / "log.jsonl"))),
    "regions": Reader(_write_regions, _read_regions),
    "results": Reader(_write_results, _read_results),
    "rollouts": Reader(_write_rollouts, _read_rollouts),
    "checkpoint": Reader(_write_checkpoint, _read_checkpoint),
    "weights in shards": Reader(_write_shards, read_shapes),
    "a run": Reader(_write_run, _read_run),
    "an unfinished artefact": Reader(_write_unfinished, _read_unfinished),
    "earlier recordings": Reader(_write_earlier, _read_earlier),
}
