"""The teacher cache and the frames cache: reading a key returns what was written, from any shard."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.formats import frames_cache, teacher_cache
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.frames_cache import FramesCache, frames_in_part, write_frames_part
from saladkit.formats.teacher_cache import (
    SampledRow,
    TeacherCache,
    TopKRow,
    code_bytes,
    digest_tokens,
    write_cache_part,
)


def writer_of(folder, module):
    return create_artefact(folder, schema=module.SCHEMA, version=module.VERSION, verb="test", settings={}, inputs={})


def draw_top_k(random, tokens, vocabulary, k=3):
    positions = len(tokens)
    kept = np.sort(random.normal(-3, 2, size=(positions, k)))[:, ::-1].astype(np.float32)
    tail = random.normal(-20, 5, size=positions).astype(np.float32)
    return TopKRow(random.integers(0, vocabulary, size=(positions, k)), kept, tail)


def draw_samples(random, tokens, vocabulary, draws=50):
    distinct = random.integers(1, 14, size=len(tokens)).astype(np.uint8)
    ids = np.concatenate([np.zeros(0), *(np.sort(random.integers(0, vocabulary, size=n)) for n in distinct)])
    counts = random.integers(1, draws + 1, size=len(ids))
    labels = np.log(random.random(len(tokens) - 1))
    return SampledRow(distinct, ids.astype(np.int32), counts.astype(np.uint8), labels)


KINDS = [
    (draw_top_k, {"keep": "top-k", "top_k": 3, "vocabulary": 200_000}),
    (draw_top_k, {"keep": "top-k", "top_k": 3, "vocabulary": 2**16}),
    (draw_samples, {"keep": "sampled", "draws": 50, "vocabulary": 151_936}),
    (draw_samples, {"keep": "sampled", "draws": 255, "vocabulary": 262_208}),
    (draw_samples, {"keep": "sampled", "draws": 1, "vocabulary": 256}),
]


@pytest.mark.parametrize(("draw", "identity"), KINDS)
def test_distributions_come_back_by_the_tokens_of_their_text(draw, identity, tmp_path):
    random, vocabulary = np.random.default_rng(0), identity["vocabulary"]
    texts = [random.integers(0, vocabulary, size=length).astype(np.int32) for length in (2, 9, 1, 5)]
    options = (identity["draws"],) if "draws" in identity else ()
    rows = [draw(random, tokens, vocabulary, *options) for tokens in texts]
    writer = writer_of(tmp_path / "cache", teacher_cache)
    for index, (begin, end) in enumerate([(0, 2), (2, 4)]):
        name = f"part-0000{index}-of-00002"
        ids, here = list("abcd")[begin:end], slice(begin, end)
        write_cache_part(writer.path / f"{name}.safetensors", ids, texts[here], rows[here], identity)
        assert writer.has(f"{name}.safetensors")
        assert writer.has(f"{name}.parquet")
    writer.finish(counts={"rows": 4}, identity={"tokenizer": "t"} | identity)
    cache = TeacherCache(tmp_path / "cache")
    for tokens, row in zip(texts, rows, strict=True):
        assert cache.has(tokens)
        assert cache.has(tokens.tolist())
        back = cache.row(tokens)
        assert type(back) is type(row)
        for name, stored in vars(back).items():
            written = getattr(row, name)
            if name.endswith("log_probs"):
                written = written.astype(np.float16)
            assert np.array_equal(stored, written), name
            assert stored.dtype == {"kept_ids": np.int32}.get(name, written.dtype)
    assert not cache.has([1, 2, 3])
    with pytest.raises(KeyError):
        cache.row([1, 2, 3])


def test_the_tokenizer_of_a_cache_is_checked(tmp_path):
    writer = writer_of(tmp_path / "cache", teacher_cache)
    writer.finish(counts={}, identity={"tokenizer": "t"})
    cache = TeacherCache(tmp_path / "cache")
    cache.check_tokenizer("t", "model")
    with pytest.raises(SaladError, match="another tokenizer than that of model"):
        cache.check_tokenizer("u", "model")


def test_a_text_is_keyed_by_its_tokens_alone():
    assert digest_tokens([1, 2]) == digest_tokens(np.array([1, 2], dtype=np.int64))
    assert len({digest_tokens(tokens) for tokens in ([1, 2], [2, 1], [1, 2, 0], [258])}) == 4


@pytest.mark.parametrize("tensor, dtype", [("frames", np.float16), ("codes", np.uint16)])
def test_frames_come_back_by_id(tensor, dtype, tmp_path):
    random = np.random.default_rng(0)
    rows = {
        id_: random.integers(0, 2000, size=(4, length)).astype(dtype).T  # in memory column by column
        for id_, length in zip("abcde", (3, 1, 7, 2, 4), strict=True)
    }
    writer = writer_of(tmp_path / "cache", frames_cache)
    for index, ids in enumerate(("abc", "de")):
        name = f"part-0000{index}-of-00002"
        write_frames_part(writer.path / f"{name}.safetensors", list(ids), [rows[id_] for id_ in ids])
        assert set(load_file(writer.path / f"{name}.safetensors")) == {tensor, "row_offsets"}
        assert frames_in_part(writer.path / f"{name}.safetensors") == sum(len(rows[id_]) for id_ in ids)
        assert writer.has(f"{name}.safetensors")
        assert writer.has(f"{name}.parquet")
    writer.finish(counts={"rows": 5}, identity={"encoder": {"name": "e"}})
    cache = FramesCache(tmp_path / "cache")
    for id_, frames in rows.items():
        assert id_ in cache
        assert np.array_equal(cache.row(id_), frames)
        assert cache.row(id_).dtype == dtype
    assert "f" not in cache
    cache.check_encoder({"name": "e"}, "the model")
    with pytest.raises(SaladError, match="another speech encoder than that of the model"):
        cache.check_encoder({"name": "f"}, "the model")


@pytest.mark.parametrize(
    ("vocabulary", "draws", "size"), [(151_936, 50, 3), (256, 1, 1), (257, 1, 2), (3_072, 50, 3), (262_208, 64, 4)]
)
def test_a_drawn_token_takes_as_few_bytes_as_hold_it(vocabulary, draws, size):
    assert code_bytes({"vocabulary": vocabulary, "draws": draws}) == size
    assert 256 ** (size - 1) < vocabulary * draws <= 256**size


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_cache_of_another_version_is_refused(version, tmp_path):
    folder, schema = tmp_path / "cache", "teacher-cache"
    create_artefact(folder, schema=schema, version=version, verb="test", settings={}, inputs={}).finish(counts={})
    with pytest.raises(SaladError, match=f"version {version}, .* reads version 3") as raised:
        TeacherCache(folder)
    # The same saladkit wrote it, which does not read it: only another one might.
    assert raised.value.fix == f"Make it again with saladkit {__version__}."
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"tool": "saladkit 0.0.1"}))
    with pytest.raises(SaladError) as raised:
        TeacherCache(folder)
    assert raised.value.fix.endswith("or read it with saladkit 0.0.1.")
