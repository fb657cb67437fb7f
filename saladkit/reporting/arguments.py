"""Check the arguments of `report` before any result is read."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST
from saladkit.reporting.result_names import RESERVED


def check_libraries() -> None:
    """Check that the packages of the extra `report` are installed.

    Raises:
        SaladError: matplotlib or Jinja is missing.
    """
    for name, package in (("matplotlib", "matplotlib"), ("jinja2", "Jinja2")):
        try:
            import_module(name)
        except ImportError as error:
            raise SaladError(
                f"the report needs the package {package}, which is not installed", "Run: pip install 'saladkit[report]'"
            ) from error


def check_places(run: Path, output: Path) -> None:
    """Check that `run` is a folder and that the page `output` can be written.

    Raises:
        SaladError: there is no such folder, or `output` is a folder or lies inside an artefact.
    """
    if not run.is_dir():
        raise SaladError(f"{run} is not a folder", "Give the folder that holds the run's artefacts.")
    if output.is_dir() or (output.parent / MANIFEST).exists():
        raise SaladError(
            f"{output} cannot be written: it is a folder, or lies in an artefact", "Give a file such as report.html."
        )


def named_folders(results: tuple[str, ...]) -> dict[str, str]:
    """Parse `NAME=FOLDER` of every result.

    Raises:
        SaladError: a result has another form, or its name is reserved or used twice.
    """
    folders: dict[str, str] = {}
    for result in results:
        name, equals, folder = result.partition("=")
        if not (name and equals and folder):
            raise SaladError(f"'{result}' is not NAME=FOLDER", "Give a result such as --result stage1=eval-stage1.")
        if name in RESERVED or name in folders:
            problem = "is given twice" if name in folders else "is a key of the summary already"
            raise SaladError(f"the result name '{name}' {problem}", "Give the result another name.")
        folders[name] = folder
    return folders


def check_contrasts(contrasts: tuple[tuple[str, str], ...], names: list[str]) -> None:
    """Check that every contrast names two results.

    Raises:
        SaladError: a name is unknown, both are the same, or a contrast is given twice.
    """
    for pair in contrasts:
        for name in pair:
            if name not in names:
                raise SaladError(
                    f"there is no result '{name}' to contrast (there are: {', '.join(names)})",
                    "Give the names of two results, as in --result NAME=FOLDER.",
                )
        if pair[0] == pair[1]:
            raise SaladError(f"'{pair[0]}' is contrasted with itself", "Name two different results.")
        if sum(set(pair) == set(other) for other in contrasts) > 1:
            raise SaladError(f"'{pair[0]}' and '{pair[1]}' are contrasted twice", "Give each --contrast once.")


def check_folders(run: Path, folders: Sequence[str | Path], option: str = "") -> None:
    """Check that further runs are folders, each given once.

    Args:
        option: the option that names them, for messages; empty for arguments.

    Raises:
        SaladError: one is no folder, or is given twice or is `run` itself.
    """
    seen = {run.resolve()}
    for place in map(Path, folders):
        named = f"{option} {place}".strip()
        if not place.is_dir():
            raise SaladError(f"{named} is not a folder", "Give a folder that holds the artefacts of a run.")
        if place.resolve() in seen:
            raise SaladError(f"{named} is given twice, or is there already as {run}", "Give each run once.")
        seen.add(place.resolve())


def check_choices(choices: tuple[str, ...]) -> None:
    """Check that there are at least two strategies to compare, or none.

    Raises:
        SaladError: there is only one strategy.
    """
    if len(choices) == 1:
        raise SaladError(f"--choice {choices[0]} has nothing to be compared with", "Give a second --choice.")
