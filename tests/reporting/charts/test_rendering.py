import subprocess
import sys
import warnings
from xml.etree import ElementTree

import matplotlib
import pytest

from saladkit.reporting.charts.bars import Bar, draw_bars, label_rows
from saladkit.reporting.charts.figures import NARROW, WIDE, finish, new_figure
from saladkit.reporting.charts.palette import DARK, LIGHT, SERIES, series_colours
from saladkit.reporting.charts.rendering import render


def draw(width):
    figure = new_figure("A & B")
    axes = figure.subplots()
    drawn = draw_bars(axes, [Bar(2, 'tip "1" \x0b', 1, 3)], "pink", "series")
    axes.bar_label(drawn, ["two"])
    axes.plot([1, 2], [0, 0], color=LIGHT["sky"], label="line")
    label_rows(axes, ["$x$ <b>\x1b"], ["漢字"])
    return finish(figure, width, 120)


@pytest.fixture(scope="module")
def chart():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # letters that matplotlib's font lacks are no news
        return render(draw)


def test_the_same_drawing_gives_the_same_bytes(chart):
    assert render(draw) == chart


def test_both_widths_are_drawn_and_the_picture_is_the_wide_one(chart):
    sizes = []
    for svg, name, width in ((chart.wide, "wide", WIDE), (chart.narrow, "narrow", NARROW)):
        root = ElementTree.fromstring(svg)
        sizes.append([float(number) for number in root.get("viewBox").split()])
        assert root.get("class") == name and sizes[-1][:3] == [0, 0, width]
    assert chart.png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(chart.png[start : start + 4]) for start in (16, 20))
    assert (width, height) == pytest.approx([size / 72 * 160 + 64 for size in sizes[0][2:]], abs=1)


def test_texts_stay_texts_and_titles_stand_in_the_marks(chart):
    root = ElementTree.fromstring(chart.wide)
    assert {"$x$ <b> ", "漢字", "two", "series", "line"} <= {text.text for text in root.iter("text")}
    marks = [group for group in root.iter("g") if group.find("title") is not None]
    assert [(mark.find("title").text, mark.find("path") is not None) for mark in marks] == [('tip "1"  ', True)]
    assert root[0].tag == "title" and root[0].text == "A & B"


def test_an_svg_refers_to_nothing_and_shares_no_identifier(chart):
    for reference in ("http", "url(", "href", " id=", "<use", "clip-path", "font-family"):
        assert reference not in chart.wide
    # A box and a line in the legend, the bar, its interval, the line, the zero; and the upright lines of the axis.
    paths = chart.wide.count("<path")
    assert paths == 6 + chart.wide.count("var(--line)")


def test_every_colour_is_a_variable_of_the_page(chart):
    assert "#" not in chart.wide
    used = {name for name in LIGHT if f"var(--{name})" in chart.wide}
    assert used == {"ink", "soft", "line", "pink", "sky"}


def test_the_palette_has_each_colour_once_and_both_themes():
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert set(DARK) == set(LIGHT) and set(SERIES) < set(LIGHT)
    assert series_colours("abcdefg") == dict(zip("abcdefg", [*SERIES, SERIES[0]], strict=True))
    assert series_colours("ab", first=3) == {"a": SERIES[3], "b": SERIES[4]}


def test_settings_of_matplotlib_stay_as_they_were(chart):
    before = dict(matplotlib.rcParams)
    render(draw)
    assert dict(matplotlib.rcParams) == before


def test_report_loads_neither_torch_nor_pyplot_and_matplotlib_only_to_draw():
    code = """
import sys
import saladkit.stages.report
from saladkit.reporting.charts.figures import finish, new_figure
from saladkit.reporting.charts.rendering import render
assert not {"matplotlib", "jinja2", "torch"} & set(sys.modules)
render(lambda width: finish(new_figure("x"), width, 10))
assert "matplotlib" in sys.modules and not {"matplotlib.pyplot", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
