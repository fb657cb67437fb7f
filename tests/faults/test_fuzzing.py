"""Damaged files of every kind: each is read, or refused in two lines, in 10 s and 1 GB.

`FAULTS=long` tries 100,000 inputs, new ones each time; otherwise a few hundred, the same in every run.
"""

import json
import math
import os
import shutil

import pytest
from fuzzed_artefacts import ARTEFACTS
from fuzzed_readers import READERS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mutations import damaged
from run_apart import Limited, run_apart

from saladkit.errors import SaladError

pytestmark = pytest.mark.faults
LONG = os.environ.get("FAULTS") == "long"
ALL = READERS | ARTEFACTS
INPUTS = math.ceil((100_000 if LONG else 141) / len(ALL))  # of each
FUZZ = settings(
    max_examples=INPUTS,
    derandomize=not LONG,
    database=None,
    deadline=None,  # `Limited` counts the seconds of a CPU
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # shrinking takes minutes, and the input lies in a folder
)


def out_of_memory(error):
    """Return whether an error was raised for want of memory, which a larger machine would have given."""
    return error is not None and (isinstance(error, MemoryError) or out_of_memory(error.__cause__))


def state_sizes(folder, name):
    """Let the manifest state the size of a file as it is, so that the file is opened."""
    path = folder / "it" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][os.path.relpath(folder / name, folder / "it")]["bytes"] = (folder / name).stat().st_size
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize("kind", ALL)
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    reader, whole, folder = ALL[kind], tmp_path / "whole", tmp_path / "damaged"
    whole.mkdir()
    reader.write(whole)
    contents = {path.relative_to(whole).as_posix(): path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    listed = json.loads(contents.get("it/manifest.json", b'{"files": []}'))["files"]
    strategy = st.sampled_from(sorted(contents)).flatmap(
        lambda name: st.tuples(st.just(name), damaged(name, contents[name]), st.booleans())
    )

    @FUZZ
    @given(strategy)
    def read_damaged(drawn):
        name, content, stated = drawn
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        (folder / name).write_bytes(content)
        if stated and os.path.relpath(name, "it") in listed:
            state_sizes(folder, name)
        try:
            with Limited():
                reader.read(folder)
        except SaladError as error:
            assert not out_of_memory(error.__cause__)
            assert "\n" not in error.problem + error.fix

    if fault := run_apart(read_damaged):
        pytest.fail(f"{folder} holds the last input\n{fault}", pytrace=False)


@pytest.mark.parametrize("kind", ALL)
def test_whole_files_are_read(kind, tmp_path):
    """Otherwise nothing but refusals would be tested."""
    ALL[kind].write(tmp_path)
    ALL[kind].read(tmp_path)
