"""Settings of training: what is refused when they are made, and what a run records of them."""

import pytest

from saladkit.errors import SaladError
from saladkit.settings.align import AlignSettings
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.training.stage import with_batching_decided


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("role", ["data", "replay"])
def test_a_weight_that_is_not_positive_is_refused_before_anything_is_read(role, weight):
    sources = {"data": ("speech",)} | {role: (f"there:{weight}",)}
    with pytest.raises(SaladError) as raised:
        DistillSettings(max_steps=1, **sources)
    assert raised.value.problem == f"the weight of there is {weight}"


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [("speech", "speech", 1.0), ("speech:2", "speech", 2.0), ("hf://a/b:c", "hf://a/b:c", 1.0), ("a:b:.5", "a:b", 0.5)],
)
def test_a_weight_is_a_number_after_the_last_colon(text, path, weight):
    assert DistillSettings(data=(text,), max_steps=1).speech_sources == [WeightedPath(path, weight)]


def test_an_adapter_whose_heads_do_not_share_its_width_is_refused():
    with pytest.raises(SaladError) as raised:
        AdapterSettings(adapter_width=96, adapter_heads=7)
    assert "width 96" in raised.value.problem


@pytest.mark.parametrize(
    ("asked", "device", "batching"),
    [("auto", "cpu", "padded"), ("auto", "cuda", "packed"), ("packed", "cpu", "packed"), ("padded", "cuda", "padded")],
)
def test_a_manifest_records_what_auto_stands_for(asked, device, batching):
    settings = AlignSettings(data=("speech",), teacher="cache", max_steps=1, batching=asked)
    assert with_batching_decided(settings, device).recorded()["batching"] == batching
