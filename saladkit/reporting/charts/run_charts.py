"""Every chart that a run has the data for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from saladkit.reporting.charts.cost import draw_cost
from saladkit.reporting.charts.gap import draw_gap
from saladkit.reporting.charts.regions import draw_regions, shown_selections
from saladkit.reporting.charts.rendering import Chart, render
from saladkit.reporting.charts.strategies import draw_strategies
from saladkit.reporting.charts.subjects import draw_subjects
from saladkit.reporting.charts.training import draw_training, loss_curves
from saladkit.reporting.findings import Findings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.strategy_comparison import StrategyFindings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_charts(findings: Findings, inventory: Inventory, strategies: list[StrategyFindings]) -> dict[str, Chart]:
    """Return the charts by name: subjects, gap, regions, strategies, training, cost; without those that lack data."""
    drawings: dict[str, Callable[[int], Figure]] = {"gap": partial(draw_gap, findings)}
    if findings.subjects:
        drawings["subjects"] = partial(draw_subjects, findings)
    if findings.regions:
        drawings["regions"] = partial(draw_regions, findings.regions, shown_selections(findings, inventory))
    if strategies:
        drawings["strategies"] = partial(draw_strategies, strategies)
    if curves := loss_curves(findings):
        drawings["training"] = partial(draw_training, curves)
    if findings.steps:
        drawings["cost"] = partial(draw_cost, findings.steps)
    return {name: render(draw) for name, draw in drawings.items()}
