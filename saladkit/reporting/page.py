"""The page: one HTML file that needs nothing else, made from the templates beside this module."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from saladkit import __version__
from saladkit.formats.gap_table import LEAST_RELIABILITY
from saladkit.reporting.charts.palette import DARK, LIGHT, SERIES, series_colours
from saladkit.reporting.charts.regions import KEYWORDS, SHOWN_REGIONS
from saladkit.reporting.gap_summary import icc_sentence
from saladkit.reporting.gap_tables import behind_speech
from saladkit.reporting.groups import ALL
from saladkit.reporting.headline import featured, headline, headline_without, lead
from saladkit.reporting.map_data import map_data
from saladkit.reporting.number_format import duration, file_size, memory, percent, percent_interval, points, signed
from saladkit.reporting.page_content import PageContent
from saladkit.reporting.pool_map import LETTERS
from saladkit.reporting.result_names import label
from saladkit.reporting.selection_notes import selection_notes
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
    "file_size": file_size,
    "p_value": p_value_text,
    "icc_sentence": icc_sentence,
    "label": label,
}
SCRIPTS = ("filters.js", "map.js")
# Nothing is loaded: the page's own script by its digest, styles, and images and audio that the page holds.
POLICY = (
    "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; img-src data:; media-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def render_page(content: PageContent) -> str:
    """Return the page as HTML; every text is escaped."""
    findings, script = content.findings, _script()
    digest = b64encode(sha256(script.encode()).digest()).decode()
    environment = _environment()
    return environment.get_template("page.html").render(
        vars(content),
        title=content.title,
        findings=findings,
        missing=[*content.run.missing, *content.run.inventory.unusable],
        policy=POLICY.format(digest),
        script=script,
        headline=headline(findings) if findings else headline_without(content.artefacts, content.run.inventory),
        colours=series_colours(model.name for model in findings.models) if findings else {},
        selection_names=[selection.name for selection in content.selections],
        selection_notes=selection_notes(content.regions) if content.regions else [],
        shown_regions=SHOWN_REGIONS,
        keywords=KEYWORDS,
        letters=LETTERS,
        least_reliability=LEAST_RELIABILITY,
        losses={name for log in content.logs for entry in log.metrics for name in entry},
        map_data=map_data(content.map) if content.map else None,
        marks=SERIES[1:],
        light=LIGHT,
        dark=DARK,
        version=__version__,
        **_about_findings(content),
    )


def _about_findings(content: PageContent) -> dict:
    """Return what the templates say of a comparison; empty without one."""
    findings = content.findings
    if findings is None:
        return {"models": [], "lead": [], "seeds_note": seeds_note(1)}
    return {
        "models": findings.models,
        "featured": featured(findings),
        "lead": lead(findings, content.seeds),
        "answered": answered_lines(findings),
        "guesses": guess_lines(findings),
        "every": ALL,
        "main": findings.main,
        "seeds_note": seeds_note(content.seeds.seeds if content.seeds else 1),
        "pair": lambda of: " minus ".join(findings.model(name).label for name in (of.first, of.second)),
        "spans": findings.measured[0].spans if findings.measured else None,
        "behind": behind_speech(findings.measured),
    }


def _script() -> str:
    """Return the page's script, whose bytes the policy names."""
    folder = files("saladkit.reporting") / "templates"
    return "\n" + "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)


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
