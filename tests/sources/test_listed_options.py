"""Options that a prompt lists, and the sentences after them that ask for the answer."""

import pytest

from saladkit.sources.benchmarks.listed_options import options_of

CLOSING = "What is the answer to the above multiple choice question? Select one of the following: A, B, C, or D."
FOUR = ["one", "two", "three", "four"]
LINES = "Q?\nA. one\nB. two\nC. three\nD. four\n"


@pytest.mark.parametrize(
    "prompt, options",
    [
        ("What? (A) one (B) two", ["one", "two"]),
        ("What?\nA: one,\nB: two;\nC: three", ["one", "two", "three"]),
        ("No options here", []),
        ("A. Smith wrote it. Who? A. he B. she", ["he", "she"]),
        (
            "Which?\nA. hepatitis B.\nB. hepatitis C.\nC. none\nD. both",
            ["hepatitis B.", "hepatitis C.", "none", "both"],
        ),
        ("Which?\nA. A. niger\nB. E. coli\nC. both", ["A. niger", "E. coli", "both"]),
        ("What? A. only one", []),
        ("Which? A. Hepatitis B. B. Hepatitis C. C. Influenza. D. HIV.", []),
        (
            "A. The first is x.\nB. The second is y.\nWhich holds? A. only one B. only two C. both D. neither",
            ["only one", "only two", "both", "neither"],
        ),
        (
            "Plan A. is old. What is due?\nA) a fee\nB) nothing (U.S. law)\nC) 3 a. m.\nD) a writ",
            ["a fee", "nothing (U.S. law)", "3 a. m.", "a writ"],
        ),
        (
            f"An electric car runs via\nA. gasoline\nB. a power station\nC. electrical conductors\nD. fuel\n{CLOSING}",
            ["gasoline", "a power station", "electrical conductors", "fuel"],
        ),
        (
            f"An electric car runs via A. gasoline B. a power station C. electrical conductors D. fuel {CLOSING}",
            ["gasoline", "a power station", "electrical conductors", "fuel"],
        ),
        (f"Q? A. one. B. two. C. three. D. four. {CLOSING}", ["one.", "two.", "three.", "four."]),
        ("Q?\nA. one\nB. two\nC. three\nD. None of the above", ["one", "two", "three", "None of the above"]),
        (f"Q?\nA. one\nB. two\nC. three\nD. Both A and B\n{CLOSING}", ["one", "two", "three", "Both A and B"]),
        (
            f"Q?\nA. a long\noption here\nB. two\nC. three\nD. a long one\nover two lines\n{CLOSING}",
            ["a long\noption here", "two", "three", "a long one\nover two lines"],
        ),
        (f"Q?\nA. x\nB. y\nC. z\nD. the bacterium E. coli\n{CLOSING}", ["x", "y", "z", "the bacterium E. coli"]),
        (f"Q? A. x B. y C. z D. the bacterium E. coli {CLOSING}", ["x", "y", "z", "the bacterium E. coli"]),
        ("Q?\nA. x\nB. y\nC. z\nD. the bacterium E. coli", ["x", "y", "z", "the bacterium E. coli"]),
        (
            "Which? A. Vitamin A. B. Vitamin B. C. Vitamin C. D. None",
            ["Vitamin A.", "Vitamin B.", "Vitamin C.", "None"],
        ),
        (
            f"Q?\nA. first\nB. second, as in\nA. Smith's book\nC. third\nD. fourth\n{CLOSING}",
            ["first", "second, as in\nA. Smith's book", "third", "fourth"],
        ),
        ("Q? Option A: one Option B: two Option C: three Option D: four", ["one", "two", "three", "four"]),
        (
            "Q?\nOption A. one\nOption B. two\nOption C. three\nOption D. four\nWhich option is correct?",
            ["one", "two", "three", "four"],
        ),
        ("Select one of the following: A. x B. y C. z D. w", ["x", "y", "z", "w"]),
        ("Which of the following is an answer? A. x B. y C. z D. w. Select A, B, C or D", ["x", "y", "z", "w."]),
        ("Q? A. one. B. two. Which is correct?", ["one.", "two."]),
        ("Q? A) one B) two, or C) three?", ["one", "two", "three?"]),
        ("Q? A. the U.S.A. B. a Ph.D. C. France", ["the U.S.A.", "a Ph.D.", "France"]),
        ("Under plan A. or B. of the law? A. x B. y C. z", ["x", "y", "z"]),
        ("Q?A.one.B.two.", ["one.", "two."]),
        ("Which? A. A B. B C. C D. D", ["A", "B", "C", "D"]),
        (
            "Q?\nA. one\nB. H0 holds. The correct answer depends on it.",
            ["one", "H0 holds. The correct answer depends on it."],
        ),
        (
            "Q?\nA. Ask students for an answer.\nB. Give it away.\nC. Select the best answer.\nD. Give the answer.",
            [
                "Ask students for an answer.",
                "Give it away.",
                "Select the best answer.",
                "Give the answer.",
            ],
        ),
        (
            f"Q?\nA. one\nB. two\nC. three\nD. Choose the best answer.\n{CLOSING}",
            ["one", "two", "three", "Choose the best answer."],
        ),
        (f"Q?\r\nA. one\r\nB. two\r\nC. three\r\nD. four\r\n{CLOSING}", ["one", "two", "three", "four"]),
        ("Q?\n(A) one\n(B) two\n(C) three\n(D) four\nThe answer is", ["one", "two", "three", "four"]),
        ("Q? [A] one [B] two", ["one", "two"]),
        ("Q?\n(a) one\n(b) two\n(c) three\nSelect (a), (b) or (c).", ["one", "two", "three"]),
        ("Under sections (a) and (b) of the law? A. one B. two", ["one", "two"]),
        ("Under sections (a) and (b) of the law?", []),
        (
            f"Q?\nA. plants; they use it\nB. What is the answer? said he\nC. x\nD. y\n{CLOSING}",
            ["plants; they use it", "What is the answer? said he", "x", "y"],
        ),
    ],
)
def test_options_of_a_prompt(prompt, options):
    assert options_of(prompt) == options


@pytest.mark.parametrize(
    "closing",
    [
        CLOSING,
        CLOSING.lower().replace("a, b, c, or d", "A, B, C, or D"),
        "Please choose the correct option from A, B, C and D.",
        "Answer with the option's letter from the given choices directly.",
        "Answer:",
        "\nPlease select the correct answer. Answer with A, B, C, or D only.",
        "Which of the above is correct?",
        "Select your answer from (A), (B), (C) or (D).",
        "Just give the letter, A/B/C/D.",
        "Answer",
        "Which is correct?",
        "Choose from A-D.",
        "Select one: A B C D",
        "Options: A, B, C, D",
        "The options are A, B, C and D. Do not explain.",
        "Your answer (A, B, C or D):",
        "Which one of the following is right? Reply with the letter only. Think step by step.",
        "Pick the best one: A, B, C, or D.\n",
    ],
)
def test_a_closing_sentence_belongs_to_no_option(closing):
    assert options_of(LINES + closing) == FOUR
    assert options_of(LINES.replace("\n", "\r\n") + closing) == FOUR
    marked = LINES.replace("A. ", "(A) ").replace("B. ", "(B) ").replace("C. ", "(C) ").replace("D. ", "(D) ")
    assert options_of(marked + closing) == FOUR
