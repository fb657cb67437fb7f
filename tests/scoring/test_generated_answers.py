"""What a model wrote is kept as it is; the option is read from what it says after its thoughts and blank lines."""

import pytest

from saladkit.model.loading import load_text_model
from saladkit.model.salad import TextModel
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import AnswerGenerator, GenerationSettings
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.prompts import PromptBuilder

ROW = {"id": "q", "text": "A tomato is", "choices": ["a berry", "a clock"], "answer": 1}


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
def test_a_response_is_kept_whole(response, parsed, text_lm, tokenizer, tmp_path):
    """The response is one that an interrupted run has saved."""
    saved = PartialResults(tmp_path / "saved.jsonl")
    saved.get_or_compute(["q"], lambda: [response])
    model = TextModel(load_text_model(text_lm, dtype="float32", device="cpu"))
    builder = PromptBuilder(tokenizer, 512, "letter")
    generator = AnswerGenerator(model, builder, Condition("m", "text"), GenerationSettings(64, 0.0, 50, 0), 4)
    (found,), left_out = generator.predict([ROW], [], "task", "questions", saved)
    assert (found["response"], found["parsed"], found["acc"]) == (response, parsed, parsed == 1)
    assert not left_out
