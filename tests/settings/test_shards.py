"""Which shard a process is, by its options or its task in a Slurm array, and what cannot be together with --claim."""

import pytest

from saladkit.errors import SaladError
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.shared import Shards

NAMES = ("ID", "COUNT", "MIN", "STEP")


def in_array(monkeypatch, *values):
    for name, value in zip(NAMES, values, strict=False):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))


@pytest.fixture(autouse=True)
def outside_of_slurm(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)


@pytest.mark.parametrize(
    ("task", "shard"),
    [
        ((0, 8, 0, 1), (0, 8)),
        ((7, 8, 0, 1), (7, 8)),
        ((1, 8, 1, 1), (0, 8)),
        ((8, 8, 1, 1), (7, 8)),
        ((10, 4, 4, 2), (3, 4)),
        ((3, 4), (3, 4)),
        ((5, 1, 5, 1), (0, 1)),
    ],
    ids=str,
)
def test_a_task_of_a_slurm_array_is_a_shard(task, shard, monkeypatch):
    in_array(monkeypatch, *task)
    assert Shards().shard == shard


def test_options_count_before_slurm(monkeypatch):
    in_array(monkeypatch, 2, 8, 0, 1)
    assert Shards(num_shards=3).shard == (0, 3)
    assert Shards(num_shards=3, shard_index=1).shard == (1, 3)
    assert Shards(num_shards=1).shard == (0, 1)
    assert Shards(claim=True).shard == (0, 1)


def test_a_task_is_a_shard_too_where_the_number_of_the_array_is_given(monkeypatch):
    in_array(monkeypatch, 2, 8, 0, 1)
    assert Shards(num_shards=8).shard == (2, 8)


def test_without_options_and_slurm_there_is_one_shard():
    assert Shards().shard == (0, 1)


@pytest.mark.parametrize("task", [(7, 3, 1, 1), (4, 3, 1, 2)], ids=str)
def test_an_uneven_array_has_no_shards(task, monkeypatch):
    in_array(monkeypatch, *task)
    with pytest.raises(SaladError, match="has no place in a Slurm array of 3 tasks") as raised:
        Shards()
    assert "--claim" in raised.value.fix
    Shards(claim=True)


@pytest.mark.parametrize("other", [{"num_shards": 2}, {"shard_index": 0}, {"overwrite": True}], ids=str)
def test_claims_go_with_neither_shards_nor_overwriting(other):
    with pytest.raises(SaladError, match="--claim with"):
        CacheTeacherSettings(model="m", claim=True, **other)
