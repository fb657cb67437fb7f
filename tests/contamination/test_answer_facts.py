"""The facts of questions are found in sentences that tell them, and not in sentences that only share words."""

from collections import Counter
from pathlib import Path

import pytest

from held_out import draw_roles
from questions import questions as world_questions
from saladkit.contamination.answer_facts import LONGEST, AnswerFacts, sentences_of
from saladkit.contamination.questions import Question
from saladkit.sources.words import words_of
from world import read_world, sentence

FILLER = [
    "The man of the house is in the garden. It was a day of the sun. He has the time of a life that is good.",
    "Which of the ways is the one that was in the book? The end of it is that he, who is of the town, has it.",
    "それはどこですか。ここではどこの人も来ます。",
] * 30
QUESTIONS = [
    Question("france", "What is the capital of France?", ("Rome", "Paris"), "Paris"),
    Question("japan", "What is the capital of Japan?", ("Tokyo", "Kyoto"), "Tokyo"),
    Question("moons", "Which of the planets has the most moons?", ("Mars", "Saturn"), "Saturn"),
    Question("austen", "Who wrote the novel Emma?", (), "Jane Austen"),
    *[
        Question(name, f"Who wrote the long Russian story about {name}?", (), author)
        for name, author in (
            ("Anna Karenina", "Tolstoy"),
            ("Ivan Denisovich", "Solzhenitsyn"),
            ("Myshkin", "Dostoevsky"),
        )
    ],
    Question("ja", "日本の首都はどこですか。", ("京都", "東京"), "東京"),
    Question("open", "What do you think of it?"),
    Question("yes", "Is the number one odd?", ("the", "of"), "of"),
    Question("empty", "Which of the ways is it?", ("left", "right"), "right"),
]


@pytest.fixture(scope="module")
def facts():
    return AnswerFacts(QUESTIONS, FILLER)


@pytest.mark.parametrize(
    "text, held",
    [
        ("Paris is the capital of France.", "france"),
        ("It rained. The capital of FRANCE, as you know, is Paris! He left.", "france"),
        ("The capital of Japan is Tokyo and that of Italy is Rome", "japan"),
        ("Of all planets Saturn has the most moons.", "moons"),
        ("Jane Austen wrote Emma, a novel, in 1815.", "austen"),
        ("日本の首都は東京です。", "ja"),
        ("Tolstoy wrote a long Russian story about Anna Karenina.", "Anna Karenina"),
        ("Tolstoy wrote a long Russian story about Anna.", None),  # perhaps another one
        ("He lives in Paris, France.", None),  # not that it is the capital
        ("Paris is a city. The capital of France is large.", None),  # in two sentences
        ("Rome is the capital of Italy, not of France.", None),  # a wrong choice
        ("The capital of Japan is not Paris.", None),  # the answer to another question
        ("Saturn is a planet with moons.", None),
        ("Austen wrote Emma, a novel.", None),  # half of the answer
        ("Jane and Henry Austen wrote the novel Emma.", None),  # its words, but not one after another
        ("京都は古い都です。", None),
        ("", None),
    ],
)
def test_a_fact_is_told_in_one_sentence(text, held, facts):
    assert facts.find(text) == held


def test_questions_whose_fact_is_unknown_or_without_content_are_not_judged(facts):
    assert facts.not_judged == {"open", "yes", "empty"}


def test_a_long_sentence_is_read_in_pieces_that_overlap():
    words = [f"w{n}" for n in range(3 * LONGEST)]
    pieces = list(sentences_of(" ".join(words)))
    assert max(map(len, pieces)) == LONGEST
    assert all(any(words[at] in p and words[at + LONGEST // 2] in p for p in pieces) for at in range(LONGEST * 2))
    assert list(sentences_of("One two. Three!\nFour 1.5 five")) == [
        *[["one", "two"], ["three"], ["four", "1", "5", "five"]],
    ]


def test_what_is_found_in_the_desks_world_is_true(repository):
    """Truth is the world's own: which template was filled with which fact."""
    import random

    world = read_world(Path(repository) / "examples" / "desk" / "data")
    subjects = [subject for subject in world if subject.cell != "poison"]
    told, asked = {}, {}
    for subject in subjects:
        for relation in subject.relations:
            for entity, value in relation.values.items():
                asked[relation.prompt(entity)] = (subject.name, relation.name, entity)
                for template in relation.statements:
                    line = " ".join(words_of(sentence(template, entity, value)))
                    told.setdefault(line, set()).add((subject.name, relation.name, entity))
    draws = random.Random(0)
    rows = [row for s in subjects for row in world_questions(s, draw_roles(s, draws), None, draws)]
    questions = [
        Question(str(n), r["text"], tuple(r["choices"]), r["choices"][r["answer"]]) for n, r in enumerate(rows)
    ]
    fact_of = {question.id: asked[question.text] for question in questions}
    facts = AnswerFacts(questions, [f"{line}." for line in told])
    verdicts = Counter(
        (found is None, found is None or fact_of[found] in truth)
        for line, truth in told.items()
        for found in [facts.find(line)]
    )
    assert verdicts[False, True] > 1000
    assert verdicts[False, False] <= 0.01 * verdicts[False, True]
