"""Write abbreviations in full: titles, streets, companies, "e.g.", "etc.", "vs.", "No. 5", "p. 3".

A rule applies only if the context shows what is meant. "Ms." is a word of its own. Letters ("U.S.", "Ph.D.", "NATO")
stay as they are: voices and aligners spell them.
"""

import re

from saladkit.speech.normalizing.rewriting import Rule, Said, previous_word, said

_TITLES = {
    **{"Mr": "Mister", "Mrs": "Missus", "Dr": "Doctor", "Prof": "Professor", "Hon": "Honorable", "Gov": "Governor"},
    **{"Gen": "General", "Col": "Colonel", "Maj": "Major", "Capt": "Captain", "Lt": "Lieutenant", "Sgt": "Sergeant"},
    **{"Cmdr": "Commander", "Adm": "Admiral", "Sen": "Senator", "Rep": "Representative", "Pres": "President"},
    **{"Rev": "Reverend", "Revd": "Reverend", "St": "Saint", "Mt": "Mount", "Ft": "Fort"},
}
_TITLES_WITHOUT_DOT = {"Mr", "Mrs", "Dr", "Prof", "Revd", "St", "Mt"}  # British
_ROADS = {
    **{"St": "Street", "Dr": "Drive", "Ave": "Avenue", "Blvd": "Boulevard", "Rd": "Road", "Ln": "Lane"},
    **{"Hwy": "Highway", "Pkwy": "Parkway", "Sq": "Square", "Ct": "Court", "Pl": "Place"},
}
_ROADS_WITHOUT_DOT = {"St", "Ave", "Blvd", "Rd", "Hwy", "Pkwy"}
_BEHIND_NAMES = {
    **{"Inc": "Incorporated", "Ltd": "Limited", "Corp": "Corporation", "Co": "Company", "Bros": "Brothers"},
    **{"Jr": "Junior", "Sr": "Senior"},
}
_ANYWHERE = {
    **{"e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "etc": "et cetera", "vs.": "versus"},
    **{"vs": "versus", "approx.": "approximately", "dept.": "department", "Dept.": "Department"},
    **{"govt.": "government", "Govt.": "Government", "Univ.": "University", "Assn.": "Association", "w/o": "without"},
    **{"w/": "with", "incl.": "including", "E.g.": "For example", "I.e.": "That is", "Approx.": "Approximately"},
    **{"et al.": "et al"},
}
_BEFORE_NUMBERS = {
    **{"No.": "number", "Nos.": "numbers", "no.": "number", "nos.": "numbers", "Fig.": "figure", "fig.": "figure"},
    **{"Figs.": "figures", "figs.": "figures", "Vol.": "volume", "vol.": "volume", "Vols.": "volumes", "p.": "page"},
    **{"pp.": "pages", "Ch.": "chapter", "ch.": "chapter", "Sec.": "section", "sec.": "section", "Art.": "article"},
    **{"Eq.": "equation", "eq.": "equation", "ext.": "extension", "Ext.": "extension", "Ep.": "episode"},
    **{"c.": "circa", "ca.": "circa", "b.": "born", "d.": "died", "r.": "reigned", "est.": "established"},
}
# After these words "no." is an answer that ends its sentence: "I said no. 5 men came"
_SAY = set("say says said answer answers answered reply replies replied shouted vote voted mean means meant".split())
_SAY |= set("oh yes or me him her us them you simply just course definitely absolutely".split())
_ANSWER_IS = re.compile(r"\banswers? (?:is|was|will be) \Z")
# Before these words a number counts, so that "no." before it is an answer too: "He told me no. 5 men came"
_COUNTED = set("people men women children feet others more of".split())
_NOT_COUNTED = set("is was has does as wins goes stands plays sees says remains comes makes takes its his this".split())
_YEARS_BEHIND = {"c.", "ca.", "b.", "d.", "r.", "est."}
# Words that begin sentences: in "on Main St. He", "St." is a street, while before a name it is a saint
_NO_NAMES = "A|After|All|An|And|As|At|But|For|He|Her|His|I|If|In|It|Its|My|No|On|Our|She|So|That|The|Their|Then|There"
_NO_NAMES += "|They|This|To|We|What|When|Where|Who|You|Your"
_ENDS_TEXT = re.compile(r"[\"'”’)\]]{0,3}\Z")
_ENDS_SENTENCE = re.compile(r"[\"'”’)\]]{0,3}(?:\Z| [\"'“‘(\[]{0,3}[A-Z])")


def _dot(match: re.Match, end: re.Pattern) -> str:
    """Return the dot of an abbreviation if it also ends a sentence, else ""."""
    return "." if match[0].endswith(".") and end.match(match.string, match.end()) else ""


def _is_name(word: str) -> bool:
    """Return whether a word is a name, such as "Main" or "42nd", without punctuation after it."""
    return bool(re.fullmatch(r"[A-Z][\w'’&-]*|[0-9]+(?:st|nd|rd|th)", word))


def _title(match: re.Match) -> list[Said] | None:
    """Say titles as in "Dr. Smith" and "St. Louis", but not "on Main St. He" nor "5 Main St. Apartment 3"."""
    short = match["short"]
    if not match["dot"] and short not in _TITLES_WITHOUT_DOT:
        return None
    if short in _ROADS and _is_name(previous_word(match)):
        before = match.string[max(0, match.start() - 40) : match.start()].split(" ")
        if match["other"] or len(before) > 2 and before[-3].isdecimal():
            return None
    return said(match, (_TITLES[short], 0))


def _road(match: re.Match) -> list[Said] | None:
    is_sure = match["dot"] or match["short"] in _ROADS_WITHOUT_DOT and match["capital"] is None
    if not is_sure or not _is_name(previous_word(match)):
        return None
    return said(match, (_ROADS[match["short"]] + _dot(match, _ENDS_SENTENCE), 0))


def _behind_name(match: re.Match) -> list[Said] | None:
    before = previous_word(match)
    if match["short"] in ("Jr", "Sr", "Inc", "Ltd"):
        before = before.rstrip(",")
    if not _is_name(before) and before != "&":
        return None
    return said(match, (_BEHIND_NAMES[match["short"]] + _dot(match, _ENDS_TEXT), 0))


def _anywhere(match: re.Match) -> list[Said]:
    dot = _dot(match, _ENDS_SENTENCE if match[0] == "etc." else _ENDS_TEXT)
    return said(match, (_ANYWHERE[match[0]] + dot, 0))


def _before_number(match: re.Match) -> list[Said] | None:
    short = match["short"]
    if short in _YEARS_BEHIND and not match["year"]:
        return None
    if short in ("no.", "No.") and _is_answer(match):
        return None
    spoken = _BEFORE_NUMBERS[short]
    return said(match, (f"{spoken.capitalize() if short[0].isupper() else spoken} ", "short"))


def _is_answer(match: re.Match) -> bool:
    """Return whether "no." ends a sentence: "I said no. 5 men came", but not "See no. 5"."""
    before = match.string[max(0, match.start() - 24) : match.start()]
    if match["short"] == "no." and (previous_word(match).lower() in _SAY or _ANSWER_IS.search(before)):
        return True
    counted = re.match(r" [0-9]{1,7} ([a-z]{2,24})\b(?![-'’])", match.string[match.end() : match.end() + 34])
    if not counted or match.string[match.end() :].startswith(" 1 "):
        return False
    word = counted[1]
    return word in _COUNTED or word.endswith("s") and not word.endswith("ss") and word not in _NOT_COUNTED


def _choice(words: dict[str, str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _first_letters(words: dict[str, str]) -> tuple[str, ...]:
    return tuple({re.split(r"[^A-Za-z]", word, maxsplit=1)[0] for word in words})


RULES = [
    Rule(
        tuple(_TITLES),
        re.compile(rf"(?P<short>{_choice(_TITLES)})\b(?P<dot>\.?)(?= (?:(?P<other>{_NO_NAMES})\b|[A-Z]))"),
        _title,
    ),
    Rule(
        tuple(_ROADS),
        re.compile(rf"(?P<short>{_choice(_ROADS)})\b(?P<dot>\.?)(?![\w'’])(?= (?P<capital>[A-Z]))?"),
        _road,
    ),
    Rule(tuple(_BEHIND_NAMES), re.compile(rf"(?P<short>{_choice(_BEHIND_NAMES)})\.(?!\w)"), _behind_name),
    Rule(
        _first_letters(_BEFORE_NUMBERS),
        re.compile(rf"(?<![\w.])(?P<short>{_choice(_BEFORE_NUMBERS)})(?= ?(?:(?P<year>[12][0-9]{{3}}\b)|[0-9]))"),
        _before_number,
    ),
    Rule(_first_letters(_ANYWHERE), re.compile(rf"(?<![\w./])(?:{_choice(_ANYWHERE)})(?![\w/]|(?<=\.)\.)"), _anywhere),
]
