"""The page: one HTML file that needs nothing else, made from the templates beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from saladkit import __version__
from saladkit.formats.gap_table import LEAST_RELIABILITY
from saladkit.reporting.charts.palette import DARK, LIGHT, series_colours
from saladkit.reporting.charts.regions import KEYWORDS, SHOWN_REGIONS, shown_selections
from saladkit.reporting.charts.rendering import Chart
from saladkit.reporting.findings import Findings
from saladkit.reporting.gap_summary import icc_sentence
from saladkit.reporting.gap_tables import behind_speech
from saladkit.reporting.groups import ALL
from saladkit.reporting.headline import headline, lead
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.number_format import duration, memory, percent, percent_interval, points, signed
from saladkit.reporting.seeds import SeedsFindings
from saladkit.reporting.selection_notes import selection_notes
from saladkit.reporting.spoken_questions import SpokenQuestion
from saladkit.reporting.strategy_comparison import StrategyFindings
from saladkit.reporting.terminal_table import answered_lines, guess_lines
from saladkit.scoring.seeds import seeds_note
from saladkit.scoring.statistics import p_value_text

if TYPE_CHECKING:
    from jinja2 import Environment

FORMATS = {
    "percent": percent,
    "percent_interval": percent_interval,
    "points": points,
    "signed": signed,
    "duration": duration,
    "memory": memory,
    "p_value": p_value_text,
    "icc_sentence": icc_sentence,
}


@dataclass(frozen=True)
class PageContent:
    """What the page shows."""

    title: str
    findings: Findings
    inventory: Inventory
    charts: dict[str, Chart]
    questions: list[SpokenQuestion]
    strategies: list[StrategyFindings]  # the control first
    seeds: SeedsFindings | None  # None for one run


def render_page(content: PageContent) -> str:
    """Return the page as HTML; every text is escaped."""
    findings = content.findings
    logs = [model.training.metrics for model in findings.models if model.training]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=content.title,
            findings=findings,
            charts=content.charts,
            questions=content.questions,
            strategies=content.strategies,
            headline=headline(findings),
            lead=lead(findings, content.seeds),
            answered=answered_lines(findings),
            guesses=guess_lines(findings),
            every=ALL,
            main=findings.main,
            seeds=content.seeds,
            seeds_note=seeds_note(content.seeds.seeds if content.seeds else 1),
            pair=lambda of: " minus ".join(findings.model(name).label for name in (of.first, of.second)),
            colours=series_colours(model.name for model in findings.models),
            selections=[selection.name for selection in shown_selections(findings, content.inventory)],
            selection_notes=selection_notes(findings.regions) if findings.regions else [],
            shown_regions=SHOWN_REGIONS,
            keywords=KEYWORDS,
            spans=findings.measured[0].spans if findings.measured else None,
            behind=behind_speech(findings.measured),
            least_reliability=LEAST_RELIABILITY,
            has_lexical_loss=any("lexical" in entry for log in logs for entry in log),
            light=LIGHT,
            dark=DARK,
            version=__version__,
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("saladkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FORMATS
    return environment
