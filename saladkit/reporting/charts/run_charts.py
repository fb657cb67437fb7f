"""Every chart that a run has the data for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from saladkit.reporting.accuracy_by_voice import VoiceRow
from saladkit.reporting.charts.by_voice import draw_voices
from saladkit.reporting.charts.cost import draw_cost
from saladkit.reporting.charts.gap import draw_gap
from saladkit.reporting.charts.misalignment import draw_misalignment
from saladkit.reporting.charts.pool import draw_pool
from saladkit.reporting.charts.regions import ShownSelection, draw_regions
from saladkit.reporting.charts.rendering import Chart, Picture, render, render_picture
from saladkit.reporting.charts.strategies import draw_strategies
from saladkit.reporting.charts.subjects import draw_subjects
from saladkit.reporting.charts.training import draw_training, loss_curves
from saladkit.reporting.findings import Findings
from saladkit.reporting.inventory import Step
from saladkit.reporting.misalignment_curve import MisalignmentCurve
from saladkit.reporting.pool_map import PoolMap
from saladkit.reporting.provenance import TrainingLog
from saladkit.reporting.region_gaps import RegionGaps
from saladkit.reporting.strategy_comparison import StrategyFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """What the charts show; a part that is empty or None has no chart."""

    findings: Findings | None
    strategies: list[StrategyFindings]
    voices: list[VoiceRow]
    regions: RegionGaps | None
    selections: list[ShownSelection]
    logs: list[TrainingLog]
    misalignment: MisalignmentCurve | None
    steps: list[Step]
    map: PoolMap | None


def draw_charts(of: Drawn) -> tuple[dict[str, Chart], dict[str, Picture]]:
    """Return the charts by name, and the pictures that are files alone; without those that lack data."""
    drawings: dict[str, Callable[[int], Figure]] = {}
    if of.findings:
        drawings["gap"] = partial(draw_gap, of.findings)
        if of.findings.subjects:
            drawings["subjects"] = partial(draw_subjects, of.findings)
        if of.voices:
            drawings["voices"] = partial(draw_voices, of.voices, of.findings.models)
    if of.regions:
        drawings["regions"] = partial(draw_regions, of.regions, of.selections)
    if of.strategies:
        drawings["strategies"] = partial(draw_strategies, of.strategies)
    if curves := loss_curves(of.logs):
        drawings["training"] = partial(draw_training, curves)
    if of.misalignment:
        drawings["misalignment"] = partial(draw_misalignment, of.misalignment)
    if of.steps:
        drawings["cost"] = partial(draw_cost, of.steps)
    pictures = {"map": render_picture(partial(draw_pool, of.map))} if of.map else {}
    return {name: render(draw) for name, draw in drawings.items()}, pictures
