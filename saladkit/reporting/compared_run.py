"""One run as the page compares it: what its artefacts decide, the findings, and what is missing."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.reporting.arguments import check_contrasts, named_folders
from saladkit.reporting.discovery import Missing, complete
from saladkit.reporting.findings import Findings, compute_findings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.run_answers import RunAnswers, read_run
from saladkit.settings.report import ReportSettings


@dataclass(frozen=True)
class ComparedRun:
    """A run, its answers and findings.

    Attributes:
        settings: with what was found in the run where it was not given.
        answers, findings: None if the run has nothing to compare.
        missing: what the page cannot show.
    """

    inventory: Inventory
    settings: ReportSettings
    answers: RunAnswers | None
    findings: Findings | None
    missing: list[Missing]


def compare_run(run: Path, settings: ReportSettings) -> ComparedRun:
    """Find what a run compares, and compute its findings.

    Raises:
        SaladError: results that the settings name do not fit together. What was found and does not is among `missing`.
    """
    inventory = Inventory(run)
    given = any((settings.results, settings.teacher, settings.speech, settings.held_out))
    settings, missing = complete(settings, inventory)
    folders = named_folders(settings.results)
    check_contrasts(settings.contrasts, list(folders))
    if not (folders and settings.teacher):
        return ComparedRun(inventory, settings, None, None, missing)
    try:
        answers = read_run(run, folders, settings)
        findings = compute_findings(answers, settings.contrasts, settings.held_out, settings.primary)
    except SaladError as error:
        if given:
            raise
        return ComparedRun(inventory, settings, None, None, [*missing, Missing(error.problem, error.fix)])
    return ComparedRun(inventory, settings, answers, findings, missing)
