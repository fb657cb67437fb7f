"""README, CONTRIBUTING and the page of the design name files and folders that exist."""

import re

import pytest

PAGES = ("README.md", "CONTRIBUTING.md", "docs/design.md")
ROOMS = ("saladkit", "tests", "docs", "recipes", "examples", "benchmarks")
STARTS = (".", "saladkit", "docs")  # folders from which a page may begin a path
FILE = re.compile(r"(?<![\w./{$*-])[\w-][\w./-]*\.(?:py|sh|md|toml|png|svg|txt)(?![\w*.-]*\w)")
FOLDER = re.compile(r"`((?:[\w-]+/)+)`")
OF_A_CHECKPOINT = {"stable/"}


def named_paths(text):
    """The files and folders of the repository that a page names; folders end in a slash."""
    text = re.sub(r"https?://\S+", "", text)
    return (set(FILE.findall(text)) | set(FOLDER.findall(text))) - OF_A_CHECKPOINT


def missing_paths(text, root):
    """Return the paths of a page that do not exist; a file may be named without its folder."""
    names = {path.name for room in ROOMS for path in (root / room).rglob("*")} | {path.name for path in root.iterdir()}
    return sorted(
        path
        for path in named_paths(text)
        if not any((root / start / path).exists() for start in STARTS) and not ("/" not in path and path in names)
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_path_of_a_page_exists(page, repository):
    text = (repository / page).read_text()
    assert named_paths(text)
    assert missing_paths(text, repository) == []


def test_a_wrong_path_is_found_out(repository):
    right = """
`rows/sequences.py`, `voice.py`, [what was tried](docs/lab-notes.md), `formats/`, `stable/`, `bash recipes/desk.sh`;
https://example.org/none.md is no path, nor are `samples_*.jsonl` and `runs/desk`.
"""
    wrong = "`rows/sequence.py`, `voices.py`, [nothing](docs/lab-note.md), `formatting/`, `bash recipes/desks.sh`"
    found = ["docs/lab-note.md", "formatting/", "recipes/desks.sh", "rows/sequence.py", "voices.py"]
    assert missing_paths(right + wrong, repository) == found
