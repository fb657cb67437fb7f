"""Horizontal bars as SVG in percent coordinates: they take any width, and their text keeps its size."""

import math
from dataclasses import dataclass

from saladkit.reporting.markup import Markup, tag

BAR, BETWEEN, MARGIN = 9, 3, 7  # px
OVERHANG = 12  # px by which rules reach over a row, where its label is taller


@dataclass(frozen=True)
class Bar:
    """From `start` to `value` on the axis, with an interval."""

    value: float
    style: str  # CSS class
    title: str
    low: float | None = None
    high: float | None = None
    start: float = 0.0


@dataclass(frozen=True)
class Axis:
    """What the whole width means, and where it is ruled."""

    low: float
    high: float
    ticks: list[float]
    unit: str = ""

    def place(self, value: float) -> float:
        """Percent of the width."""
        return 100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


def round_axis(low: float, high: float) -> Axis:
    """An axis from at most `low` to at least `high`, ruled at three to six round values."""
    high = high if high > low else low + 1
    span = high - low
    sizes = (factor * 10.0**decade for decade in range(-7, 12) for factor in (1, 2, 5))
    size = next(size for size in sizes if span / size <= 5)
    first, last = math.floor(low / size), math.ceil(high / size)
    return Axis(first * size, last * size, [round(i * size, 9) for i in range(first, last + 1)])


def bar_row(
    tracks: list[list[Bar]],
    axis: Axis,
    *,
    marker: float | None = None,
    dashed: float | None = None,
    thickness: int = BAR,
) -> Markup:
    """One row of a chart.

    Args:
        tracks: one below the other; the bars of a track share its height.
        marker: a line across all tracks, such as a ceiling.
        dashed: a fine dashed line, such as chance.
        thickness: of a bar, in px.
    """
    height = 2 * MARGIN + len(tracks) * thickness + (len(tracks) - 1) * BETWEEN
    drawn = [_rule(axis.place(tick), height, "zero" if tick == 0 else "grid") for tick in axis.ticks]
    if dashed is not None:
        drawn.append(_rule(axis.place(dashed), height, "chance"))
    for index, track in enumerate(tracks):
        top = MARGIN + index * (thickness + BETWEEN)
        for bar in track:
            left, right = sorted((axis.place(bar.start), axis.place(bar.value)))
            shape = {"x": f"{left:.2f}%", "y": top, "width": f"{right - left:.2f}%", "height": thickness, "rx": 1.5}
            drawn.append(tag("rect", tag("title", bar.title), class_=bar.style, **shape))
            if bar.low is not None and bar.high is not None:
                ends = {"x1": f"{axis.place(bar.low):.2f}%", "x2": f"{axis.place(bar.high):.2f}%"}
                drawn.append(tag("line", class_="whisker", y1=top + thickness / 2, y2=top + thickness / 2, **ends))
    if marker is not None:
        at = f"{axis.place(marker):.2f}%"
        drawn.append(tag("line", class_="ceiling", x1=at, x2=at, y1=MARGIN - 3, y2=height - MARGIN + 3))
    label = "; ".join(bar.title for track in tracks for bar in track)
    return tag("svg", *drawn, width="100%", height=height, role="img", aria_label=label)


def axis_row(axis: Axis) -> Markup:
    """The numbers below a chart."""
    texts = []
    for tick in axis.ticks:
        at = axis.place(tick)
        anchor = "start" if at < 3 else "end" if at > 97 else "middle"
        unit = f" {axis.unit}" if tick == axis.ticks[-1] and axis.unit else ""
        number = f"{tick:g}".replace("-", "\u2212")
        texts.append(tag("text", f"{number}{unit}", class_="tick", x=f"{at:.2f}%", y=13, text_anchor=anchor))
    return tag("svg", *texts, width="100%", height=18, aria_hidden="true")


def _rule(at: float, height: int, style: str) -> Markup:
    return tag("line", class_=style, x1=f"{at:.2f}%", x2=f"{at:.2f}%", y1=-OVERHANG, y2=height + OVERHANG)


def legend(entries: list[tuple[str, str]]) -> Markup:
    """(CSS class, text) pairs as swatches."""
    return tag(
        "ul", *(tag("li", tag("span", class_=f"swatch {style}"), text) for style, text in entries), class_="legend"
    )
