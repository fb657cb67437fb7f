"""`report`: one page, its charts and one summary of everything in a run's folder."""

import json
from contextlib import ExitStack
from pathlib import Path

from saladkit.formats.files import written_aside
from saladkit.progress import say
from saladkit.reporting.arguments import (
    check_choices,
    check_contrast,
    check_libraries,
    check_places,
    named_folders,
)
from saladkit.reporting.charts.run_charts import draw_charts
from saladkit.reporting.findings import compute_findings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.page import PageContent, render_page
from saladkit.reporting.predictions import read_predictions_of
from saladkit.reporting.provenance import heard_domains
from saladkit.reporting.run_summary import summary_of
from saladkit.reporting.spoken_questions import questions_to_play
from saladkit.reporting.strategy_comparison import compare_strategies
from saladkit.reporting.terminal_table import terminal_table

SUMMARY = "summary.json"


def report(
    run: str | Path,
    output: str | Path,
    *,
    teacher: str,
    results: tuple[str, ...],
    contrast: tuple[str, str] | None,
    speech: str,
    held_out: str,
    title: str,
    choices: tuple[str, ...] = (),
    across: tuple[str, ...] = (),
) -> dict:
    """Write the page `output` and, beside it, `summary.json` and every chart as a PNG file.

    The chart by subject is named like the page, `report.png` beside `report.html`; every other chart has its name at
    the end, such as `report-regions.png`.

    Args:
        run: the folder with the artefacts of the run.
        output: the page.
        teacher: results folder of the text LLM, below `run`; its tasks are the ones compared.
        results: `NAME=FOLDER` of every speech-adapted model; the others are compared with the first.
        contrast: names of two results, for the main comparison.
        speech: the natural speech, below `run`; its domains are the heard subjects.
        held_out: the task with a voice that no model was trained on.
        title: heading of the page.
        choices: `NAME=FOLDER` of the results of each selection strategy, below `run`; the first is the control.
        across: further runs with other seeds, which have the same folders of strategies.

    Returns:
        The content of `summary.json`, with the command and the page's path.

    Raises:
        SaladError: matplotlib is not installed, or a folder is missing, unfinished or of another schema, or items or
            gap tables do not pair.
    """
    run, output = Path(run), Path(output)
    check_libraries()
    check_places(run, output)
    folders = named_folders(results)
    check_contrast(contrast, list(folders))
    check_choices(choices, across)

    predictions = [read_predictions_of(name, run / folder) for name, folder in folders.items()]
    text_predictions = read_predictions_of("text", run / teacher)
    inventory = Inventory(run)
    heard = heard_domains(run / speech)
    findings = compute_findings(inventory, text_predictions, predictions, contrast, heard, held_out)
    strategies = compare_strategies([run, *map(Path, across)], named_folders(choices), speech, held_out)
    questions = questions_to_play(inventory, predictions, findings.subjects, findings.tasks)
    charts = draw_charts(findings, inventory, strategies)
    page = render_page(PageContent(title, findings, inventory, charts, questions, strategies))
    summary = summary_of(findings, strategies)

    # Steps stand in the order in which they ran: keys are not sorted.
    files = {
        output: page.encode(),
        output.with_name(SUMMARY): (json.dumps(summary, indent=1, allow_nan=False) + "\n").encode(),
    }
    for name, chart in charts.items():
        files[output.with_name(f"{output.stem}{'' if name == 'subjects' else f'-{name}'}.png")] = chart.png
    with ExitStack() as writing:
        for path, content in files.items():
            writing.enter_context(written_aside(path)).write_bytes(content)
    for line in terminal_table(findings):
        say(line)
    return {"command": "report", "output": str(output), **summary}
