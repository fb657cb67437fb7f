import random

import pytest

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.aligners.pairing import pair_words


def placed(*words):
    """Words of 0.5 s each, one after another; (word, start, end) and (word, None, None) stand as they are."""
    return [
        Word(*word) if isinstance(word, tuple) else Word(word, 0.5 * index, 0.5 * index + 0.5)
        for index, word in enumerate(words)
    ]


def times(pairing):
    return [(word.word, word.start, word.end) for word in pairing.words]


def test_case_punctuation_and_unicode_do_not_matter():
    text = "“Don’t,” said Zoë — the ﬁfth STRASSE: 2½!"
    found = pair_words(text, placed("DON'T", "said", "zoe\u0308", "the", "fifth", "straße", "2½"))
    assert times(found) == [
        ("“Don’t,”", 0.0, 0.5),
        ("said", 0.5, 1.0),
        ("Zoë", 1.0, 1.5),
        ("—", None, None),
        ("the", 1.5, 2.0),
        ("ﬁfth", 2.0, 2.5),
        ("STRASSE:", 2.5, 3.0),
        ("2½!", 3.0, 3.5),
    ]
    assert (found.not_in_text, found.unknown) == (0, 0)


def test_vowel_signs_are_letters():
    found = pair_words("कि की कि", placed("की", "कि"))
    assert times(found) == [("कि", None, None), ("की", 0.0, 0.5), ("कि", 0.5, 1.0)]


def test_a_word_that_was_not_placed_has_no_times_and_one_too_many_is_counted():
    found = pair_words("In 1984 the clock struck.", placed("in", "uh", ("1984", None, None), "the", "clock", "struck"))
    assert times(found) == [
        ("In", 0.0, 0.5),
        ("1984", None, None),
        ("the", 1.5, 2.0),
        ("clock", 2.0, 2.5),
        ("struck.", 2.5, 3.0),
    ]
    assert found.not_in_text == 1
    assert times(pair_words("a b c d", placed("a", "x", "d"))) == [
        ("a", 0.0, 0.5),
        ("b", None, None),
        ("c", None, None),
        ("d", 1.0, 1.5),
    ]


def test_silences_are_no_words_and_unknown_ones_are_counted():
    found = pair_words(
        "the cat sat here", placed("<eps>", "the", "<unk>", "", "sat", "SIL", "spn", "here", ",", "<unk>")
    )
    assert [word.start for word in found.words] == [0.5, None, 2.0, 3.5]
    assert (found.unknown, found.not_in_text) == (3, 0)


def test_a_word_takes_the_parts_that_together_have_its_letters():
    parts = [
        Word("new", 0.0, 0.2, 0.5),
        Word("york's", 0.25, 0.5, 1.0),
        Word("don", 0.5, 0.6),
        Word("'t", 0.6, 0.7, 1.0),
    ]
    found = pair_words("New-York's don't", parts)
    assert found.words == [Word("New-York's", 0.0, 0.5, 0.75), Word("don't", 0.5, 0.7, None)]
    assert found.not_in_text == 0
    found = pair_words("a New-York b", placed("a", "new", ("york", None, None), "b"))
    assert times(found)[1] == ("New-York", None, None)
    # Where the import joins what the text parts, nobody knows where the one ends and the other begins.
    found = pair_words("a New York b", placed("a", "new-york", "b"))
    assert times(found)[1:3] == [("New", None, None), ("York", None, None)]
    assert found.not_in_text == 1


def test_parts_are_found_where_one_begins_as_the_other():
    assert times(pair_words("newer-new", placed("new", "newer", "new"))) == [("newer-new", 0.5, 1.5)]


def test_words_taken_out_and_put_in_leave_the_times_of_the_others():
    """Against a construction with a known answer: every word is another, so that there is one way to pair them."""
    draw = random.Random(0)
    for _ in range(200):
        words = [f"w{number}" for number in draw.sample(range(1000), 20)]
        expected, spoken, clock = [], [], 0.0
        for word in words:
            while draw.random() < 0.2:
                spoken.append(Word(f"x{draw.randrange(1000)}", clock, clock + 0.3))
                clock += 0.3
            if draw.random() < 0.3:
                expected.append((word, None, None))
                continue
            clock += 0.1
            spoken.append(Word(word.upper() + ",", clock, clock + 0.3))
            expected.append((word, clock, clock + 0.3))
            clock += 0.3
        if 2 * sum(start is not None for _, start, _ in expected) < len(words):
            continue
        found = pair_words(" ".join(words), spoken, clock)
        assert times(found) == expected
        assert found.not_in_text == sum(word.word[0] == "x" for word in spoken)


def test_fewer_than_half_of_the_words_are_another_text():
    assert pair_words("a b c d", placed("a", "d")).words
    with pytest.raises(SaladError, match="the times are of another text: 1 of its 4 words find one"):
        pair_words("a b — c d", placed("a", "x", "y", "z"))
    with pytest.raises(SaladError, match="of another text: 0 of its 0 words"):
        pair_words("— …", placed("a"))
    with pytest.raises(SaladError, match="of another text: 1 of its 3 words"):  # they are, and were not placed
        pair_words("a 1 2", placed("a", ("1", None, None), ("2", None, None)))


@pytest.mark.parametrize(
    "words, problem",
    [
        ([("a", float("nan"), 0.5), ("b", 0.5, 1.0)], "the time of 'a' is not finite"),
        ([("a", 0.0, float("inf")), ("b", 0.5, 1.0)], "the time of 'a' is not finite"),
        ([("a", -0.1, 0.5), ("b", 0.5, 1.0)], "'a' starts at -0.100 s"),
        ([("a", 0.5, 0.4), ("b", 0.5, 1.0)], "'a' ends at 0.400 s, before it starts"),
        ([("a", 0.5, 1.0), ("b", 0.0, 0.5)], "'b' starts at 0.000 s, before 'a' ends"),
        ([("a", 0.0, 0.53), ("x", None, None), ("b", 0.5, 1.0)], "'b' starts at 0.500 s, before 'a' ends"),
        ([("a", 0.0, 0.5), ("b", 0.5, 2.11)], "'b' ends at 2.110 s, and the audio at 2.000 s"),
    ],
)
def test_times_that_cannot_be(words, problem):
    with pytest.raises(SaladError, match=problem):
        pair_words("a b", placed(*words), 2.0)


def test_an_overlap_of_rounded_times_ends_the_word_before():
    found = pair_words("a b c", placed(("a", 0.0, 0.51), ("<eps>", None, None), ("b", 0.5, 0.5), ("c", 0.5, 2.1)), 2.0)
    assert times(found) == [("a", 0.0, 0.5), ("b", 0.5, 0.5), ("c", 0.5, 2.1)]
