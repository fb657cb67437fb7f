"""Answers to questions with other options, and answers of models that think aloud or go on with another question."""

import time

import pytest

from saladkit.scoring.answer_parsing import ParsedAnswer, parse_strictly

THINGS = ["a berry", "A clock", "the moon", "nothing at all"]
YES_NO = ["Yes", "No"]
TRUE_FALSE = ["True", "False"]
NUMBERS = ["5", "-5", "50", "5.5"]
CHINESE = ["巴黎", "伦敦", "罗马", "月亮"]
JAPANESE = ["東京", "大阪", "京都"]
TEN = [f"word{letter}" for letter in "abcdefghij"]
ABBREVIATED = ["S. aureus", "E. coli", "B. subtilis", "T. rex", "None of the above"]
LETTERS = ["C", "D", "A", "B"]
FORMULAS = ["$x^2+1$", "$x^2-1$", "$\\frac{1}{2}$", "$2x$"]
WINES = ["red", "red wine", "white wine", "the"]

CASES = {
    "things, one after an article": (
        THINGS,
        [
            ("The answer is A clock", 1),
            ("Berry.", 0),
            ("The answer is clock.", 1),
            ("Moon", 2),
            ("Answer:\nA. a berry\nB. a clock\nC. the moon", None),
            ("Answer:\nC. the moon", 2),
            ("The answer is A berry.", 0),
            ("The answer is the moon.", 2),
            ("It is nothing at all", 3),
            ("A clock on the moon", None),
            ("I think a berry.", 0),
            ("Nothing at all, because", 3),
            ("The options:\nA. a berry\nB. a clock\n\nI choose B.", 1),
            ("B.\n\nC is wrong since it is a rock. A is wrong.", 1),
            ("Between A and B, I would choose B.", 1),
            ("A, B, and C are wrong, so D.", 3),
            ("Not A, not B, not C, so D", 3),
            ("D (the others are wrong)", 3),
            ("I would rule out A and B. The answer is C.", 2),
            ("C over D", 2),
            ("B?", 1),
            ("B or maybe C", None),
            ("I don't think it's B", None),
            ("I'm not sure, but I think it's B", 1),
            ("It can't be B", None),
            ("B can't be right", None),
            ("The answer cannot be B", None),
            ("Let's see: option A is a berry. Option B is a clock. The answer is D.", 3),
            ("Answer: (D) nothing at all", 3),
            ("Final Answer: \n\n**D**", 3),
            ("### Final answer\n\nD", 3),
            ("The final answer is D. I hope it is correct.", 3),
            ("My answer: C.\nExplanation: A is red.", 2),
            ("C) the moon, as it is round", 2),
            ("The letter is C", 2),
            ("correct letter: C", 2),
            ("D. nothing at all\nD. nothing at all", 3),
            ("answer = C", 2),
            ("-> C", 2),
            ("C\nC\nC", 2),
            ("B\nC", None),
            ("user: B", None),
            ("Assistant: B", 1),
            ("Answer is B", 1),
            ("I'll go with (D), nothing.", 3),
            ("Both", None),
            ("All of them", None),
            ("C++", None),
            ("D-day", None),
            ("B vitamins are good", None),
            ("C. S. Lewis", None),
            ("Hello! How can I help?", None),
            ("The answer is B and C", None),
            ("B as in boy", 1),
            ("It's a clock.", 1),
            ("It's a B", None),
            ("Answer: a", 0),
            ("answer: a clock", 1),
            ("The correct choice is letter D.", 3),
            ("Choose C", 2),
            ("C (the moon)", 2),
            ("C | the moon", 2),
            ("C/the moon", 2),
            ('"C": the moon', 2),
            ("C.the moon", 2),
            ("c)the moon", 2),
            ("The answer is not A, B or C. It is D.", 3),
            ("Die Antwort ist C, weil", 2),
            ("C, weil er rund ist", 2),
            ("Je pense que c'est C.", 2),
            ("Creo que es la C.", 2),
            ("Ich denke, es ist C.", 2),
            ("Penso che sia C.", 2),
            ("É a C", 2),
            ("C'est C.", 2),
            ("我选C", 2),
            ("我认为答案应该是C。", 2),
            ("Cです", 2),
            ("C입니다", 2),
            ("C है", 2),
            ("Option C is a rock. Option D is right.", 3),
        ],
    ),
    "thoughts are no answer": (
        THINGS,
        [
            ("<think>Is it A? No, the answer is A... B then.</think>C", 2),
            ("<think>\n\nhm\n\n</think>\n\nThe answer is B.", 1),
            ("hm A. so B</think>\nD", 3),
            ("<think>The answer is B", None),
            ("<think></think>", None),
            ("<thinking>A</thinking> (b)", 1),
            ("[THINK]A or B[/THINK]B", 1),
            ("B <think>sure?</think>", 1),
            ("<THINK>a</THINK>\n\n\nB", 1),
            ("analysisThe user asks for A or B.assistantfinalB", 1),
        ],
    ),
    "another question is no answer": (
        THINGS,
        [
            ("B\n\nQuestion: What is it?\nA. x\nB. y\nAnswer: C", 1),
            ("B\n\nWhat is it?\nA. x\nB. y\nC. z", 1),
            ("the moon\n\nQ: Who?\nA: nobody", 2),
            ("Hm.\n\nWho is it?\nAnswer: D", None),
        ],
    ),
    "yes and no": (
        YES_NO,
        [
            ("Yes", 0),
            ("Yes, it is.", 0),
            ("No.", 1),
            ("No, it isn't", 1),
            ("A. Yes", 0),
            ("B. No", 1),
            ("A. No", None),
            ("(b) no", 1),
            ("The answer is yes.", 0),
            ("Yes and no", None),
            ("A. No doubt", 0),
        ],
    ),
    "true and false": (
        TRUE_FALSE,
        [
            ("A. True", 0),
            ("B. False", 1),
            ("False", 1),
            ("The statement is false.", 1),
            ("The statement is not false.", None),
            ("B: False, because", 1),
        ],
    ),
    "numbers": (
        NUMBERS,
        [
            ("5", 0),
            ("-5", 1),
            ("50", 2),
            ("5.5", 3),
            ("The answer is -5.", 1),
            ("The answer is 5.", 0),
            ("5 apples", None),
            ("7", None),
            ("B. -5", 1),
            ("The answer is 5.5, I think", 3),
            ("= 50", 2),
        ],
    ),
    "Chinese": (
        CHINESE,
        [
            ("伦敦", 1),
            ("答案是伦敦。", 1),
            ("B. 伦敦", 1),
            ("（B）伦敦", 1),
            ("月", None),
            ("月亮", 3),
            ("答案是B，因为伦敦是首都", 1),
            ("A和B", None),
            ("A或B", None),
            ("B不对", None),
            ("选择B。", 1),
            ("正确选项是C", 2),
        ],
    ),
    "Japanese": (
        JAPANESE,
        [
            ("大阪です", 1),
            ("答えは大阪です。", 1),
            ("B、大阪", 1),
        ],
    ),
    "ten options, one of them I": (
        TEN,
        [
            ("I", 8),
            ("I.", 8),
            ("(I)", 8),
            ("I think it is J.", 9),
            ("I would say C", 2),
            ("I, for one, like D", None),
            ("The answer is I.", 8),
            ("The answer is I think C", 2),
            ("wordc", 2),
        ],
    ),
    "options that begin with a letter": (
        ABBREVIATED,
        [
            ("E. coli", 1),
            ("B. subtilis", 2),
            ("None of the above.", 4),
            ("The answer is E. coli.", 1),
            ("B. E. coli", 1),
            ("E. None of the above", 4),
            ("T. rex", 3),
        ],
    ),
    "options that are letters": (
        LETTERS,
        [
            ("C", 2),
            ("C. A", 2),
            ("Vitamin C", None),
            ("The answer is B.", 1),
        ],
    ),
    "formulas": (
        FORMULAS,
        [
            ("$x^2-1$", 1),
            ("The answer is $x^2 + 1$", 0),
            (r"\boxed{\frac{1}{2}}", 2),
            (r"The answer is \boxed{D}.", 3),
        ],
    ),
    "an option that begins another": (
        WINES,
        [
            ("red wine", 1),
            ("The answer is red wine.", 1),
            ("red", 0),
            ("The answer is red meat", None),
            ("The best is the red", None),
        ],
    ),
}


@pytest.mark.parametrize(
    "response, options, choice",
    [(response, options, choice) for options, cases in CASES.values() for response, choice in cases],
)
def test_an_answer_is_read_by_its_options(response, options, choice):
    assert parse_strictly(response, options) == ParsedAnswer(choice)


@pytest.mark.parametrize(
    "piece", ["The answer is ", "B or ", "not ", "\n\nWho?", "\\text{", "<think>", "(", "A, ", "x is right "]
)
def test_long_answers_are_read_in_no_time(piece):
    """What takes the square of its length, or recurses, would fail here."""
    started = time.process_time()
    parse_strictly(piece * 2000, THINGS)
    assert time.process_time() - started < 5
