"""One drawing as inline SVG for two page widths and as PNG; the same input gives the same bytes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from saladkit.reporting.charts.figures import NARROW, STYLE, TOOLTIP, WIDE
from saladkit.reporting.charts.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_DOTS_PER_INCH, PNG_MARGIN = 160, 32  # the margin in pixels
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # control characters of a name
VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}


@dataclass(frozen=True)
class Picture:
    """A chart as files of its own, on white."""

    png: bytes
    svg: bytes


@dataclass(frozen=True)
class Chart(Picture):
    """A chart for a wide page and for a narrow page, too."""

    wide: str
    narrow: str


def render(draw: Callable[[int], Figure]) -> Chart:
    """Render what `draw` makes of a width in px."""
    with _in_our_style():
        figure = draw(WIDE)
        wide = _inline_svg(figure, "wide")
        picture = _picture(figure)
        return Chart(picture.png, picture.svg, wide, _inline_svg(draw(NARROW), "narrow"))


def render_picture(draw: Callable[[int], Figure]) -> Picture:
    """Render what `draw` makes of the width of a wide page in px, as files alone."""
    with _in_our_style():
        return _picture(draw(WIDE))


@contextmanager
def _in_our_style() -> Iterator[None]:
    from matplotlib import style

    with style.context(STYLE), warnings.catch_warnings():
        # A browser has letters that the drawing's font lacks; in the PNG they are boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _picture(figure: Figure) -> Picture:
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # keep the layout that the page has
    content = BytesIO()
    figure.savefig(content, format="svg", metadata=NO_METADATA, facecolor="white", dpi=PNG_DOTS_PER_INCH)
    return Picture(_png(figure), NOT_XML.sub(" ", content.getvalue().decode()).encode())


def _png(figure: Figure) -> bytes:
    """Return a figure as PNG with a white margin."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    figure.set_dpi(PNG_DOTS_PER_INCH)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    content = BytesIO()
    margin = ((PNG_MARGIN, PNG_MARGIN), (PNG_MARGIN, PNG_MARGIN), (0, 0))
    imsave(content, np.pad(pixels, margin, constant_values=255), format="png", dpi=PNG_DOTS_PER_INCH)
    return content.getvalue()


def _inline_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for an HTML page: with a title and tooltips, and in the page's own colours.

    Identifiers go, since two figures of one page would share them; so do clip paths, which nothing crosses.
    """
    content = BytesIO()
    figure.savefig(content, format="svg", transparent=True, metadata=NO_METADATA)
    drawing = ElementTree.fromstring(NOT_XML.sub(" ", content.getvalue().decode()))
    root = ElementTree.Element("svg", {"class": name, "viewBox": drawing.attrib["viewBox"], "role": "img"})
    ElementTree.SubElement(root, "title").text = figure.get_gid()
    for child in drawing:
        _copy(child, root)
    return ElementTree.tostring(root, encoding="unicode")


def _copy(element: ElementTree.Element, parent: ElementTree.Element) -> None:
    """Copy what is visible of `element` below `parent`."""
    tag = element.tag.rpartition("}")[2]
    style = _in_page_colours(element.get("style", ""))
    if tag == "defs" or (tag == "path" and style == "fill: none"):
        return
    kept = {key: " ".join(value.split()) for key, value in element.attrib.items() if key in ("d", "x", "y")}
    copy = ElementTree.Element(tag, kept | ({"style": style} if style else {}))
    copy.text = element.text if tag == "text" else None
    if element.get("id", "").startswith(TOOLTIP):
        ElementTree.SubElement(copy, "title").text = element.attrib["id"].removeprefix(TOOLTIP)
    for child in element:
        _copy(child, copy)
    if tag != "g" or len(copy):
        parent.append(copy)


def _in_page_colours(style: str) -> str:
    """Name colours by the page's CSS variables, and leave the font to the page."""
    style = re.sub(r"font-family: [^;]*; ?", "", style)
    return re.sub(r"#[0-9a-f]{6}", lambda colour: VARIABLES.get(colour[0], colour[0]), style)
