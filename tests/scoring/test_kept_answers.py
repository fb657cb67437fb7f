"""What is kept of answers, and what is asked again."""

import pytest

from saladkit.scoring.kept_answers import KeptAnswers


def unasked():
    raise AssertionError("asked again")


def test_a_batch_that_is_kept_is_not_asked_again(tmp_path):
    path = tmp_path / "model" / "block.jsonl"
    first = KeptAnswers(path).of_batch(["a", "b"], lambda: [[0.1, True], "ja\nnein é"])
    assert first == [[0.1, True], "ja\nnein é"]
    assert KeptAnswers(path).of_batch(["b", "a"], unasked) == first[::-1]


@pytest.mark.parametrize("lost", [1, 5, 20])
def test_a_line_that_was_cut_off_is_none_and_its_batch_is_asked_whole(lost, tmp_path):
    path = tmp_path / "block.jsonl"
    KeptAnswers(path).of_batch(["a"], lambda: [1.5])
    KeptAnswers(path).of_batch(["b", "c"], lambda: ["a long enough answer", "another long enough answer"])
    path.write_text(path.read_text()[:-lost])
    again = KeptAnswers(path)
    assert again.of_batch(["a"], unasked) == [1.5]
    assert again.of_batch(["b", "c"], lambda: ["x", "y"]) == ["x", "y"]
    assert KeptAnswers(path).of_batch(["b", "c"], unasked) == ["x", "y"]
