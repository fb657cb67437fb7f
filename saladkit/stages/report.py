"""`report`: write a page, charts and a summary of the results in a run's folder."""

import json
from contextlib import ExitStack
from pathlib import Path

from saladkit.formats.files import written_aside
from saladkit.progress import say
from saladkit.reporting.arguments import (
    check_across,
    check_choices,
    check_contrasts,
    check_libraries,
    check_places,
    named_folders,
)
from saladkit.reporting.charts.run_charts import draw_charts
from saladkit.reporting.findings import compute_findings
from saladkit.reporting.page import PageContent, render_page
from saladkit.reporting.run_answers import read_run
from saladkit.reporting.run_summary import summary_of
from saladkit.reporting.same_recipe import check_same_recipe
from saladkit.reporting.seeds import compute_seeds
from saladkit.reporting.spoken_questions import questions_to_play
from saladkit.reporting.strategy_comparison import compare_strategies
from saladkit.reporting.terminal_table import terminal_table
from saladkit.settings.report import ReportSettings

SUMMARY = "summary.json"


def report(run: str | Path, output: str | Path, settings: ReportSettings) -> dict:
    """Write the page `output` and, beside it, `summary.json` and every chart as a PNG file.

    The chart by subject is named after the page: `report.png` beside `report.html`. The names of other charts are
    appended, such as `report-regions.png`.

    Args:
        run: the folder with the artefacts of the run.
        output: the page.

    Returns:
        The content of `summary.json`, with the command and the page's path.

    Raises:
        SaladError: matplotlib is not installed, a folder is missing, incomplete or of another schema, results or gap
            tables have different items, runs differ in more than their seed, or as `Items.main`.
    """
    run, output = Path(run), Path(output)
    check_libraries()
    check_places(run, output)
    folders = named_folders(settings.results)
    check_contrasts(settings.contrasts, list(folders))
    check_choices(settings.choices)
    check_across(run, settings.across)

    runs = [run, *map(Path, settings.across)]
    answers = [read_run(of_seed, folders, settings) for of_seed in runs]
    check_same_recipe(answers)
    first = answers[0]
    findings = compute_findings(first, settings.contrasts, settings.held_out, settings.primary)
    seeds = compute_seeds(answers, findings.pairs) if len(runs) > 1 else None
    strategies = compare_strategies(runs, named_folders(settings.choices), settings.speech, settings.held_out)
    questions = questions_to_play(first.inventory, first.teacher, first.models, findings.subjects, findings.items.keys)
    charts = draw_charts(findings, first.inventory, strategies)
    page = render_page(PageContent(settings.title, findings, first.inventory, charts, questions, strategies, seeds))
    summary = summary_of(findings, strategies, seeds)

    # Keys are not sorted, since steps are in the order in which they ran.
    files = {
        output: page.encode(),
        output.with_name(SUMMARY): (json.dumps(summary, indent=1, allow_nan=False) + "\n").encode(),
    }
    for name, chart in charts.items():
        files[output.with_name(f"{output.stem}{'' if name == 'subjects' else f'-{name}'}.png")] = chart.png
    with ExitStack() as writing:
        for path, content in files.items():
            writing.enter_context(written_aside(path)).write_bytes(content)
    for line in terminal_table(findings, seeds):
        say(line)
    return {"command": "report", "output": str(output), **summary}
