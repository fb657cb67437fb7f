"""A headless Chromium, Debian's, and the page of a small run in it."""

import shutil

import pytest
from playwright.sync_api import sync_playwright
from written_run import grouped_and_written, write_run

from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report

DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="package")
def browser():
    program = shutil.which("chromium")
    assert program, "the page is tested in Chromium: apt-get install chromium, or make browser"
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs what a container lacks; the page is ours and loads nothing.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def answered(model, row):
    """Rows in groups, with a held-out voice, and texts that would do harm if they were not escaped."""
    held_out = row["task"] == "heldout" if row["modality"] == "speech" else None
    text = row["text"] + ' <img src=x onerror="document.title=1"> \u202ecba\u202c'
    return grouped_and_written(model, row) | {"held_out": held_out, "text": text}


@pytest.fixture(scope="package")
def page_file(tmp_path_factory):
    """The page of one run that has everything, beside another one."""
    runs = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for seed, run in enumerate(runs):
        write_run(run, answered=answered, seed=seed)
    report(runs[0], runs[0] / "report.html", ReportSettings(title="A <small> run"), others=runs[1:])
    return runs[0] / "report.html"


@pytest.fixture
def opened(browser, page_file):
    """Opens the page in a window of a size and a colour scheme; every message of the console fails the test."""
    windows, said = [], []

    def open_page(size=DESKTOP, scheme="light"):
        window = browser.new_context(viewport=size, color_scheme=scheme)
        windows.append(window)
        page = window.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or said.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield open_page
    for window in windows:
        window.close()
    assert said == []
