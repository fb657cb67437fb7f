"""Convert English text to its spoken form by all rules, in the order in which they are tried."""

from saladkit.speech.normalizing import (
    abbreviations,
    clock,
    codes,
    dates,
    money,
    names,
    plain_numbers,
    quantities,
    roman_numerals,
    signs,
    telephone,
    years,
)
from saladkit.speech.normalizing.rewriting import rewrite, rules_by_start

_RULES = rules_by_start(
    [
        *dates.RULES,
        *clock.RULES,
        *money.RULES,
        *telephone.RULES,
        *quantities.RULES,
        *years.RULES,
        *names.RULES,
        *plain_numbers.RULES,
        *codes.RULES,
        *roman_numerals.RULES,
        *abbreviations.RULES,
        *signs.RULES,
    ]
)


def english_words(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the spoken words of an English text and, for each, the words [begin, end) of `text.split()` it stands for.

    A text to which no rule applies keeps its words. Every text is accepted.
    """
    return rewrite(text, _RULES)
