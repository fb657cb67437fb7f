"""The desk's facts: the rules that make its questions fair, and the same bytes for the same seed."""

from argparse import Namespace

import pyarrow.parquet as pq
import pytest

import build_world

FILES = ("lm.parquet", "pool.parquet", "natural.parquet", "questions.parquet")


def build(folder):
    options = {"lm_documents": 400, "pool_documents": 5000, "natural_documents": 700, "questions_per_subject": 48}
    build_world.build(Namespace(out=folder, seed=3, subjects=None, **options))
    return {name: pq.read_table(folder / name).to_pylist() for name in FILES}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return build(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def subjects():
    return build_world.read_world(build_world.DATA)


def test_there_are_twelve_subjects_with_enough_of_everything(desk, subjects):
    assert len(subjects) >= 12
    for subject in subjects:
        assert len(subject.relations) == 2
        for relation in subject.relations:
            assert len(relation.values) >= 24 and len(relation.statements) >= 3
    asked = [row["domain"] for row in desk["questions.parquet"]]
    assert min(asked.count(subject.name) for subject in subjects) >= 40


def test_natural_speech_leaves_domains_out(desk, subjects):
    assert {row["domain"] for row in desk["natural.parquet"]} == {s.name for s in subjects if s.heard}
    assert {row["domain"] for row in desk["pool.parquet"]} == {s.name for s in subjects}
    assert sum(not s.heard for s in subjects) >= 4


def test_no_question_is_ever_spoken_or_in_the_pool(desk):
    texts = [row["text"].lower() for name in ("pool.parquet", "natural.parquet") for row in desk[name]]
    spoken = "\n".join(texts)
    for question in desk["questions.parquet"]:
        assert question["text"].lower() not in spoken, question["id"]


def test_some_texts_break_off_and_the_language_model_reads_whole_ones(desk):
    for name, low, high in (("pool.parquet", 0.2, 0.6), ("natural.parquet", 0.2, 0.6), ("lm.parquet", 0, 0)):
        broken = [not row["text"].endswith(".") for row in desk[name]]
        assert low <= sum(broken) / len(broken) <= high, name
    assert all(row["text"].count(". ") >= 1 for row in desk["pool.parquet"])


def test_the_same_seed_gives_the_same_bytes(desk, tmp_path):
    assert build(tmp_path) == desk
