"""Words of a text are paired with what is said for them, and one wrong time costs its word alone."""

import random

import pytest

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.speech.aligners.pairing import pair_words


def paired(text, labels):
    """Words that have times, with their times; labels last 1 s each, and have one word unless `|` parts them."""
    labels = labels.split("|") if "|" in labels else labels.split()
    found = pair_words(text, [Word(label, float(at), at + 1.0) for at, label in enumerate(labels)])
    assert [word.word for word in found.words] == text.split()
    return [(word.word, word.start, word.end) for word in found.words if word.start is not None]


# A text, what a tool writes, and the words whose times are another's than their own label.
SPOKEN = [
    ("in 1984 it rained", "in nineteen eighty four it rained", ("1984", 1, 4)),
    ("in 1984 it rained", "in nineteen eighty-four it rained", ("1984", 1, 3)),
    ("in nineteen eighty four it rained", "in 1984 it rained", ("nineteen", 1, 2)),
    ("the 1984 clocks", "the one thousand nine hundred and eighty four clocks", ("1984", 1, 8)),
    ("the 1984 clocks", "the one nine eight four clocks", ("1984", 1, 5)),
    ("in 1905 it rained", "in nineteen oh five it rained", ("1905", 1, 4)),
    ("in 2007 it rained", "in twenty oh seven it rained", ("2007", 1, 4)),
    ("about 2,500 men", "about twenty five hundred men", ("2,500", 1, 4)),
    ("about 105 men", "about one hundred and five men", ("105", 1, 5)),
    ("about 105 men", "about a hundred five men", ("105", 1, 4)),
    ("it cost $5.", "it cost five dollars", ("$5.", 2, 4)),
    ("it cost $5.50 then", "it cost five dollars fifty cents then", ("$5.50", 2, 6)),
    ("it cost $5 million then", "it cost five million dollars then", ("$5", 2, 5)),
    ("it cost £20 then", "it cost twenty pounds then", ("£20", 2, 4)),
    ("about 5% of it", "about five percent of it", ("5%", 1, 3)),
    ("about 5% of it", "about five per cent of it", ("5%", 1, 4)),
    ("about 5% of it", "about 5 percent of it", ("5%", 1, 3)),
    ("the 21st of May", "the twenty first of may", ("21st", 1, 3)),
    ("the 3rd man", "the third man", ("3rd", 1, 2)),
    ("Henry VIII was king", "henry the eighth was king", ("VIII", 1, 3)),
    ("Henry VIII was king", "henry viii was king", ("VIII", 1, 2)),
    ("about 0.5 of it", "about point five of it", ("0.5", 1, 3)),
    ("at 10:30 we left", "at ten thirty we left", ("10:30", 1, 3)),
    ("Dr. Smith left", "doctor smith left", ("Dr.", 0, 1)),
    ("I saw New York today", "I|saw|New York|today", ("New", 2, 3)),
    ("I saw New York, today", "i|saw|new york|today", ("New", 2, 3)),
]


@pytest.mark.parametrize("text, labels, expected", SPOKEN)
def test_what_is_said_for_a_word(text, labels, expected):
    found = paired(text, labels)
    assert expected in found
    times = [time for _, start, end in found for time in (start, end)]
    count = len(labels.split("|" if "|" in labels else None))
    assert times == sorted(times) and (times[0], times[-1]) == (0.0, count)  # and all labels are used
    assert sum(end - start for _, start, end in found) == count


def test_words_that_share_an_interval_have_its_times_once():
    assert paired("I saw New York today", "I|saw|New York|today") == [
        ("I", 0.0, 1.0),
        ("saw", 1.0, 2.0),
        ("New", 2.0, 3.0),
        ("today", 3.0, 4.0),
    ]


@pytest.mark.parametrize("labels", ["the cat sat on the mat|", "the cat sat|on the mat"])
def test_intervals_of_sentences_are_no_words(labels):
    with pytest.raises(SaladError, match="the times are of phrases, not of words"):
        paired("the cat sat on the mat", labels)


def test_marks_of_a_transcript_are_no_words():
    found = pair_words("HELLO <COMMA> [laughter] world", [Word("hello", 0.0, 0.5), Word("world", 0.5, 1.0)])
    assert [word.start for word in found.words] == [0.0, None, None, 0.5]


WRONG = {
    "an overlap": (("c", 1.4, 2.4), "'c' starts at 1.400 s, before 'b' ends (2.000 s)"),
    "a word out of order": (("c", 0.1, 0.2), "'c' starts at 0.100 s, before 'a' ends (1.000 s)"),
    "not finite": (("c", float("nan"), 3.0), "the time of 'c' is not finite"),
    "endless": (("c", 2.0, float("inf")), "the time of 'c' is not finite"),
    "reversed": (("c", 2.5, 2.4), "'c' ends at 2.400 s, before it starts (2.500 s)"),
    "a word that covers those after it": (("c", 2.0, 5.0), "'d' starts at 3.000 s, before 'c' ends (5.000 s)"),
}


@pytest.mark.parametrize("kind", list(WRONG))
def test_one_wrong_time_costs_its_word(kind):
    wrong, reason = WRONG[kind]
    words = [Word("a", 0.0, 1.0), Word("b", 1.0, 2.0), Word(*wrong), Word("d", 3.0, 4.0), Word("e", 4.0, 5.0)]
    found = pair_words("a b c d e", words, 5.0)
    assert [word.start for word in found.words] == [0.0, 1.0, None, 3.0, 4.0]
    assert [(one.word, one.reason) for one in found.unusable] == [("c", reason)]


@pytest.mark.parametrize("wrong", [("c", -0.5, 0.1), ("e", 4.0, 5.2)])
def test_a_clock_that_is_wrong_costs_the_row(wrong):
    words = [Word("a", 0.0, 1.0), Word("b", 1.0, 2.0), Word(*wrong)]
    with pytest.raises(SaladError, match="starts at -0.500 s|ends at 5.200 s, and the audio at 5.000 s"):
        pair_words("a b c", words, 5.0)


def test_the_longest_series_keeps_its_times():
    """Against every subset of the words, which is slow and obvious."""
    draw = random.Random(0)
    for _ in range(150):
        spans = [sorted(draw.sample(range(12), 2)) for _ in range(draw.randrange(1, 8))]
        words = [Word(f"w{at}", start / 2, end / 2) for at, (start, end) in enumerate(spans)]
        subsets = [[at for at in range(len(spans)) if chosen >> at & 1] for chosen in range(1, 2 ** len(spans))]
        longest = max(
            len(subset)
            for subset in subsets
            if all(spans[one][1] <= spans[next_][0] for one, next_ in zip(subset, subset[1:], strict=False))
        )
        if 2 * (len(spans) - longest) >= len(spans):
            with pytest.raises(SaladError, match="before 'w"):
                pair_words(" ".join(word.word for word in words), words)
            continue
        found = pair_words(" ".join(word.word for word in words), words)
        kept = [word for word in found.words if word.start is not None]
        assert len(kept) == longest == len(words) - len(found.unusable)
        assert all(one.end <= after.start for one, after in zip(kept, kept[1:], strict=False))
