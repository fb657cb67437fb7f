"""Groups of regular expressions that give nothing back, and rules with them, are read alike by every Python."""

import re

import pytest

from saladkit.speech.normalizing.atomic import as_many, atomic
from saladkit.speech.normalizing.markup import without_markup
from saladkit.speech.normalizing.spoken_form import spoken_form


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (rf"[0-9]{as_many(',[0-9]')}", "1,2,x", "1,2"),
        (rf"[0-9]{as_many(',[0-9]')}", "1,x", "1"),
        (rf"[0-9]{as_many(',[0-9]', 1)}", "1,x", None),
        (rf"[0-9]{as_many(',[0-9]', 2)}", "1,2", None),
        (rf"[0-9]{as_many(',[0-9]')},2", "1,2,2", None),  # what was read is not given back
        (rf"a{atomic('rest', '(?:bc)?')}b", "abd", "ab"),
        (rf"a{atomic('rest', '(?:bc)?')}b", "abcd", None),
        (rf"a{atomic('rest', '(?:(?P<inner>b)c)?')}d", "abcd", "abcd"),
    ],
)
def test_what_was_read_is_kept_and_what_failed_is_not(pattern, text, found):
    match = re.match(pattern, text)
    assert (match and match[0]) == found


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("1,000, no", "one thousand, no"),
        ("2. Methods", "two. Methods"),
        ("room 8. Lee", "room eight. Lee"),
        ("$5-", "five dollars-"),
        ("from 1-2-3-x", "from one two three-x"),
        ("at 10: x", "at ten: x"),
    ],
)
def test_texts_that_end_in_the_middle_of_a_pattern(text, spoken):
    assert spoken_form(text, "en-us").text == spoken


@pytest.mark.parametrize("text", ["a <b foo> c", "a <b x=1 foo> c", "[a](b(c", "[a](b(c d"])
def test_markup_that_ends_in_the_middle_stands(text):
    assert without_markup(text).text == text
