"""Horizontal bars with intervals on a ruled axis: the marks that most charts of the report share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.reporting.charts.canvas import SMALL, Align, Box, Canvas, shortened, text_width
from saladkit.reporting.charts.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAR, THICK, BETWEEN, MARGIN = 9, 13, 3, 7  # px
AXIS = 22  # px below the rows for the numbers of the axis
TWO_LINES = 34  # px that a label with a remark below it needs
GAP, LABEL_MARGIN = 4, 10  # px between a label and its remark, and between both and the bars
MINUS = "\u2212"


@dataclass(frozen=True)
class Bar:
    """A bar from `start` to `value` on the axis, with an interval where `low` and `high` are given."""

    value: float
    colour: str
    tooltip: str
    low: float | None = None
    high: float | None = None
    start: float = 0.0


@dataclass(frozen=True)
class Row:
    """A label, a remark in smaller type, and tracks of bars below each other; bars of one track share its height."""

    label: str
    remark: str
    tracks: list[list[Bar]]
    ceiling: float | None = None  # an upright line across all tracks
    number: str = ""  # at the right end of the row
    bold: bool = False


@dataclass(frozen=True)
class Scale:
    """The range of an axis and the values at which it is ruled."""

    low: float
    high: float
    ticks: list[float]
    unit: str = ""


PERCENT = Scale(0, 100, [0, 25, 50, 75, 100], "%")


def round_scale(low: float, high: float, unit: str = "", whole: bool = False) -> Scale:
    """Return the scale from `low` to `high`, ruled at round values; with `whole`, at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=whole)
    high = high if high > low else low + 1
    ticks = [round(float(tick), 9) + 0.0 for tick in locator.tick_values(low, high)]
    return Scale(low, high, [tick for tick in ticks if low <= tick <= high], unit)


def tracks_height(tracks: int, thickness: int = BAR) -> int:
    """Return the height in px of the bars of one row, with the margins above and below."""
    return 2 * MARGIN + tracks * thickness + (tracks - 1) * BETWEEN


def draw_rows(
    canvas: Canvas,
    box: Box,
    rows: list[Row],
    scale: Scale,
    *,
    label_width: float,
    number_width: float = 0,
    thickness: int = BAR,
    dotted: float | None = None,
) -> float:
    """Draw rows of bars from the top of a box: labels at the left, numbers at the right, the axis below.

    Args:
        canvas: the figure.
        box: where the rows go; its width is for labels, bars and numbers.
        rows: from top to bottom.
        scale: what the width of the bars means.
        label_width: px for the labels.
        number_width: px for the numbers.
        thickness: height of a bar in px.
        dotted: the value at which a dotted line crosses all rows.

    Returns:
        Where the axis ends, in px from the top of the figure.
    """
    beside = _remarks_beside(rows, label_width - LABEL_MARGIN)
    height = tracks_height(max(len(row.tracks) for row in rows), thickness)
    height = height if beside else max(height, TWO_LINES)
    bars = Box(box.left + label_width, box.top, box.width - label_width - number_width, height * len(rows))
    axes = draw_scale(canvas, bars, scale)
    if dotted is not None:
        axes.vlines(dotted, 0, bars.height, color=LIGHT["soft"], linewidth=1.5, linestyle=(0, (1, 2)), zorder=1)
    for index, row in enumerate(rows):
        middle = (index + 0.5) * height
        _write_label(canvas, row, bars.left - LABEL_MARGIN, box.top + middle, label_width - LABEL_MARGIN, beside)
        draw_bars(canvas, axes, row, middle, thickness)
        canvas.text(box.left + box.width, box.top + middle, row.number, align="right", bold=row.bold)
        if row.bold and index + 1 < len(rows):
            line = box.top + (index + 1) * height
            canvas.page.hlines(line, box.left, box.left + box.width, color=LIGHT["line"], linewidth=1)
    return bars.top + bars.height + AXIS


def draw_bars(canvas: Canvas, axes: Axes, row: Row, middle: float, thickness: int = BAR) -> None:
    """Draw the bars, intervals and the ceiling of one row, centred on `middle` px of its panel."""
    span = tracks_height(len(row.tracks), thickness) - 2 * MARGIN
    for index, track in enumerate(row.tracks):
        y = middle - span / 2 + index * (thickness + BETWEEN) + thickness / 2
        for bar in track:
            patch = axes.barh(y, bar.value - bar.start, thickness, bar.start, color=LIGHT[bar.colour], zorder=2)[0]
            canvas.tooltip(patch, bar.tooltip)
            if bar.low is not None and bar.high is not None:
                axes.hlines(y, bar.low, bar.high, color=LIGHT["ink"], linewidth=1.25, alpha=0.6, zorder=3)
    if row.ceiling is not None:
        ends = (middle - span / 2 - 4, middle + span / 2 + 4)
        axes.vlines(row.ceiling, *ends, color=LIGHT["ink"], linewidth=2.5, zorder=4)


def draw_scale(canvas: Canvas, box: Box, scale: Scale) -> Axes:
    """Add a panel with the upright lines of a scale, the one at zero darker, and their numbers below it."""
    axes = canvas.panel(box, (scale.low, scale.high))
    for tick in scale.ticks:
        axes.vlines(tick, 0, box.height, color=LIGHT["soft" if tick == 0 else "line"], linewidth=1, zorder=0)
        x = box.left + box.width * (tick - scale.low) / (scale.high - scale.low)
        unit = f" {scale.unit}" if tick == scale.ticks[-1] and scale.unit else ""
        number = f"{tick:g}{unit}".replace("-", MINUS)
        align: Align = "right" if x > box.left + box.width - 8 else "center"
        canvas.text(x, box.top + box.height + 12, number, size=SMALL, colour="soft", align=align)
    return axes


def _remarks_beside(rows: list[Row], width: float) -> bool:
    """Whether every label fits into `width` px together with its remark."""
    return all(label_width(row) <= width for row in rows)


def label_width(row: Row) -> float:
    """Return the width in px of a row's label with its remark beside it."""
    label = text_width(row.label, bold=row.bold)
    return label + (GAP + text_width(row.remark, SMALL) if row.remark else 0)


def _write_label(canvas: Canvas, row: Row, right: float, y: float, width: float, beside: bool) -> None:
    if row.remark and not beside:
        canvas.text(right, y - 7, shortened(row.label, width), bold=row.bold, align="right")
        canvas.text(right, y + 8, shortened(row.remark, width, SMALL), size=SMALL, colour="soft", align="right")
        return
    canvas.text(right, y, row.remark, size=SMALL, colour="soft", align="right")
    taken = text_width(row.remark, SMALL) + GAP if row.remark else 0
    canvas.text(right - taken, y, shortened(row.label, width - taken), bold=row.bold, align="right")
