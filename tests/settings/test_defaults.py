"""A default of a setting stands once: where the setting is declared."""

import ast
import importlib
import pkgutil
from dataclasses import MISSING, fields

import saladkit.settings
from saladkit.settings.setting import Settings

NEUTRAL = (None, False, ())
# Not the settings of these names: 1 changes nothing in a formula, and statistics draw by a seed of their own.
OTHERS = {"temperature", "alpha", "seed"}


def defaults_of_settings():
    """{name: defaults} of all settings of all verbs."""
    known = {}
    for info in pkgutil.iter_modules(saladkit.settings.__path__):
        for kind in vars(importlib.import_module(f"saladkit.settings.{info.name}")).values():
            if isinstance(kind, type) and issubclass(kind, Settings):
                for of in fields(kind):
                    if of.default is not MISSING and of.default not in NEUTRAL:
                        known.setdefault(of.name, set()).add(of.default)
    return known


def defaults_of(tree):
    """(name, default) of every argument and dataclass field of a module that has a literal default."""
    for node in ast.walk(tree):
        pairs = []
        if isinstance(node, ast.FunctionDef):
            placed = [*node.args.posonlyargs, *node.args.args]
            pairs += zip(placed[len(placed) - len(node.args.defaults) :], node.args.defaults, strict=True)
            pairs += zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        elif isinstance(node, ast.ClassDef):
            declared = [item for item in node.body if isinstance(item, ast.AnnAssign) and item.value is not None]
            pairs += [(ast.arg(item.target.id), item.value) for item in declared]
        for argument, default in pairs:
            try:
                yield argument.arg, ast.literal_eval(default)
            except (ValueError, TypeError):  # no literal
                continue


def test_defaults_are_not_repeated_outside_settings(repository):
    known = defaults_of_settings()
    assert {"batch_size", "codebooks", "top_k", "gamma"} <= known.keys()
    found = [
        f"{path.relative_to(repository)}: {name} = {default!r}"
        for path in sorted((repository / "saladkit").rglob("*.py"))
        if path.parent.name != "settings" and path.name != "api.py"  # the promised functions stand alone
        for name, default in defaults_of(ast.parse(path.read_text()))
        if name not in OTHERS and isinstance(default, int | float | str | tuple) and default in known.get(name, ())
    ]
    assert found == []


def test_the_reader_of_defaults_sees_them():
    source = "def f(a, b=1, *, c='x', d=None): ...\nclass K:\n    e: int = 2\n"
    assert list(defaults_of(ast.parse(source))) == [("b", 1), ("c", "x"), ("d", None), ("e", 2)]
