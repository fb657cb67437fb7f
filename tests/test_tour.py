"""The tour: its code blocks run as printed, and give the output that the page shows."""

import os
import re
import subprocess

import pytest

BLOCKS = re.compile(r"^```(sh|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d+")


@pytest.fixture(scope="module")
def printed(loaded_python, repository, tmp_path_factory):
    """[(what a block printed, what the tour says that it prints), ...] of the blocks with output."""
    folder = tmp_path_factory.mktemp("tour")
    for name in ("examples", "docs"):
        (folder / name).symlink_to(repository / name)
    environment = os.environ | {"PATH": os.pathsep.join([str(loaded_python.parent), os.environ["PATH"]])}
    blocks = BLOCKS.findall((repository / "docs" / "tour.md").read_text())
    pairs, output = [], ""
    for language, block in blocks:
        if language == "text":
            pairs.append((output, block))
            continue
        command = ["bash", "-euo", "pipefail", "-c", block] if language == "sh" else [loaded_python, "-c", block]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"
        output = done.stdout
    return pairs


def test_the_blocks_run_and_print_what_the_tour_shows(printed):
    assert len(printed) == 2
    for shown, told in printed:
        assert NUMBER.sub("N", shown).split() == NUMBER.sub("N", told).split()


def test_the_numbers_are_those_that_the_tour_shows(printed):
    """espeak-ng's times are the same everywhere; a training's figures differ a little from machine to machine."""
    (times, told_times), (gap, told_gap) = printed
    assert NUMBER.findall(times) == NUMBER.findall(told_times)
    found, told = ([float(number) for number in NUMBER.findall(text)] for text in (gap, told_gap))
    assert found == pytest.approx(told, abs=0.3)
