"""The gap by region of the text pool, and the number of texts that every selection took from each region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import Bar, draw_bars, draw_zero, label_rows, row_height
from saladkit.reporting.charts.figures import AXIS, TITLE, WIDE, finish, new_figure, shortened
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.findings import ModelFindings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.number_format import percent
from saladkit.reporting.provenance import added_speech, selections_of
from saladkit.reporting.region_gaps import RegionGap, RegionGaps

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_REGIONS, KEYWORDS = 32, 4
LETTERS, NARROW_LETTERS = 40, 20  # of a label
MIN_ROW = 36  # px
TITLE_STYLE = {"fontsize": 11, "fontweight": "normal", "color": LIGHT["soft"]}


@dataclass(frozen=True)
class ShownSelection:
    """A selection, the colour of its bars, and the label of the model that was trained on it, if there is one."""

    name: str
    colour: str
    model: str = ""


def shown_selections(found: list[str], models: list[ModelFindings], inventory: Inventory) -> list[ShownSelection]:
    """Return the selections that a model of the report was trained on, in the order of the models.

    If no selection matches, return all.

    Args:
        found: names of the selections.
    """
    colours = series_colours(model.name for model in models)
    trained: dict[str, ShownSelection] = {}
    for model in models:
        for selection in selections_of(inventory, added_speech(model.training, models[0].training)):
            if selection.name in found:
                trained.setdefault(selection.name, ShownSelection(selection.name, colours[model.name], model.label))
    others = series_colours(found, first=3)
    return list(trained.values()) or [ShownSelection(name, others[name]) for name in found]


def draw_regions(view: RegionGaps, selections: list[ShownSelection], width: int) -> Figure:
    """Draw a row for each region, the largest gap first: the gap, and beside it the texts selected."""
    shown = view.rows[:SHOWN_REGIONS]
    figure = new_figure(f"{view.metric.name} by region, and the texts that each selection took")
    panels = list(figure.subplots(1, 2 if selections else 1, squeeze=False, sharey=True).flat)
    panels[0].set_title(view.metric.name, **TITLE_STYLE)
    draw_bars(
        panels[0],
        [_gap_bar(region, view.metric.unit) for region in shown],
        "slate",
        f"gap, {view.metric.unit}, with 95 % interval",
    )
    height = max(MIN_ROW, row_height(len(selections)))
    label_rows(panels[0], *_labels(shown, wide=width >= WIDE), height=height)
    for place, selection in enumerate(selections):
        bars = [_texts_bar(region, selection) for region in shown]
        model = f" ({selection.model})" if selection.model else ""
        draw_bars(panels[1], bars, selection.colour, f"texts in {selection.name}{model}", place, len(selections))
    for panel in panels[1:]:
        panel.set_title("texts selected", **TITLE_STYLE)
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.grid(visible=False, axis="y")
        draw_zero(panel, len(shown))
    return finish(figure, width, height * len(shown) + TITLE + AXIS)


def _labels(shown: list[RegionGap], wide: bool) -> tuple[list[str], list[str] | None]:
    """Return the keywords of every region and, on a wide page, the shares of the pool and the natural speech below."""
    keywords = [
        shortened(", ".join(region.keywords[:KEYWORDS]), LETTERS if wide else NARROW_LETTERS) for region in shown
    ]
    if not wide or any(region.pool_share is None or region.speech_share is None for region in shown):
        return keywords, None
    return keywords, [
        f"{percent(region.pool_share or 0)} of the pool, {percent(region.speech_share or 0)} of natural speech"
        for region in shown
    ]


def _texts_bar(region: RegionGap, selection: ShownSelection) -> Bar:
    texts = region.chosen[selection.name]
    return Bar(texts, f"{selection.name}: {texts} texts")


def _gap_bar(region: RegionGap, unit: str) -> Bar:
    interval = "no interval" if region.low is None else f"{region.low:.3f} to {region.high:.3f}"
    tooltip = f"region {region.region}: {region.gap:.3f} {unit.split()[0]} ({interval}), {region.probes} probes"
    return Bar(region.gap, tooltip, region.low, region.high)
