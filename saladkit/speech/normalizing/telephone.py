"""Telephone numbers, which are read digit by digit: "555-1234", "+44 20 7946 0958", "call 1300 555 019"."""

import re

from saladkit.speech.normalizing.numbers import END, START, digit_by_digit
from saladkit.speech.normalizing.rewriting import DIGIT, Rule, Said

CALLED = {"call", "calls", "calling", "called", "dial", "dials", "dialing", "dialed"}
_BEFORE_A_NUMBER = CALLED | set(
    "phone telephone tel tel. fax mobile cell hotline ring text sms whatsapp number".split()
)
_WORDS_BEFORE = "|".join(map(re.escape, sorted(_BEFORE_A_NUMBER)))
_CALL = re.compile(
    rf"\b(?:{_WORDS_BEFORE}):?(?: (?:me|us|him|her|them|back|now|free|on|at):?){{0,3}} \Z", re.IGNORECASE
)
_FEWEST_DIGITS = 6  # of groups after such a word: "call 10 20 times" is no number


def telephone(match: re.Match) -> list[Said]:
    """Say digits one by one, with a comma after each group except the last."""
    groups = list(re.finditer(r"(\+?)([0-9]+)", match[0]))
    phrases = []
    for group in groups:
        spoken = ("plus " if group[1] else "") + digit_by_digit(group[2]) + ("," if group is not groups[-1] else "")
        phrases.append(Said(spoken, match.start() + group.start(), match.start() + group.end()))
    # the brackets of "(555) 123-4567" belong to its first group of digits
    return phrases


def _may_be_telephone(match: re.Match) -> list[Said] | None:
    """Say "555-1234" as a telephone number; "200-1500" is a range."""
    low, high = match[0].split("-")
    return None if int(low) < int(high) and low[-1] == high[-1] == "0" else telephone(match)


def _after_call(match: re.Match) -> list[Said] | None:
    """Say groups after "call us at" or "phone:" digit by digit, but not thousands such as "call 100 000 people"."""
    before = match.string[max(0, match.start() - 40) : match.start()]
    digits = re.sub("[^0-9]", "", match[0])
    is_round = digits.endswith("000") and re.fullmatch("[1-9][0-9]{0,2}(?: [0-9]{3})+", match[0])
    return telephone(match) if _CALL.search(before) and len(digits) >= _FEWEST_DIGITS and not is_round else None


# by country: (02) 9999 1234; 1 800 555 0199; 1300 555 019; 555 123 4567; 020 7946 0958, 01 23 45 67 89
_SHAPES = (
    r"\(0[0-9]{1,4}\) ?[0-9]{3,5}(?:[- ]?[0-9]{3,4})?"
    r"|1 8(?:00|33|44|55|66|77|88) [0-9]{3} [0-9]{4}"
    r"|1(?:[389]00|550|8[59]0) [0-9]{3} [0-9]{3,4}"
    r"|[2-9][0-9]{2} [0-9]{3} [0-9]{4}"
    r"|0[0-9]{1,4}(?: [0-9]{2,8}){1,4}"
    r"|[3-6][0-9]{3}(?: [0-9]{4}){3}"  # of a payment card
)
RULES = [
    Rule(
        (DIGIT, "+", "("),
        re.compile(
            r"(?<![^\s:,;(])(?:\+?[0-9]{1,3}[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-.]|(?<=\+[0-9][-. ])[0-9]{3} )"
            rf"[0-9]{{3}}[-. ][0-9]{{4}}{END}"
        ),
        telephone,
    ),
    Rule(
        ("+",),
        re.compile(
            r"(?<![^\s:,;(])\+[0-9]{1,3}(?:[-. ][0-9])?"
            rf"(?:(?:[-. ][0-9]{{2,5}}){{2,5}}|[-. ][0-9]{{2,5}}[-. ][0-9]{{6,8}}|[-. ][0-9]{{8,11}}){END}"
        ),
        telephone,
    ),
    Rule(
        ("+",),
        re.compile(
            rf"(?<![^\s:,;(])\+(?:[0-9]{{8,15}}|[0-9]{{1,3}} ?\([0-9]{{1,4}}\)(?:[-. ]?[0-9]{{2,5}}){{2,5}}){END}"
        ),
        telephone,
    ),
    Rule(
        (DIGIT, "("),
        re.compile(rf"(?<![^\s:])\(?[0-9]{{1,5}}\)?(?:[-. ][0-9]{{2,8}}){{1,6}}{END}"),
        _after_call,
    ),
    Rule((DIGIT, "("), re.compile(rf"(?<![^\s:,;(\"“])(?:{_SHAPES}){END}(?! [0-9])"), telephone),
    Rule((DIGIT,), re.compile(rf"{START}[0-9]{{3}}-[0-9]{{4}}{END}"), _may_be_telephone),
]
