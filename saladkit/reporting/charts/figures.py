"""Empty figures in the style of the report: sizes, fonts, lines, legends, and texts that a mark shows on the page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from saladkit.reporting.charts.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 840, 440  # px: a desktop page and a telephone
DOTS_PER_INCH = 72  # then a point is a pixel
TITLE, AXIS, LEGEND_ROW = 32, 30, 22  # px: heights of a title, of the numbers below axes, of a row of a legend
LETTER, LEGEND_MARK = (
    7.0,
    40,
)  # px: the mean width of a letter; the width of a mark in a legend, with the space beside it
TOOLTIP = "tooltip: "  # how the identifier of a mark with a tooltip begins
STYLE: dict[str, Any] = {
    "font.size": 12.5,
    "text.color": LIGHT["ink"],
    "axes.titlesize": 13.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    **{f"axes.spines.{side}": False for side in ("left", "right", "top", "bottom")},
    "grid.color": LIGHT["line"],
    "grid.linewidth": 1,
    **{f"{axis}tick.{which}.size": 0 for axis in "xy" for which in ("major", "minor")},
    **{f"ytick.{which}.pad": 8 for which in ("major", "minor")},
    "xtick.color": LIGHT["soft"],
    "xtick.labelsize": 11,
    "ytick.labelcolor": LIGHT["ink"],
    "legend.frameon": False,
    "legend.handlelength": 1.2,
    "legend.handletextpad": 0.6,
    "legend.columnspacing": 1.6,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "figure.constrained_layout.w_pad": 3 / DOTS_PER_INCH,
    "figure.constrained_layout.h_pad": 6 / DOTS_PER_INCH,
    "figure.constrained_layout.wspace": 0.04,
    "svg.fonttype": "none",  # text stays text: it can be searched, copied and read aloud
    "svg.hashsalt": "saladkit",  # otherwise identifiers differ from run to run
    "text.parse_math": False,  # a dollar sign in a keyword is a dollar sign
}


def new_figure(title: str) -> Figure:
    """Return an empty figure; `title` tells screen readers what the figure shows."""
    from matplotlib.figure import Figure

    figure = Figure(dpi=DOTS_PER_INCH, layout="constrained")
    figure.set_gid(title)
    return figure


def groups_of_rows(figure: Figure, width: int, rows: list[int]) -> list[Axes]:
    """Add axes for each group, with this number of rows: beside each other in a wide figure, else below each other."""
    if width >= WIDE:
        return list(figure.subplots(1, len(rows), squeeze=False).flat)
    return list(figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows).flat)


def finish(figure: Figure, width: int, height: float) -> Figure:
    """Give a figure its size, `height` px and a legend, if it has several series."""
    labelled: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labelled.setdefault(label, handle)
    if len(labelled) > 1:
        entries = sorted(labelled, key=lambda label: not isinstance(labelled[label], tuple))  # bars before lines
        count = _legend_columns(entries, width)
        figure.legend([labelled[entry] for entry in entries], entries, loc="outside upper left", ncols=count)
        height += LEGEND_ROW * math.ceil(len(entries) / count)
    figure.set_size_inches(width / DOTS_PER_INCH, height / DOTS_PER_INCH)
    return figure


def _legend_columns(entries: list[str], width: int) -> int:
    """Return 1 row's worth of columns where all entries fit beside each other, and else as many columns as fit."""
    lengths = [LETTER * len(entry) + LEGEND_MARK for entry in entries]
    return len(entries) if sum(lengths) <= width else max(1, int(width // max(lengths)))


def add_tooltip(mark: Artist, text: str) -> None:
    """Show `text` where the pointer rests on `mark` in the page."""
    mark.set_gid(f"{TOOLTIP}{text}")


def shortened(text: str, letters: int) -> str:
    """Cut `text` after `letters` letters, with an ellipsis."""
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip(' ,')}…"
