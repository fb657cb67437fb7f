"""What is kept of answers, and what is asked again."""

import pytest

from saladkit.scoring.partial_results import PartialResults


def unasked():
    raise AssertionError("asked again")


def test_a_batch_that_is_kept_is_not_asked_again(tmp_path):
    path = tmp_path / "model" / "block.jsonl"
    first = PartialResults(path).get_or_compute(["a", "b"], lambda: [[0.1, True], "ja\nnein é"])
    assert first == [[0.1, True], "ja\nnein é"]
    assert PartialResults(path).get_or_compute(["b", "a"], unasked) == first[::-1]


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_a_line_that_was_cut_off_is_none_and_its_batch_is_asked_whole(lost, tmp_path):
    path = tmp_path / "block.jsonl"
    PartialResults(path).get_or_compute(["a"], lambda: [1.5])
    PartialResults(path).get_or_compute(["b", "c"], lambda: ["a long enough answer", "another long enough answer"])
    path.write_text(path.read_text()[:-lost])
    again = PartialResults(path)
    assert again.get_or_compute(["a"], unasked) == [1.5]
    assert again.get_or_compute(["b", "c"], lambda: ["x", "y"]) == ["x", "y"]
    assert PartialResults(path).get_or_compute(["b", "c"], unasked) == ["x", "y"]
