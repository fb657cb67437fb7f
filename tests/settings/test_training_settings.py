"""Settings of training: what is refused when they are made, and what a run records of them."""

import pytest

from saladkit.errors import SaladError
from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.settings.weighted_path import WeightedPath


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


@pytest.mark.parametrize(("window", "problem"), [(14, "--window 14 is shorter than a span of 15 words"), (15, None)])
def test_a_window_shorter_than_a_span_is_refused(window, problem):
    given = {"data": ("speech",), "max_steps": 1, "text_words": (2, 4), "speech_words": (5, 15), "window": window}
    if problem is None:
        assert DistillSettings(**given).window == window
        return
    with pytest.raises(SaladError) as raised:
        DistillSettings(**given)
    assert raised.value.problem == problem


def test_a_context_of_windows_needs_windows():
    with pytest.raises(SaladError) as raised:
        DistillSettings(data=("speech",), max_steps=1, window_context="window")
    assert raised.value.problem == "--window-context window without windows"


def test_the_context_is_recorded_with_windows_alone():
    of_rows, of_windows = (DistillSettings(data=("speech",), max_steps=1, window=window) for window in (0, 64))
    assert "window_context" not in of_rows.recorded()
    assert of_windows.recorded()["window_context"] == "row"
