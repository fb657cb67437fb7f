"""The wheel holds the whole package, and its commands run where nothing of this checkout is to be seen."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*words, **settings):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=ENVIRONMENT, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    """Build in a copy, which leaves no build/ behind here, with the setuptools that is installed."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(repository / "saladkit", source / "saladkit", ignore=ignored)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip, "--wheel-dir", source / "dist", source)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A new environment with the wheel alone; the packages that it needs are those of this one, by a .pth file.

    Python reads no .pth files in a folder that it knows from one: this checkout is not in the new environment.
    """
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    needed = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    with open(os.path.join(packages, "needed.pth"), "w") as stream:
        stream.write("\n".join(needed) + "\n")
    return folder


def test_the_wheel_holds_every_file_of_the_package(wheel, repository):
    tracked = run("git", "ls-files", "saladkit", cwd=repository).split() if (repository / ".git").exists() else []
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in tracked if name not in packed and (repository / name).exists()] == []
    assert {"saladkit/py.typed", "saladkit/settings/presets/desk.toml"} <= packed


def test_the_commands_run(environment, tmp_path):
    saladkit, python = environment / "bin" / "saladkit", environment / "bin" / "python"
    place = run(python, "-c", "import saladkit; print(saladkit.__file__)", cwd=tmp_path)
    assert place.startswith(str(environment))
    assert run(saladkit, "--help", cwd=tmp_path).startswith("Usage: saladkit")
    assert run(saladkit, "--version").split()[-1] == metadata.version("saladkit")
    assert json.loads(run(saladkit, "doctor", cwd=tmp_path))["healthy"]
    pq.write_table(pa.table({"id": ["a"], "text": ["Good morning."]}), tmp_path / "texts.parquet")
    made = run(
        *(saladkit, "synth", "texts.parquet", "-o", "speech", "--voice", "espeak:en-us", "--workers", 1), cwd=tmp_path
    )
    assert json.loads(made)["rows"] == 1
    assert (tmp_path / "speech" / "manifest.json").exists()
