"""With which option a written text begins."""

import pytest

from saladkit.scoring.written_beginnings import option_at_beginning

OPTIONS = ["Paris", "New", "New York", "15", "巴黎", "no one", "C++"]


@pytest.mark.parametrize(
    "response, option",
    [
        (" Paris", "Paris"),
        (" Paris. The capital of Italy is Rome.", "Paris"),
        ("\n\nPARIS and New York", "Paris"),
        (' "Paris", they say', "Paris"),
        (" New\n York of course", "New York"),
        (" New Yorkers", "New"),
        (" New Zealand", "New"),
        (" 15.", "15"),
        (" 15, 16", "15"),
        (" 15.5", None),
        (" 153", None),
        ("巴黎是首都", "巴黎"),
        (" Parisians", None),
        (" the Paris", None),
        (" not Paris", None),
        (" Pari", None),
        (" no one knows", "no one"),
        (" C++ is", "C++"),
        ("", None),
    ],
)
def test_the_longest_option_at_the_beginning_is_taken(response, option):
    found = option_at_beginning(response, OPTIONS)
    assert (None if found is None else OPTIONS[found]) == option


def test_a_letter_is_an_option_where_letters_are_scored():
    assert option_at_beginning(" B. London", ["A", "B"]) == 1
    assert option_at_beginning(" Both", ["A", "B"]) is None
