"""The map of the text pool as a picture: coloured by gap and by coverage, with the chosen texts marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saladkit.reporting.charts.figures import TITLE, add_tooltip, new_figure, shortened
from saladkit.reporting.charts.palette import LIGHT, SERIES
from saladkit.reporting.pool_map import PoolMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = "viridis"  # colours that rise evenly in lightness, also for colour-blind readers
NAMED = 12  # regions whose keywords are written on the map: the largest ones
LETTERS = 26
PANEL = 430  # px


def draw_pool(view: PoolMap, width: int) -> Figure:
    """Draw the map once for each figure that is known; dots are an image in the SVG, since there may be 100,000."""
    gaps = np.array([np.nan if region.gap is None else region.gap for region in view.regions])
    panels = [] if view.metric is None else [(f"{view.metric} of the region", gaps[view.region])]
    panels += [] if view.distance is None else [("Distance to the nearest spoken text", view.distance)]
    panels = panels or [("Regions", np.full(len(view.ids), np.nan))]
    figure = new_figure("Map of the text pool")
    for axes, (title, values) in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        axes.set_title(title)
        _draw(axes, view, values)
    figure.set_size_inches(width / 72, (TITLE + PANEL) / 72)
    return figure


def _draw(axes: Axes, view: PoolMap, values: np.ndarray) -> None:
    x, y = view.places.T
    size = np.clip(4e4 / max(len(x), 1), 0.2, 8)
    known = np.isfinite(values)
    axes.scatter(x[~known], y[~known], s=size, color=LIGHT["grey"], linewidths=0, rasterized=True)
    if known.any():
        drawn = axes.scatter(x[known], y[known], s=size, c=values[known], cmap=SCALE, linewidths=0, rasterized=True)
        axes.figure.colorbar(drawn, ax=axes, orientation="horizontal", fraction=0.04, pad=0.02)
    for colour, selection in zip(SERIES[1:], view.selections, strict=False):
        dots = list(selection.reasons)
        axes.scatter(
            x[dots], y[dots], s=size + 10, facecolors="none", edgecolors=LIGHT[colour], linewidths=0.8,
            label=selection.name, rasterized=True,
        )  # fmt: skip
    for region in sorted(view.regions, key=lambda region: -region.texts)[:NAMED]:
        label = axes.text(*region.centre, shortened(region.name, LETTERS), fontsize=8, ha="center", va="center")
        label.set_bbox({"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1})
        add_tooltip(label, region.name)
    axes.set_aspect("equal")
    axes.set_axis_off()
    if view.selections:
        axes.legend(loc="upper left", fontsize=8)
