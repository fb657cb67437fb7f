"""Sums of money: "$5 million", "€3.50", "$5-10", "US$5bn", "£2/day"."""

import re

from saladkit.speech.normalizing.atomic import atomic
from saladkit.speech.normalizing.numbers import DASH, END, NUMBER, number
from saladkit.speech.normalizing.rewriting import Rule, Said, said

# sign: (singular, plural, a hundredth, hundredths); None if hundredths are not used
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "US$": ("U.S. dollar", "U.S. dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "HK$": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "NZ$": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", None, None),
    "₩": ("won", "won", None, None),
    "₹": ("rupee", "rupees", None, None),
    "₽": ("ruble", "rubles", None, None),
}
_SCALES = {
    **{word: word for word in ("hundred", "thousand", "million", "billion", "trillion")},
    **{"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"},
    "t": "trillion",
}
_SCALE = r"[ -]?(?P<scale>hundred|thousand|million|billion|trillion|mn|bn|tn|[mM]|(?<=[0-9])[kKbBtT])(?![\w%])"
_PER = r"/(?P<per>second|minute|hour|day|night|week|month|year|person|share|barrel|ton|gallon|pound|hr|yr|mo)\b"
_PER_WORDS = {"hr": "hour", "yr": "year", "mo": "month"}


def _money(match: re.Match) -> list[Said]:
    sign, scale = match["sign"], match["scale"]
    currency = _CURRENCIES[sign]
    low, high = (amount and _with_decimal_point(amount) for amount in (match["low"], match["high"]))
    per = match["per"] and f" per {_PER_WORDS.get(match['per'], match['per'])}"
    minus = "minus " if match["minus"] or match["behind"] else ""
    if not scale and any(_has_hundredths(amount, currency) for amount in (low, high) if amount):
        spoken = " to ".join(_whole_sum(amount, currency) for amount in (low, high) if amount)
        return said(match, (f"{minus}{spoken}{per or ''}", 0))
    spoken = " to ".join(number(_without_zero_cents(amount)) for amount in (low, high) if amount)
    one = not scale and not high and _without_zero_cents(low) == "1" or match["piece"] is not None
    return [
        Said(f"{minus}{spoken}", match.start(), match.end("high" if high else "low")),
        *(said(match, (_SCALES[scale.lower()], "scale")) if scale else []),
        *said(match, (currency[0] if one else currency[1], "sign"), (per and per[1:] or "", "per")),
    ]


def _with_decimal_point(amount: str) -> str:
    """Return "1,234.56" for "1.234,56"."""
    return amount.translate(str.maketrans(".,", ",.")) if re.fullmatch(_WITH_DECIMAL_COMMA, amount) else amount


def _without_zero_cents(amount: str) -> str:
    return re.sub(r"\.00?\Z", "", amount)


def _has_hundredths(amount: str, currency: tuple[str, str, str | None, str | None]) -> bool:
    return currency[2] is not None and bool(re.search(r"\.(?!00)[0-9]{2}\Z", amount))


def _whole_sum(amount: str, currency: tuple[str, str, str | None, str | None]) -> str:
    """Return "five dollars and fifty cents" for "5.50", "fifty cents" for "0.50", "five dollars" for "5"."""
    whole, _, hundredths = _without_zero_cents(amount).partition(".")
    parts = []
    if whole and whole != "0" or not hundredths:
        parts.append(f"{number(whole)} {currency[0] if whole == '1' else currency[1]}")
    if hundredths:
        count = hundredths.lstrip("0")
        parts.append(f"{number(count)} {currency[2] if count == '1' else currency[3]}")
    return " and ".join(parts)


_WITH_DECIMAL_COMMA = r"[1-9][0-9]{0,2}(?:\.[0-9]{3}){1,4},[0-9]{2}(?!,?[0-9])"
_AMOUNT = rf"(?:{_WITH_DECIMAL_COMMA}|{NUMBER})"
_SIGN = "|".join(map(re.escape, sorted(_CURRENCIES, key=len, reverse=True)))
_MONEY = re.compile(
    rf"(?<![\w.,$])(?P<minus>[-−]?)(?P<sign>{_SIGN})(?: |(?P<behind>[-−]))?(?P<low>{_AMOUNT})"
    rf"{atomic('range', f'(?:{DASH}(?P=sign)?(?P<high>{_AMOUNT}))?')}{atomic('scaled', f'(?:{_SCALE})?')}"
    rf"(?:{_PER}|{END})"
    r"(?= (?P<piece>(?:bill|note|banknote|coin)s?\b))?"  # "a $20 bill"
)
RULES = [Rule((*"-−$€£¥₩₹₽", "US", "A", "AU", "C", "CA", "HK", "NZ"), _MONEY, _money)]
