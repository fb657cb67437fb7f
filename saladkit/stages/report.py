"""`report`: write a page, charts and a summary of the artefacts in one or more folders."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.files import written_aside
from saladkit.progress import say
from saladkit.reporting.arguments import (
    check_choices,
    check_folders,
    check_libraries,
    check_places,
    named_folders,
)
from saladkit.reporting.compared_run import ComparedRun, compare_run
from saladkit.reporting.page import render_page
from saladkit.reporting.page_content import PageContent, page_content
from saladkit.reporting.run_answers import read_run
from saladkit.reporting.run_summary import summary_of, summary_of_artefacts
from saladkit.reporting.same_recipe import check_same_recipe
from saladkit.reporting.seeds import SeedsFindings, compute_seeds
from saladkit.reporting.side_by_side import side_by_side
from saladkit.reporting.strategy_comparison import compare_strategies
from saladkit.reporting.terminal_table import terminal_table
from saladkit.settings.report import ReportSettings

SUMMARY = "summary.json"


def report(run: str | Path, output: str | Path, settings: ReportSettings, *, others: Sequence[str | Path] = ()) -> dict:
    """Write the page `output` and, beside it, `summary.json` and every chart as a PNG and an SVG file.

    The chart by subject is named after the page: `report.png` beside `report.html`. The names of other charts are
    appended, such as `report-regions.png`.

    Args:
        run: a folder with artefacts, at any depth. What `settings` leave open is found in their manifests.
        output: the page.
        others: folders of further runs, shown beside `run`.

    Returns:
        The content of `summary.json`, with the command and the page's path.

    Raises:
        SaladError: matplotlib is not installed; a folder is missing or has no artefact; or what the settings name is
            incomplete, of another schema, or has different items. What was not named and cannot be used is said on the
            page instead.
    """
    run, output = Path(run), Path(output)
    check_libraries()
    check_places(run, output)
    check_folders(run, others)
    check_choices(settings.choices)
    check_folders(run, settings.across, "--across")

    compared = compare_run(run, settings)
    if not (compared.inventory.artefacts or compared.inventory.unusable):
        raise SaladError(f"{run} has no artefact of saladkit below it", "Give the folder that the commands wrote into.")
    seeds = _over_seeds(compared)
    runs = [run, *map(Path, settings.across)]
    of_run = compared.settings
    strategies = compare_strategies(runs, named_folders(settings.choices), of_run.speech, of_run.held_out)
    beside = side_by_side([compared, *(compare_run(Path(other), settings.alone()) for other in others)])
    content = page_content(compared, strategies, seeds, beside)
    findings = compared.findings
    summary = summary_of(findings, strategies, seeds) if findings else {}
    summary |= summary_of_artefacts(compared, beside)

    _write(output, content, summary)
    for line in terminal_table(findings, seeds) if findings else ():
        say(line)
    for missing in compared.missing:
        say(f"note: {missing.problem}\n  fix: {missing.fix}")
    return {"command": "report", "output": str(output), **summary}


def _over_seeds(compared: ComparedRun) -> SeedsFindings | None:
    """Return the figures over the runs of several seeds (--across); None without such runs."""
    settings = compared.settings
    if not settings.across:
        return None
    if compared.answers is None or compared.findings is None:
        missing = compared.missing[0]
        raise SaladError(f"--across has nothing to be joined with: {missing.problem}", missing.fix)
    folders = named_folders(settings.results)
    answers = [compared.answers, *(read_run(Path(of_seed), folders, settings) for of_seed in settings.across)]
    check_same_recipe(answers)
    return compute_seeds(answers, compared.findings.pairs)


def _write(output: Path, content: PageContent, summary: dict) -> None:
    """Write all files, or none of them."""
    # Keys are not sorted, since steps are in the order in which they ran.
    files = {
        output: render_page(content).encode(),
        output.with_name(SUMMARY): (json.dumps(summary, indent=1, allow_nan=False) + "\n").encode(),
    }
    for name, chart in {**content.charts, **content.pictures}.items():
        stem = f"{output.stem}{'' if name == 'subjects' else f'-{name}'}"
        files[output.with_name(f"{stem}.png")] = chart.png
        files[output.with_name(f"{stem}.svg")] = chart.svg
    with ExitStack() as writing:
        for path, file in files.items():
            writing.enter_context(written_aside(path)).write_bytes(file)
