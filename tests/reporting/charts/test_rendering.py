import subprocess
import sys
import warnings
from xml.etree import ElementTree

import matplotlib
import pytest

from saladkit.reporting.charts.bars import Bar, Row, Scale, draw_rows
from saladkit.reporting.charts.canvas import NARROW, WIDE, Box, Canvas, LegendEntry
from saladkit.reporting.charts.palette import DARK, LIGHT, SERIES, series_colours
from saladkit.reporting.charts.rendering import render


def draw(width):
    canvas = Canvas("A & B", width)
    top = canvas.legend(
        Box(0, 0, width), [LegendEntry("dashes", "soft", "dashed"), LegendEntry("line", "ink", "upright")]
    )
    rows = [Row("$x$ <b>", "漢字", [[Bar(2, "pink", 'tip "1"', 1, 3)]], ceiling=3, number="2")]
    bottom = draw_rows(canvas, Box(0, top, width), rows, Scale(0, 3, [0, 3]), label_width=100, number_width=20)
    return canvas.finish(bottom)


@pytest.fixture(scope="module")
def chart():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # letters that matplotlib's font lacks are no news
        return render(draw)


def test_the_same_drawing_gives_the_same_bytes(chart):
    assert render(draw) == chart


def test_both_widths_are_drawn(chart):
    for svg, name, width in ((chart.wide, "wide", WIDE), (chart.narrow, "narrow", NARROW)):
        root = ElementTree.fromstring(svg)
        assert root.get("class") == name and root.get("viewBox").split()[:3] == ["0", "0", str(width)]
    assert chart.png.startswith(b"\x89PNG")


def test_texts_stay_texts_and_titles_stand_in_the_marks(chart):
    root = ElementTree.fromstring(chart.wide)
    assert [text.text for text in root.iter("text")] >= ["$x$ <b>"]
    assert {"$x$ <b>", "漢字", "2", "dashes"} <= {text.text for text in root.iter("text")}
    titles = [
        (group.find("title").text, group.find("path") is not None)
        for group in root.iter("g")
        if group.find("title") is not None
    ]
    assert titles == [('tip "1"', True)] and root.find("title").text == "A & B"


def test_an_svg_refers_to_nothing_and_shares_no_identifier(chart):
    for reference in ("http", "url(", "href", " id=", "<use", "clip-path", "font-family"):
        assert reference not in chart.wide
    # Legend: a line each; two lines of the scale; the bar, its interval and the ceiling.
    assert chart.wide.count("<path") == 2 + 2 + 3


def test_every_colour_is_a_variable_of_the_page(chart):
    assert "#" not in chart.wide
    used = {name for name in LIGHT if f"var(--{name})" in chart.wide}
    assert used == {"ink", "soft", "line", "pink"}


def test_the_palette_has_each_colour_once_and_both_themes():
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert set(DARK) == set(LIGHT) and set(SERIES) < set(LIGHT)
    assert series_colours("abcdefg") == dict(zip("abcdefg", [*SERIES, SERIES[0]], strict=True))


def test_settings_of_matplotlib_stay_as_they_were(chart):
    before = dict(matplotlib.rcParams)
    render(draw)
    assert dict(matplotlib.rcParams) == before


def test_report_loads_neither_torch_nor_pyplot_and_matplotlib_only_to_draw():
    code = """
import sys
import saladkit.stages.report
from saladkit.reporting.charts.canvas import Canvas
from saladkit.reporting.charts.rendering import render
assert not {"matplotlib", "jinja2", "torch"} & set(sys.modules)
render(lambda width: Canvas("x", width).finish(10))
assert "matplotlib" in sys.modules and not {"matplotlib.pyplot", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
