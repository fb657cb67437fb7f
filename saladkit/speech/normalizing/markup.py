"""Remove the markup of HTML, XML and Markdown from a text, as a browser would, before a voice reads it out.

Markup is recognized only where it is beyond doubt, because most texts are plain: "2 * 3 * 4", "snake_case", "a < b",
"5* hotel", "1986. A good year" and "<name>" stay. A full parser of Markdown would see emphasis, lists and tags there.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from saladkit.speech.normalizing.atomic import as_many, atomic

HTML, MARKDOWN = "html", "markdown"
_MOST_LAYERS = 3  # "&amp;lt;b&amp;gt;" is "&lt;b&gt;" is "<b>"

_INLINE = "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span strike"
_INLINE += " strong sub sup tt u var wbr"
_BLOCKS = "address article aside blockquote body br caption center col colgroup dd details div dl dt figcaption figure"
_BLOCKS += " footer form h1 h2 h3 h4 h5 h6 head header hr html img input li link main meta nav noscript ol option p pre"
_BLOCKS += " section select summary table tbody td tfoot th thead title tr ul video audio button iframe svg textarea"
# Attributes without a value; "if a <b and c> d" has none of them
_SWITCHES = "allowfullscreen async autoplay checked compact controls default defer disabled download hidden ismap"
_SWITCHES += " itemscope loop multiple muted nohref noshade novalidate nowrap open readonly required reversed selected"
_ATTRIBUTE = (
    r"\s+(?:[A-Za-z_:@][\w:.@-]{0,60}\s*=\s*(?:\"[^\"<>]*+\"|'[^'<>]*+'|[^\s\"'=<>`]++)"
    rf"|(?:{'|'.join(_SWITCHES.split())})\b(?!\s*=))"
)
_ATTRIBUTES = atomic("attributes", f"(?:{_ATTRIBUTE})*") + r"\s*+/?"


def _tags(names: str) -> re.Pattern:
    return re.compile(rf"</?(?:{'|'.join(names.split())}){_ATTRIBUTES}>", re.IGNORECASE)


@dataclass(frozen=True)
class WithoutMarkup:
    """A text without its markup, and the kinds of markup that it had, of HTML (XML too) and MARKDOWN, in this order."""

    text: str
    kinds: tuple[str, ...]


def without_markup(text: str) -> WithoutMarkup:
    """Remove markup from a text; a text without markup stays as it is, with its spaces."""
    kinds: set[str] = set()
    found = text
    for _ in range(_MOST_LAYERS):
        before = found
        for kind, remove in ((HTML, _without_html), (MARKDOWN, _without_markdown)):
            removed = remove(found)
            if removed != found:
                kinds.add(kind)
            found = removed
        if found == before:
            break
    return WithoutMarkup(found.strip() if kinds else text, tuple(kind for kind in (HTML, MARKDOWN) if kind in kinds))


_UNSEEN = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(script|style|template)\b[^<>]*>(?:(?!<\1\b).)*?</\1\s*>|<!DOCTYPE[^<>]*>|<\?xml\b[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_BLOCK_TAG, _INLINE_TAG = _tags(_BLOCKS), _tags(_INLINE)
_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});|&#(?:[0-9]{2,6}|[xX][0-9a-fA-F]{2,5})(?![\w;])"
    r"|&#39(?=s\b|[td]\b|[lrv][le]\b)|&(?:amp|gt|lt|nbsp|quot)(?![\w;=])"
)
# Tags of XML, such as SSML's, with any name: beyond doubt if the name is closed somewhere
_ANY_TAG = re.compile(rf"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]{{0,40}}){_ATTRIBUTES}>")
_POWER = re.compile(r"(?<=[0-9)])<sup>([-−+]?[0-9]{1,3})</sup>|(?<=\b[a-zA-Z])<sup>([-−+]?[0-9])</sup>", re.IGNORECASE)
_RAISED = str.maketrans("0123456789-−+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺")


def _without_html(text: str) -> str:
    if "<" in text:
        text = _POWER.sub(lambda power: (power[1] or power[2]).translate(_RAISED), _UNSEEN.sub(" ", text))
        text = _without_closed_tags(_INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text)))
    if "&" in text:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


def _without_closed_tags(text: str) -> str:
    """Remove tags of any name that is closed, by `</name>` or `<name/>`; what `<name/>` parts stays parted."""
    if "</" not in text and "/>" not in text:
        return text
    closed = {tag["name"] for tag in _ANY_TAG.finditer(text) if tag["end"] or tag[0].endswith("/>")}

    def removed(tag: re.Match) -> str:
        return tag[0] if tag["name"] not in closed else " " if tag[0].endswith("/>") else ""

    return _ANY_TAG.sub(removed, text) if closed else text


_Replacement = str | Callable[[re.Match], str]
_ADDRESS = as_many(r"[^()\s]|\([^()\s]*\)")
_TARGET = rf"\({_ADDRESS}(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"  # (https://a.org/b_(c) "title")


def _emphasis(mark: str) -> tuple[re.Pattern, str]:
    """Match a phrase with a letter, or with double marks a digit, between marks that stand at the edges of words."""
    spoken = r"[^\W\d_]" if len(mark) == 1 else r"[^\W_]"
    sign = re.escape(mark[0])
    inside = rf"(?:(?!{sign})[^\n]|\n(?!\s*\n))"
    begin, end = rf"(?<![\w{sign}\\]){re.escape(mark)}(?=[^\s{sign}])", rf"(?<=[^\s\\]){re.escape(mark)}(?![\w{sign}])"
    return re.compile(rf"{begin}(?P<inside>(?={inside}*?{spoken}){inside}{{1,2000}}?){end}"), r"\g<inside>"


def _cells(row: re.Match) -> str:
    return ", ".join(cell.strip() for cell in row[0].strip().strip("|").split("|") if cell.strip())


# in this order; each is looked for only in texts with its sign
_RULES: list[tuple[str, re.Pattern, _Replacement]] = [
    ("`", re.compile(r"^[ \t]*`{3,}[\w+-]*[ \t]*$\n?", re.MULTILINE), ""),
    ("`", re.compile(r"(?<![\w`])(`{1,2})(?!`)([^`\n]+)\1(?![\w`])"), r"\2"),
    ("](", re.compile(rf"(?:!|(?<![\w\]]))\[(?P<label>[^\[\]\n]*+)\]{_TARGET}"), r"\g<label>"),
    ("[^", re.compile(r"\[\^[\w-]{1,20}\]:?"), ""),
    ("][", re.compile(r"(?<!\])\[(?P<label>[^\[\]\n]++)\]\[[^\[\]\n]{0,80}\]"), r"\g<label>"),
    ("]:", re.compile(r"^ {0,3}\[[^\[\]\n]{1,80}\]:[ \t]*\S*(?:://|#|www\.)\S*[^\n]*$\n?", re.MULTILINE), ""),
    ("<", re.compile(r"<((?:https?|ftp|mailto):[^<>\s]++|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+)>"), r"\1"),
    ("#", re.compile(r"^ {0,3}(?:#{2,6}[ \t]+(?=\S)|#[ \t]+(?=[^\s\d]))([^\n]*?)[ \t]*#*[ \t]*$", re.MULTILINE), r"\1"),
    ("|", re.compile(r"^[ \t]*\|?(?:[ \t]*:?-++:?[ \t]*\|)+(?:[ \t]*:?-++:?[ \t]*)?$\n?", re.MULTILINE), "\0"),
    ("==", re.compile(r"(?<=[^\s])\n={3,}[ \t]*$", re.MULTILINE), ""),
    ("--", re.compile(r"(?<=[^\s])\n-{3,}[ \t]*$", re.MULTILINE), ""),
    ("", re.compile(r"^[ \t]*(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$\n?", re.MULTILINE), ""),
    (">", re.compile(r"^ {0,3}(?:>[ \t]?)*>[ \t]+(?=[^\W\d]|[*\"'“‘(#\[])", re.MULTILINE), ""),
    ("] ", re.compile(r"^[ \t]*[-*+][ \t]+\[[ xX]\][ \t]+(?=\S)", re.MULTILINE), ""),  # a list of tasks
    ("*", re.compile(r"^[ \t]*\*[ \t]+(?=\S)(?![^\n]*\s\*\s)", re.MULTILINE), ""),
    ("+", re.compile(r"^[ \t]*\+[ \t]+(?=[^\W\d])(?![^\n]*\s\+\s)", re.MULTILINE), ""),
    *[("*", *_emphasis(mark)) for mark in ("***", "**", "*")],
    ("**", re.compile(r"(?<![\w*])\*\*([^\W\d_]+)\*\*(?=[^\W\d_])"), r"\1"),  # "**Un**believable"
    *[("_", *_emphasis(mark)) for mark in ("___", "__", "_")],
    ("~~", *_emphasis("~~")),
    ("\\", re.compile(r"\\([*_#`~])"), r"\1"),
]
_TABLE_ROW = re.compile(r"^[ \t]*\|[^\n]*\|[ \t]*$", re.MULTILINE)


def _without_markdown(text: str) -> str:
    for sign, pattern, replacement in _RULES:
        if sign not in text:
            continue
        if replacement == "\0":  # the line below the head of a table: its rows become lists
            text = _TABLE_ROW.sub(_cells, pattern.sub("", text)) if pattern.search(text) else text
        else:
            text = pattern.sub(replacement, text)
    return text
