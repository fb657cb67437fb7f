"""Which results are saved, and which are computed again."""

import pytest

from saladkit.scoring.partial_results import PartialResults


def not_called():
    raise AssertionError("computed again")


def test_a_saved_batch_is_not_computed_again(tmp_path):
    path = tmp_path / "model" / "block.jsonl"
    first = PartialResults(path).get_or_compute(["a", "b"], lambda: [[0.1, True], "ja\nnein é"])
    assert first == [[0.1, True], "ja\nnein é"]
    assert PartialResults(path).get_or_compute(["b", "a"], not_called) == first[::-1]


def test_results_of_several_kinds_are_kept_apart(tmp_path):
    path = tmp_path / "block.jsonl"
    saved = PartialResults(path)
    assert saved.get_or_compute(["a"], lambda: [1]) == [1]
    assert saved.get_or_compute(["a"], lambda: ["x"], "written") == ["x"]
    again = PartialResults(path)
    assert again.get_or_compute(["a"], not_called) == [1] and again.get_or_compute(["a"], not_called, "written") == [
        "x"
    ]


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_a_batch_whose_last_line_was_cut_off_is_computed_whole(lost, tmp_path):
    path = tmp_path / "block.jsonl"
    PartialResults(path).get_or_compute(["a"], lambda: [1.5])
    PartialResults(path).get_or_compute(["b", "c"], lambda: ["a long enough answer", "another long enough answer"])
    path.write_text(path.read_text()[:-lost])
    again = PartialResults(path)
    assert again.get_or_compute(["a"], not_called) == [1.5]
    assert again.get_or_compute(["b", "c"], lambda: ["x", "y"]) == ["x", "y"]
    assert PartialResults(path).get_or_compute(["b", "c"], not_called) == ["x", "y"]
