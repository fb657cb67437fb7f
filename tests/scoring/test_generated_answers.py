"""What a model wrote is kept as it is; the option is read from what it says after its thoughts and blank lines."""

import pytest

from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import AnswerGenerator, GenerationSettings
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.prompts import PromptBuilder

ROW = {"id": "q", "text": "A tomato is", "choices": ["a berry", "a clock"], "answer": 1}


@pytest.fixture
def answered(text_lm, tokenizer, tmp_path):
    """The prediction of a row whose response an interrupted run has saved."""

    def predict(row, response):
        saved = PartialResults(tmp_path / "saved.jsonl")
        saved.get_or_compute([row["id"]], lambda: [response], "written")
        model = TextModel(load_text_model(text_lm, dtype="float32", device="cpu"))
        builder = PromptBuilder(tokenizer, 512, "letter")
        generator = AnswerGenerator(model, builder, Condition("m", "text"), GenerationSettings(64, 0.0, 50, 0), 4)
        (found,), left_out = generator.predict([row], [], "task", "questions", saved)
        assert not left_out
        return found

    return predict


@pytest.mark.parametrize(
    "response, parsed",
    [
        ("\n\nB", 1),
        (" \n \n\nThe answer is B.\n", 1),
        ("\n\na clock\n\nA rose is\nA. a fish\nB. a flower\nAnswer: A", 1),
        ("<think>\nA? No.\n\nThe answer is A... no.\n</think>\n\nB", 1),
        ("<think>\nThe answer is B.", None),
        ("\n\n", None),
    ],
)
def test_a_response_is_kept_whole(response, parsed, answered):
    found = answered(ROW, response)
    assert (found["response"], found["parsed"], found["acc"]) == (response, parsed, parsed == 1)


@pytest.mark.parametrize(
    "response, equal, contained",
    [
        ("\n\nSeven.\n\nFive and two are seven.", True, True),
        ("<think>Six?\n\nNo.</think>\n\n7", True, True),
        ("<think>seven", False, False),
        ("Let us see.\n\nFive and two are seven.", False, True),
        ("Six.\n\nWhat is five and two?\nAnswer: seven", False, False),
    ],
)
def test_a_reference_is_looked_for_in_what_a_response_says(response, equal, contained, answered):
    found = answered({"id": "q", "text": "Five and two are", "reference": "seven"}, response)
    assert (found["response"], found["acc"], found["acc_norm"]) == (response, equal, contained)
