"""Stretches of recordings, as their paths name them."""

import pytest

from saladkit.sources.stretches import Stretch


@pytest.mark.parametrize(
    "path, start, end, channels",
    [
        ("a.wav", 0.0, None, None),
        ("a.wav#t=1", 1.0, None, None),
        ("a#b.wav#t=0.5,2", 0.5, 2.0, None),
        ("a.wav#t=0,2&channel=1", 0.0, 2.0, (1,)),
        ("a.wav#channel=0,2", 0.0, None, (0, 2)),
    ],
)
def test_stretches_are_what_their_paths_say(path, start, end, channels):
    found = Stretch.parse(path)
    assert (found.start, found.end, found.channels) == (start, end, channels)
    assert str(found) == path
    assert found.path == path[: path.rindex("wav") + 3]


@pytest.mark.parametrize("path", ["a.wav#", "a.wav#t=", "#t=1,2", "a#tune", "a#t=1;2", "a#channel=x", "a#t=-1,2"])
def test_other_names_are_files(path):
    assert Stretch.parse(path) == Stretch(path)


def test_half_a_fragment_of_the_standard():
    assert Stretch.parse("a.wav#t=,2.5") == Stretch("a.wav", 0.0, 2.5)
