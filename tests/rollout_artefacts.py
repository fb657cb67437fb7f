"""Rollouts and their teacher cache, written by hand: any response behind any prompt."""

import numpy as np

from saladkit.formats.artefact import Artefact
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.rollouts import LENGTH, SPEECH, STOP, id_of, read_rollouts, tokens_of, write_rollouts
from saladkit.formats.rollouts import SCHEMA as ROLLOUTS
from saladkit.formats.rollouts import VERSION as ROLLOUTS_VERSION
from saladkit.formats.samples import iterate_rows, words_from_row
from saladkit.formats.teacher_cache import SCHEMA as CACHE
from saladkit.formats.teacher_cache import VERSION as CACHE_VERSION
from saladkit.formats.teacher_cache import write_cache_part
from saladkit.model.loading import load_text_model
from saladkit.rows.interleaving import may_cut
from saladkit.rows.tokens import tokenize, tokenizer_digest
from saladkit.sources.samples import read_samples
from saladkit.teacher.encodings import Sampled, TopK, encode_texts, to_rows

DRAWN = {"temperature": 1.0, "top_p": 1.0}


def rows_of(speech, tokenizer, modalities=(SPEECH,), rows=6, seed=0):
    """Rollouts of the first rows: prompts of 3 words or more, responses of 2 to 7 tokens, every second cut off."""
    random, found = np.random.default_rng(seed), []
    table = read_samples(str(speech), needed=["id", "text", "words"], optional=[])
    for number, row in enumerate(list(iterate_rows(table))[:rows]):
        words = words_from_row(row)
        text = tokenize(tokenizer, row["text"], [word.word for word in words])
        end = 3 + int(np.flatnonzero(may_cut(text, words)[3:])[0])
        drawn = random.integers(0, len(tokenizer) - 1, size=2 + number % 5).tolist()
        stops = number % 2 == 0
        response = [*drawn, tokenizer.eos_token_id] if stops else drawn
        for modality in modalities:
            found.append(
                {
                    "id": id_of(row["id"], end, 0, modality),
                    "source_id": row["id"],
                    "modality": modality,
                    "prompt_words": end,
                    "prompt_ids": text.token_ids[: text.word_tokens[end]].tolist(),
                    "response_ids": response,
                    "log_probs": random.uniform(-6, -5, size=len(response)).tolist(),
                    "finish": STOP if stops else LENGTH,
                    "text": tokenizer.decode(drawn),
                }
            )
    return found


def write(path, rows, tokenizer, settings=None, identity=None, inputs=None):
    """Write an artefact of rollouts; `settings` and `identity` replace those of a model that draws plainly."""
    drawn, about = DRAWN | (settings or {}), {"checkpoint": "0" * 64, "chat_template": None}
    about |= {"tokenizer": tokenizer_digest(tokenizer)} | (identity or {})
    writer = create_artefact(
        path, schema=ROLLOUTS, version=ROLLOUTS_VERSION, verb="rollout", settings=drawn, inputs=inputs or {}
    )
    with writer.writing("rollouts-00000.parquet") as aside:
        write_rollouts(rows, aside)
    writer.finish(counts={"rows": len(rows)}, identity=about)
    return path


def cache_of(path, rollouts, text_lm, like, *, top_k=8, draws=None, **identity):
    """Write the teacher cache of rollouts, with the identity of another cache."""
    found = Artefact.open(like, CACHE).manifest["identity"]
    kept = {"keep": "top-k", "top_k": top_k} if draws is None else {"keep": "sampled", "draws": draws}
    about = {name: value for name, value in found.items() if name not in ("top_k", "draws")} | kept | identity
    rows = list(read_rollouts(rollouts))
    texts = [tokens_of(row) for row in rows]
    encoding = TopK(top_k, 1.0) if draws is None else Sampled(draws, 1.0)
    model = load_text_model(text_lm, dtype="float32", device="cpu")
    encoded = encode_texts(model, texts, encoding, "cpu", 0)
    writer = create_artefact(
        path, schema=CACHE, version=CACHE_VERSION, verb="cache-teacher", settings=about, inputs={"data": rollouts}
    )
    write_cache_part(
        path / "part-00000.safetensors",
        [row["id"] for row in rows],
        texts,
        to_rows(encoded, encoding, [len(tokens) for tokens in texts]),
        about,
    )
    assert writer.has_all(["part-00000.safetensors", "part-00000.parquet"])
    writer.finish(counts={"rows": len(rows)}, identity=about)
    return path
