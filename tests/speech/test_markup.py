"""Markup of HTML and Markdown is removed; what only looks like it stays."""

import time

import pytest

from saladkit.speech.normalizing.markup import HTML, MARKDOWN, WithoutMarkup, without_markup

MARKED_HTML = {
    "It&#39;s Tom &amp; Jerry": "It's Tom & Jerry",
    "&ldquo;Hi&rdquo;&nbsp;&mdash; 5&nbsp;&lt;&nbsp;6 &#x27;": "“Hi”\xa0— 5\xa0<\xa06 '",
    "a <b>bold</b> word, H<sub>2</sub>O<br/>next": "a bold word, H2O\nnext",
    '<p class="x">One.</p><p>Two.</p>': "One.\n\nTwo.",
    'see <a href="https://a.org/?b=1&amp;c=2">the site</a>': "see the site",
    "<h1>Title</h1>Text<hr>": "Title\nText",
    "<!-- hidden -->seen<script>if (a < b) {}</script><style>p {}</style>": "seen",
    "&amp;lt;b&amp;gt;twice&amp;lt;/b&amp;gt;": "twice",
    "Tom &amp Jerry&nbsp;": "Tom & Jerry",
    "<UL><LI>one</LI></UL>": "one",
    "<td nowrap>cell</td> <input type=text disabled/>": "cell",
    "10<sup>6</sup>, x<sup>2</sup>, 10<SUP>-3</SUP>, 1<sup>st</sup>, word<sup>1</sup>": "10⁶, x², 10⁻³, 1st, word1",
    "It&#39s 5&#176 and I&#39ll": "It's 5° and I'll",
    '<?xml version="1.0"?><speak>Hi<break time="1s"/>you, <emphasis level="strong">really</emphasis>!</speak>': (
        "Hi you, really!"
    ),
    "a claim<ref name=x>its source</ref> and <my-tag>more</my-tag>": "a claimits source and more",
}
MARKED_DOWN = {
    "**bold**, *italic*, ***both***, __strong__ and _this_": "bold, italic, both, strong and this",
    "(*maybe*) **“quoted”**: **bold\nover lines** **Un**believable": (
        "(maybe) “quoted”: bold\nover lines Unbelievable"
    ),
    "# Heading\n\nText\n## Two ##": "Heading\n\nText\nTwo",
    "Title\n=====\nText\n---\nEnd": "Title\nText\nEnd",
    'see [the site](https://a.org/b_(c) "title") and ![a cat](x.png)': "see the site and a cat",
    "[a][1] text\n\n[1]: http://x.org": "a text",
    "<https://x.org> and <me@x.org>": "https://x.org and me@x.org",
    "**5** of **bold *inner* words**\n## 2. Methods": "5 of bold inner words\n2. Methods",
    "A claim[^1] here.\n\n[^1]: Its source.": "A claim here.\n\n Its source.",
    "use `code` and ``more``": "use code and more",
    "```python\nx = 1\n```\nend": "x = 1\nend",
    "~~gone~~ here": "gone here",
    "> quoted text\n> > more": "quoted text\nmore",
    "* one\n* two\n+ three": "one\ntwo\nthree",
    "- [x] done\n* [ ] to do": "done\nto do",
    "- **Item:** text\n1. **One**": "- Item: text\n1. One",
    "| a | b |\n|---|:-:|\n| 1 | 2 |": "a, b\n1, 2",
    "\\*not bold\\*": "not bold",
}
PLAIN = [
    "2 * 3 * 4 = 24, 5*3*2, x^2 * y^2, f(x)*g(x)*h(x), 2**3**4",
    "snake_case_name, a_b_c and _x of __",
    "a < b and c > d; if a <b and c> d; I <3 you; <name> is <unk>",
    "a 5* hotel and a 4* one; Price* is $5 *excluding tax; f***ing s**t and f**k",
    "a <name>, <b and c>, x <y / z>, a </ b, <b =c/>; &#1, &#x and &#123abc",
    "+ 5 degrees\n+ x + y\n[x] and [ ]",
    "1986. A good year\n- item\n- item\n* 5 * 6",
    "# 5 of 7 #music; > 5 people",
    "AT&T and R&D; fish &chips; &c; &nosuch;",
    "it`s and `tis; C:\\dir\\file; ~5~; x --- y; 1 | 2 | 3",
    "[1] and [a] (b), a[0](1), (see [[France]]), if [[ $a ]]; then",
    "  spaces  stay \n",
    "",
]


@pytest.mark.parametrize(
    "text, expected, kinds",
    [
        *((text, expected, (HTML,)) for text, expected in MARKED_HTML.items()),
        *((text, expected, (MARKDOWN,)) for text, expected in MARKED_DOWN.items()),
        ("<p>**bold** &amp; _thin_</p>", "bold & thin", (HTML, MARKDOWN)),
    ],
)
def test_markup_is_removed_and_named(text, expected, kinds):
    found = without_markup(text)
    assert (found.text, found.kinds) == (expected, kinds)
    assert without_markup(found.text).kinds == ()  # nothing is left of it


@pytest.mark.parametrize("text", PLAIN)
def test_what_looks_like_markup_stays(text):
    assert without_markup(text) == WithoutMarkup(text, ())


@pytest.mark.parametrize(
    "piece",
    [
        *["<", "<!--", "<script>", "</a", "<a hidden ", "<x/>", "&#39", "&amp;"],
        *["*a ", "**", "_", "`", "[a](", "[", "](", "|--", "> ", "#"],
    ],
)
def test_the_time_is_linear(piece):
    text = "a " + piece * (60_000 // len(piece))
    started = time.perf_counter()
    without_markup(text)
    assert time.perf_counter() - started < 5  # under 0.3 s; a square would take minutes
