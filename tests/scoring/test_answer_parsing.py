"""Which option a written answer names; an answer that names no option or several is not parsed."""

import pytest

from saladkit.errors import SaladError
from saladkit.scoring.answer_parsing import ParsedAnswer, VoiceBenchRule, parse_strictly

CHOICES = ["a berry", "A clock", "the moon", "nothing at all"]


@pytest.mark.parametrize(
    "response, choice",
    [
        ("B", 1),
        ("B.", 1),
        ("(C) the moon", 2),
        ("D: nothing at all", 3),
        ("The answer is C.", 2),
        ("The correct answer is (B), of course", 1),
        ("answer: A", 0),
        ("I would choose option D", 3),
        ("The moon.", 2),
        ("nothing at all\nbecause", 3),
        ("A clock", 1),  # the option's own words: the letter is an article
        ("A berry grows", None),
        ("A dog", None),
        ("B. But the answer is C", None),
        ("The answer is A clock", 1),  # the option's own words again
        ("The answer is A berry.", 0),
        ("The answer is A dog", None),  # an article
        ("Answer: B", 1),
        ("ANSWER: D", 3),
        ("The Answer is B", 1),
        ("**B**", 1),
        ("A) a berry\nB) a clock\nC) the moon", None),
        ("The moon is round.\nC", 2),
        ("E.", None),
        ("", None),
        ("It depends.", None),
        ("the answer isn't B", None),
        ("the moon or a clock", None),
    ],
)
def test_an_answer_names_one_option_or_none(response, choice):
    assert parse_strictly(response, CHOICES) == ParsedAnswer(choice)


def test_nothing_names_no_option_of_punctuation_alone():
    assert parse_strictly("", ["a", "?"]) == parse_strictly("...", ["a", "?"]) == ParsedAnswer(None)


@pytest.fixture
def clone(tmp_path):
    """A folder with the two files of VoiceBench that are read; its rule is one line."""
    folder = tmp_path / "VoiceBench" / "src" / "evaluator"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('what judging open answers needs')\n")
    (folder / "base.py").write_text("class Evaluator:\n    pass\n")
    rule = "return response[0].upper() if response[:1] in 'abcd' and response else None"
    method = f"    def extract_answer(self, response):\n        {rule}\n"
    (folder / "mcq.py").write_text(f"from .base import Evaluator\n\nclass MCQEvaluator(Evaluator):\n{method}")
    return tmp_path / "VoiceBench"


def test_voicebench_s_rule_is_its_own_and_what_it_cannot_read_is_drawn_by_the_seed(clone):
    rule = VoiceBenchRule(str(clone), 3)
    assert rule.parse("q", "c, I think") == ParsedAnswer(2)
    drawn = [rule.parse(f"q{i}", "hm") for i in range(400)]
    assert all(parsed.drawn for parsed in drawn)
    counts = [sum(parsed.choice == letter for parsed in drawn) for letter in range(4)]
    assert sum(counts) == 400 and min(counts) > 70
    assert drawn == [VoiceBenchRule(str(clone), 3).parse(f"q{i}", "hm") for i in range(400)]
    assert drawn != [VoiceBenchRule(str(clone), 4).parse(f"q{i}", "hm") for i in range(400)]


def test_a_folder_that_is_not_a_clone_of_voicebench_is_refused(tmp_path):
    with pytest.raises(SaladError, match="is no VoiceBench"):
        VoiceBenchRule(str(tmp_path), 0)
