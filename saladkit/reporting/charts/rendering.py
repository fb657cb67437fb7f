"""One drawing as inline SVG for two page widths and as PNG; the same input gives the same bytes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from xml.etree import ElementTree

from saladkit.reporting.charts.canvas import NARROW, WIDE, Canvas, printable
from saladkit.reporting.charts.palette import LIGHT

PNG_DOTS_PER_INCH = 160
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}


@dataclass(frozen=True)
class Chart:
    """A chart for a wide page, for a narrow page, and as a PNG file of its own."""

    wide: str
    narrow: str
    png: bytes


def render(draw: Callable[[int], Canvas]) -> Chart:
    """Render what `draw` makes of a width in px."""
    with _drawing():
        wide = draw(WIDE)
        return Chart(inline_svg(wide, "wide"), inline_svg(draw(NARROW), "narrow"), _png(wide))


@contextmanager
def _drawing() -> Iterator[None]:
    from matplotlib import rc_context

    settings = rc_context(
        {
            "svg.hashsalt": "saladkit",  # otherwise identifiers differ from run to run
            "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
            "text.parse_math": False,  # a dollar sign in a keyword is a dollar sign
        }
    )
    with settings, warnings.catch_warnings():
        # A browser has letters that the drawing's font lacks; in the PNG they are boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _png(canvas: Canvas) -> bytes:
    content = BytesIO()
    canvas.figure.savefig(
        content, format="png", dpi=PNG_DOTS_PER_INCH, facecolor="white", bbox_inches="tight", pad_inches=0.2
    )
    return content.getvalue()


def inline_svg(canvas: Canvas, name: str) -> str:
    """Return a drawing as an SVG element for an HTML page: with a title and tooltips, and in the page's own colours.

    Identifiers go, since two drawings of one page would share them; so do clip paths, which nothing crosses.
    """
    content = BytesIO()
    canvas.figure.savefig(content, format="svg", transparent=True, metadata=NO_METADATA)
    drawing = ElementTree.fromstring(content.getvalue())
    root = ElementTree.Element("svg", {"class": name, "viewBox": drawing.attrib["viewBox"], "role": "img"})
    ElementTree.SubElement(root, "title").text = printable(canvas.title)
    for child in drawing:
        _copy(child, root, canvas.tooltips)
    return ElementTree.tostring(root, encoding="unicode")


def _copy(element: ElementTree.Element, parent: ElementTree.Element, tooltips: dict[str, str]) -> None:
    """Copy what is visible of `element` below `parent`."""
    tag = element.tag.rpartition("}")[2]
    style = _in_page_colours(element.get("style", ""))
    if tag == "defs" or (tag == "path" and style == "fill: none"):
        return
    kept = {key: " ".join(value.split()) for key, value in element.attrib.items() if key in ("d", "x", "y")}
    copy = ElementTree.Element(tag, kept | ({"style": style} if style else {}))
    copy.text = element.text if tag == "text" else None
    if element.get("id") in tooltips:
        ElementTree.SubElement(copy, "title").text = tooltips[element.attrib["id"]]
    for child in element:
        _copy(child, copy, tooltips)
    if tag != "g" or len(copy):
        parent.append(copy)


def _in_page_colours(style: str) -> str:
    """Name colours by the page's CSS variables, and leave the font to the page."""
    style = re.sub(r"font-family: [^;]*; ?", "", style)
    return re.sub(r"#[0-9a-f]{6}", lambda colour: VARIABLES.get(colour[0], colour[0]), style)
