"""The order of imports: cli, stages, the other rooms, formats, errors; no room imports from one above it."""

import ast
import re
import subprocess
import sys

import pytest

# Room: the rooms below it. `errors` and the package's own version may be imported everywhere.
MACHINE = {"batches", "machine", "progress", "background"}
FILES = {"formats", "sources", "settings"}
LADDER = {
    "errors": set(),
    "batches": set(),
    "machine": set(),
    "progress": set(),
    "background": set(),
    "formats": set(),
    "sources": {"formats"},
    "settings": {"sources"},
    "sharing": FILES | {"progress"},
    "job": FILES | MACHINE | {"sharing"},
    "contamination": FILES,
    "teacher": {"batches", "formats"},
    "speech": FILES | MACHINE,
    "rows": FILES | {"speech", "teacher"},
    "model": FILES | MACHINE | {"rows", "speech", "teacher"},
    "caching": FILES | MACHINE | {"model", "rows", "speech", "teacher"},
    "rollouts": FILES | MACHINE | {"model", "rows", "speech", "teacher"},
    "training": FILES | MACHINE | {"contamination", "job", "model", "rows", "speech", "teacher"},
    "selection": FILES | MACHINE | {"contamination", "model", "rows", "speech"},
    "scoring": FILES | MACHINE | {"model", "rows", "speech", "teacher"},
    "reporting": FILES | MACHINE | {"scoring"},
    "stages": FILES
    | MACHINE
    | {
        "contamination",
        "job",
        "teacher",
        "speech",
        "rows",
        "model",
        "caching",
        "rollouts",
        "training",
        "selection",
        "scoring",
    }
    | {"reporting"},
    "cluster": FILES | {"progress"},
    "api": FILES | {"model", "teacher"},
    "cli": {"cluster", "machine", "progress", "settings", "stages"},
    "__main__": {"cli"},
}
EVERYWHERE = {"errors"}
NUMERIC_SELECTION = (
    *("balancing", "clustering", "coverage", "duplicates", "importance", "measured_neighbours"),
    *("neighbours", "realised_draw", "sampling", "speakable", "speaking_rate", "strategies", "vectors"),
)


def imported_modules(source):
    """Full names of the modules that a source file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of_saladkit(source):
    """{room: modules} of saladkit that a source file imports from."""
    rooms = {}
    for name in imported_modules(source):
        package, *parts = name.split(".")
        if package == "saladkit" and parts != ["__version__"]:
            rooms.setdefault(parts[0], set()).add(name)
    return rooms


def modules(repository):
    """(room, file) of every module."""
    package = repository / "saladkit"
    files = [path for path in sorted(package.rglob("*.py")) if path != package / "__init__.py"]
    return [(path.relative_to(package).parts[0].removesuffix(".py"), path) for path in files]


def test_every_room_has_its_place_in_the_order_of_imports(repository):
    assert {room for room, _ in modules(repository)} == set(LADDER)
    steps = list(LADDER)
    for room, below in LADDER.items():
        assert all(steps.index(other) < steps.index(room) for other in below), room


def test_imports_point_down_the_order_of_rooms(repository):
    found = []
    for room, path in modules(repository):
        allowed = LADDER[room] | EVERYWHERE | ({room} if room not in ("stages", "cli") else set())
        for other, names in sorted(rooms_of_saladkit(path.read_text()).items()):
            if other not in allowed:
                found += [(path.relative_to(repository).as_posix(), name) for name in sorted(names)]
    assert found == []


def test_the_package_itself_imports_the_model_alone_and_only_for_type_checkers(repository):
    source = (repository / "saladkit" / "__init__.py").read_text()
    assert rooms_of_saladkit(source).keys() == {"model"}
    at_the_top = [node for node in ast.parse(source).body if isinstance(node, ast.ImportFrom | ast.Import)]
    assert {node.module for node in at_the_top} <= sys.stdlib_module_names


def test_torchaudio_is_imported_only_where_it_may_fail_to_load(repository):
    users = [path for _, path in modules(repository) if "torchaudio" in re.findall(r"\w+", path.read_text())]
    assert users
    for path in users:
        names = {name.split(".")[0] for name in imported_modules(path.read_text())}
        assert "torchaudio" not in names, f"{path}: use saladkit.speech.audio.torchaudio.find_torchaudio"


@pytest.mark.parametrize(
    "room, heavy", [("formats", "torch"), ("formats", "transformers"), ("sources", "torch"), ("reporting", "torch")]
)
def test_rooms_that_promise_to_be_light_name_no_heavy_package(room, heavy, repository):
    for path in (repository / "saladkit" / room).rglob("*.py"):
        assert heavy not in {name.split(".")[0] for name in imported_modules(path.read_text())}, path


@pytest.mark.parametrize("name", ["formats", "sources"])
def test_light_rooms_load_no_torch(name, repository):
    room = repository / "saladkit" / name
    names = [
        ".".join((f"saladkit.{name}", *path.relative_to(room).with_suffix("").parts)) for path in room.rglob("*.py")
    ]
    assert len(names) > 5
    code = f"import sys\nfor name in {names!r}: __import__(name)\nprint(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ast.literal_eval(done.stdout))
    assert {"pyarrow", *names} <= loaded
    assert not loaded & {"torch", "transformers", "torchaudio", "faiss", "datasets", "lhotse"}


def test_pure_rooms_do_no_input_or_output(repository):
    """teacher/ and the numeric parts of selection/ and scoring/ open no file: they import no reader or writer."""
    numeric = [
        *(repository / "saladkit" / "teacher").glob("*.py"),
        *(repository / "saladkit" / "selection" / f"{name}.py" for name in NUMERIC_SELECTION),
        *(repository / "saladkit" / "scoring" / f"{name}.py" for name in ("likelihood", "statistics")),
    ]
    for path in numeric:
        names = set(imported_modules(path.read_text()))
        assert not {name.split(".")[0] for name in names} & {"pathlib", "os", "io", "pyarrow", "safetensors", "json"}, (
            path
        )
        assert "open" not in {
            node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
        }, path


def test_the_reader_of_imports_sees_them_all():
    source = """
import os.path
from saladkit import options, __version__
from saladkit.stages.gap import gap
def inside():
    import torchaudio.functional
    from saladkit.rows import tokens
"""
    assert set(imported_modules(source)) == {
        "os.path",
        "saladkit.options",
        "saladkit.__version__",
        "saladkit.stages.gap.gap",
        "torchaudio.functional",
        "saladkit.rows.tokens",
    }
    assert rooms_of_saladkit(source) == {
        "options": {"saladkit.options"},
        "stages": {"saladkit.stages.gap.gap"},
        "rows": {"saladkit.rows.tokens"},
    }
