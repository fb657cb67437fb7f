"""The gap by region of the text pool, and the number of texts that every selection took from each region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit.reporting.charts.bars import AXIS, Bar, Row, draw_bars, draw_scale, round_scale, tracks_height
from saladkit.reporting.charts.canvas import SMALL, WIDE, Box, Canvas, LegendEntry, shortened, text_width
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.findings import Findings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.number_format import percent
from saladkit.reporting.provenance import added_speech, selections_of
from saladkit.reporting.region_gaps import Metric, RegionGap, RegionGaps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_REGIONS, KEYWORDS = 32, 4
MAX_LABEL, HEAD, LINE = 300, 26, 15  # px: labels beside the bars; titles of the panels; a line of text


@dataclass(frozen=True)
class ShownSelection:
    """A selection, the colour of its bars, and the label of the model that was trained on it, if there is one."""

    name: str
    colour: str
    model: str = ""


def shown_selections(findings: Findings, inventory: Inventory) -> list[ShownSelection]:
    """Return the selections that a model of the report was trained on, in the order of the models.

    Where there are none, return every selection of the run.
    """
    found = [selection.name for selection in findings.regions.selections] if findings.regions else []
    colours = series_colours(model.name for model in findings.models)
    trained: dict[str, ShownSelection] = {}
    for model in findings.models:
        for selection in selections_of(inventory, added_speech(model.training, findings.models[0].training)):
            if selection.name in found:
                trained.setdefault(selection.name, ShownSelection(selection.name, colours[model.name], model.label))
    others = series_colours(found, first=3)
    return list(trained.values()) or [ShownSelection(name, others[name]) for name in found]


def draw_regions(view: RegionGaps, selections: list[ShownSelection], width: int) -> Canvas:
    """Draw a row for each region, the largest gap first: labels beside the bars, or above them on a narrow page."""
    shown = view.rows[:SHOWN_REGIONS]
    canvas = Canvas(f"{view.metric.name} by region, and the texts that each selection took", width)
    top = canvas.legend(Box(0, 0, width), _legend(view.metric.unit, selections)) + HEAD
    wide = width >= WIDE
    left, above = (_label_width(shown), 0) if wide else (0, 2 * LINE + 4)  # room for labels beside or above the bars
    bars = tracks_height(max(1, len(selections)))
    row = max(bars, 2 * LINE + 6) if wide else above + bars
    panels = _draw_panels(canvas, Box(left, top, width - left, row * len(shown)), view.metric, shown, bool(selections))
    for index, region in enumerate(shown):
        start = index * row
        label = Box(0, top + start, left or width, above or row)
        if above:  # hide the lines of the scales behind the label
            canvas.page.barh(label.top + above / 2, width, above, color=LIGHT["card"], zorder=0)
        _write_label(canvas, label, region)
        charts = [[[_gap_bar(region, view.metric.unit)]], [[_texts_bar(region, selection)] for selection in selections]]
        for axes, tracks in zip(panels, charts[: len(panels)], strict=True):
            draw_bars(canvas, axes, Row("", "", tracks), start + (above + row) / 2)
    return canvas.finish(top + row * len(shown) + AXIS)


def _draw_panels(canvas: Canvas, box: Box, metric: Metric, shown: list[RegionGap], has_selections: bool) -> list[Axes]:
    """Add a panel for the gap and, where texts were selected, a second one for their numbers."""
    title = f"{metric.name}, {metric.unit}"
    scales = {title: round_scale(min(0.0, *(region.low for region in shown)), max(region.high for region in shown))}
    if has_selections:
        most = max(1, *(count for region in shown for count in region.chosen.values()))
        scales["texts selected"] = round_scale(0, most, whole=True)
    panels = []
    for panel, (title, scale) in zip(box.columns(len(scales)), scales.items(), strict=True):
        canvas.text(panel.left, box.top - 10, shortened(title, panel.width, SMALL), size=SMALL, colour="soft")
        panels.append(draw_scale(canvas, panel, scale))
    return panels


def _legend(unit: str, selections: list[ShownSelection]) -> list[LegendEntry]:
    entries = [LegendEntry(f"gap, {unit}, with 95 % interval", "slate")]
    for selection in selections:
        model = f" ({selection.model})" if selection.model else ""
        entries.append(LegendEntry(f"texts in {selection.name}{model}", selection.colour))
    return entries


def _texts_bar(region: RegionGap, selection: ShownSelection) -> Bar:
    texts = region.chosen[selection.name]
    return Bar(texts, selection.colour, f"{selection.name}: {texts} texts")


def _gap_bar(region: RegionGap, unit: str) -> Bar:
    interval = f"{region.low:.3f} to {region.high:.3f}"
    tooltip = f"region {region.region}: {region.gap:.3f} {unit.split()[0]} ({interval}), {region.probes} probes"
    return Bar(region.gap, "slate", tooltip, region.low, region.high)


def _label(region: RegionGap) -> tuple[str, str]:
    """Return the keywords of a region, and its shares of the pool and of the natural speech where they are known."""
    shares = ""
    if region.pool_share is not None and region.speech_share is not None:
        shares = f"{percent(region.pool_share)} of the pool, {percent(region.speech_share)} of natural speech"
    return ", ".join(region.keywords[:KEYWORDS]), shares


def _label_width(shown: list[RegionGap]) -> float:
    widths = [max(text_width(keywords), text_width(shares, SMALL)) for keywords, shares in map(_label, shown)]
    return min(MAX_LABEL, max(widths) + 16)


def _write_label(canvas: Canvas, box: Box, region: RegionGap) -> None:
    keywords, shares = _label(region)
    middle, shift, width = box.top + box.height / 2, LINE / 2 if shares else 0, box.width - 12
    canvas.text(box.left, middle - shift, shortened(keywords, width))
    canvas.text(box.left, middle + shift, shortened(shares, width, SMALL), size=SMALL, colour="soft")
