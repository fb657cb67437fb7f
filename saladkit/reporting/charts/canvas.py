"""A matplotlib figure measured in pixels from its top left corner, with text, a legend, panels and tooltips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from saladkit.reporting.charts.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Align = Literal["left", "center", "right"]

WIDE, NARROW = 840, 440  # px: a desktop page and a telephone
DOTS_PER_INCH = 72  # then a point of font size is a pixel
TEXT, SMALL, HEADING = 12.5, 11.0, 14.0  # font sizes in px
LEGEND_ROW, SWATCH, GUTTER = 22, 11, 30  # px


@dataclass(frozen=True)
class LegendEntry:
    """One series of a chart: a filled box, or a line that is solid, dashed, dotted or upright."""

    text: str
    colour: str
    mark: Literal["box", "dashed", "dotted", "upright"] = "box"


@dataclass(frozen=True)
class Box:
    """A place in a figure, in px from its top left corner; what flows downward leaves the height open."""

    left: float
    top: float
    width: float
    height: float = 0

    def below(self, top: float) -> Box:
        """Return the same columns of the figure from `top` px on."""
        return replace(self, top=top)

    def columns(self, count: int) -> list[Box]:
        """Cut the box into columns with a gutter between each two."""
        width = (self.width - GUTTER * (count - 1)) / count
        return [replace(self, left=self.left + index * (width + GUTTER), width=width) for index in range(count)]


@cache
def text_width(text: str, size: float = TEXT, bold: bool = False) -> float:
    """Return the width in px of a line of text in matplotlib's own font, which is wider than most fonts of a page."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]


def shortened(text: str, width: float, size: float = TEXT) -> str:
    """Cut `text` and end it with an ellipsis where it is wider than `width` px."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip(' ,')}…"


def printable(text: str) -> str:
    """Replace control characters, which neither a chart nor XML can hold, with spaces."""
    return "".join(character if character.isprintable() else " " for character in text)


class Canvas:
    """One chart: a figure without pyplot, what it shows as a sentence, and a tooltip for each of its marks."""

    def __init__(self, title: str, width: int):
        """Start an empty figure of `width` px, without a height; `title` is its text for screen readers."""
        from matplotlib.figure import Figure

        self.title, self.width = title, width
        self.tooltips: dict[str, str] = {}  # id of a mark in the SVG -> text
        self.figure = Figure(dpi=DOTS_PER_INCH)
        self._panels: list[tuple[Axes, Box]] = []
        self.page = self._axes((0, width))
        self.page.set_zorder(1)  # above the panels

    def panel(self, box: Box, x_limits: tuple[float, float]) -> Axes:
        """Add bare axes in a box of the figure; y counts pixels from the top of the box."""
        axes = self._axes(x_limits)
        axes.set_ylim(box.height, 0)
        self._panels.append((axes, box))
        return axes

    def _axes(self, x_limits: tuple[float, float]) -> Axes:
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(*x_limits)
        axes.set_autoscale_on(False)
        return axes

    def finish(self, height: float) -> Canvas:
        """Cut the figure off at `height` px, and put every panel into its place."""
        self.figure.set_size_inches(self.width / DOTS_PER_INCH, height / DOTS_PER_INCH)
        self.page.set_ylim(height, 0)
        for axes, box in self._panels:
            bottom = 1 - (box.top + box.height) / height
            axes.set_position((box.left / self.width, bottom, box.width / self.width, box.height / height))
            for mark in axes.get_children():
                mark.set_clip_on(False)  # a line at the very end of a scale keeps its full width
        return self

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = TEXT,
        colour: str = "ink",
        bold: bool = False,
        align: Align = "left",
    ) -> None:
        """Write one line of text at `x`, vertically centred on `y`, px."""
        weight = "bold" if bold else "normal"
        look = self.page.text(x, y, printable(text), fontsize=size, color=LIGHT[colour], fontweight=weight)
        look.set_horizontalalignment(align)
        look.set_verticalalignment("center_baseline")

    def heading(self, x: float, y: float, text: str, note: str = "") -> None:
        """Write a heading and a smaller remark beside it."""
        self.text(x, y, text, size=HEADING, bold=True)
        self.text(x + text_width(text, HEADING, bold=True) + 8, y, note, size=SMALL, colour="soft")

    def tooltip(self, mark: Artist, text: str) -> None:
        """Show `text` where the pointer rests on `mark` in the page."""
        name = f"mark-{len(self.tooltips)}"
        mark.set_gid(name)
        self.tooltips[name] = printable(text)

    def legend(self, box: Box, entries: list[LegendEntry]) -> float:
        """Draw a legend at the top of a box, in as many rows as it needs, and return where it ends in px."""
        x, y = box.left, box.top + LEGEND_ROW / 2
        for entry in entries:
            width = 3 * SWATCH + text_width(entry.text)
            if x > box.left and x + width - SWATCH > box.left + box.width:
                x, y = box.left, y + LEGEND_ROW
            self._legend_mark(entry, x, y)
            self.text(x + 1.7 * SWATCH, y, entry.text)
            x += width
        return y + LEGEND_ROW / 2

    def _legend_mark(self, entry: LegendEntry, x: float, y: float) -> None:
        colour, end = LIGHT[entry.colour], x + SWATCH
        if entry.mark == "box":
            self.page.barh(y, SWATCH, height=SWATCH, left=x, color=colour)
        elif entry.mark == "dashed":
            self.page.plot([x - 3, end + 3], [y, y], color=colour, linewidth=1.8, linestyle=(0, (3, 2)))
        else:
            dotted = entry.mark == "dotted"
            look = {"linewidth": 1.5, "linestyle": (0, (1, 2))} if dotted else {"linewidth": 2.5}
            self.page.vlines(x + SWATCH / 2, y - 8, y + 8, color=colour, **look)
