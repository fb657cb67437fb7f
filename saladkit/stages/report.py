"""`report`: everything of a run that a person looks at, as one page and one summary."""

import json
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, Artefact
from saladkit.formats.files import written_aside
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.progress import say
from saladkit.reporting.compared_strategies import ChoiceFindings, compare_choices
from saladkit.reporting.findings import Findings, compute_findings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.outcomes import read_outcome
from saladkit.reporting.page import page
from saladkit.reporting.picture import draw_subjects
from saladkit.reporting.run_summary import RESERVED, summary_of
from saladkit.reporting.sounds import questions_to_hear
from saladkit.reporting.terminal import terminal_table
from saladkit.sources.samples import read_samples

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
    """Write the page `output`, and beside it `summary.json` and the chart by subject as a PNG.

    Args:
        teacher: results folder of the text LLM, below `run`; the tasks that it has read are the ones compared.
        results: `NAME=FOLDER` of every speech-adapted model; the first is what the others are compared with.
        contrast: names of two results, for the main comparison.
        speech: the natural speech, below `run`; its domains are the heard subjects.
        held_out: the task that a voice speaks which no training has heard.
        choices: `NAME=FOLDER` of results of ways to choose, below `run`; the first is the control.
        across: further runs with other seeds, which have the same folders of choices.

    Returns:
        The content of `summary.json`, with the command and the page's path.

    Raises:
        SaladError: a folder that is missing, unfinished or of another schema; items or gap tables that do not pair.
    """
    run, output = Path(run), Path(output)
    if not run.is_dir():
        raise SaladError(f"{run} is not a folder", "Give the folder that holds the run's artefacts.")
    if output.is_dir() or (output.parent / MANIFEST).exists():
        raise SaladError(
            f"{output} cannot be written: it is a folder, or lies in an artefact", "Give a file such as report.html."
        )
    folders = _folders(results)
    for name in contrast or ():
        if name not in folders:
            raise SaladError(
                f"there is no result '{name}' to contrast (there are: {', '.join(folders)})", "Name two of --result."
            )
    if contrast and contrast[0] == contrast[1]:
        raise SaladError(f"'{contrast[0]}' is contrasted with itself", "Name two results.")
    outcomes = [read_outcome(name, run / folder) for name, folder in folders.items()]
    inventory = Inventory(run)
    heard = _domains(run / speech)
    findings = compute_findings(inventory, read_outcome("text", run / teacher), outcomes, contrast, heard, held_out)
    compared = _compare(run, across, choices, speech, held_out)
    sounds = questions_to_hear(inventory, outcomes, findings.subjects, findings.tasks)
    summary = summary_of(findings, compared)
    with written_aside(output) as page_aside, written_aside(output.with_name(SUMMARY)) as summary_aside:
        page_aside.write_text(page(findings, inventory, sounds, title, compared), encoding="utf-8")
        # Not sorted: the steps stand in the order in which they ran.
        summary_aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n")
    if findings.subjects:
        _draw(findings, output.with_suffix(".png"))
    for line in terminal_table(findings):
        say(line)
    return {"command": "report", "output": str(output), **summary}


def _compare(
    run: Path, across: tuple[str, ...], choices: tuple[str, ...], speech: str, held_out: str
) -> list[ChoiceFindings]:
    if across and not choices:
        raise SaladError("--across names other runs, and there is no --choice to compare", "Give --choice NAME=FOLDER.")
    if len(choices) == 1:
        raise SaladError(f"--choice {choices[0]} has nothing to be compared with", "Give a second --choice.")
    if not choices:
        return []
    runs = [run, *map(Path, across)]
    return compare_choices(runs, _folders(choices), [_domains(folder / speech) for folder in runs], held_out)


def _folders(results: tuple[str, ...]) -> dict[str, str]:
    folders: dict[str, str] = {}
    for result in results:
        name, equals, folder = result.partition("=")
        if not (name and equals and folder):
            raise SaladError(f"'{result}' is not NAME=FOLDER", "Give a result such as --result stage1=eval-stage1.")
        if name in RESERVED or name in folders:
            problem = "is given twice" if name in folders else "is a key of the summary already"
            raise SaladError(f"the result name '{name}' {problem}", "Give it another name.")
        folders[name] = folder
    return folders


def _domains(speech: Path) -> set[str]:
    Artefact.open(speech, SAMPLES)
    table = read_samples(str(speech), needed=["id"], optional=["domain"])
    domains = set(table.column("domain").to_pylist()) - {None} if "domain" in table.column_names else set()
    if not domains:
        raise SaladError(f"{speech} names no domain", "Give natural speech whose rows have a `domain`.")
    return domains


def _draw(findings: Findings, path: Path) -> None:
    try:
        with written_aside(path) as aside:
            draw_subjects(findings, aside)
    except ImportError:
        say(f"{path} is not drawn: matplotlib is missing (pip install 'saladkit[report]')")
