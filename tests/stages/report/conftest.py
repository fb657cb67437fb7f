"""One run and its report."""

import pytest
from written_run import SETTINGS, write_run

from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report


@pytest.fixture(scope="package")
def finished(tmp_path_factory):
    """(the run's folder, what `report` returned)."""
    run = tmp_path_factory.mktemp("run")
    write_run(run)
    return run, report(run, run / "report.html", ReportSettings(**SETTINGS))


@pytest.fixture
def run(tmp_path):
    """A run that a test may change."""
    write_run(tmp_path)
    return tmp_path


@pytest.fixture(scope="package")
def page(finished):
    """The page's HTML."""
    return (finished[0] / "report.html").read_text(encoding="utf-8")
