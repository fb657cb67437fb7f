"""`import saladkit` makes transformers' Auto classes know its checkpoints, and costs nothing until they are used."""

import ast
import subprocess
import sys

import pytest

LOADS = """
from pathlib import Path
folder = {folder!r}
config, model = AutoConfig.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
processor = AutoProcessor.from_pretrained(folder)
print([type(one).__name__ for one in (config, model, processor)])
"""
OURS, THEIRS = "import saladkit\n", "from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor\n"


def printed(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("imports", [OURS + THEIRS, THEIRS + OURS], ids=["saladkit first", "transformers first"])
def test_auto_classes_load_a_checkpoint(imports, checkpoint):
    loaded = printed(imports + LOADS.format(folder=str(checkpoint)))
    assert loaded == "['SaladConfig', 'SaladForCausalLM', 'SaladProcessor']"


def test_saladkit_alone_loads_nothing_heavy_and_leaves_transformers_as_it_is():
    code = """
import sys, importlib.util
import saladkit
print(sorted({"torch", "transformers", "numpy"} & set(sys.modules)))
found = importlib.util.find_spec("transformers")
waiting = len(sys.meta_path)
import transformers
print(waiting - len(sys.meta_path) >= 0, type(transformers.__spec__.loader).__name__, "saladkit.model" in sys.modules)
print([finder for finder in sys.meta_path if type(finder).__module__.startswith("saladkit")])
"""
    assert printed(code).splitlines() == ["[]", "True SourceFileLoader True", "[]"]


def test_what_is_broken_elsewhere_breaks_no_import_of_transformers():
    code = """
import sys, warnings
sys.modules["peft"] = None
import saladkit
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import transformers
print(transformers.__name__, ["saladkit doctor" in str(one.message) for one in caught][-1:])
"""
    assert printed(code) == "transformers [True]"


def imports_at_the_top(path):
    """Names of the modules that a file imports when it is loaded."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_what_is_registered_needs_no_lower_room_that_imports_transformers(repository):
    """Such a module, imported first of all, would be half loaded when transformers asks `saladkit.model` in."""
    package, seen, waiting = repository / "saladkit", set(), ["saladkit.model"]
    while waiting:
        name = waiting.pop()
        path = repository / (name.replace(".", "/") + ".py")
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        if name in seen or not path.exists():
            continue
        seen.add(name)
        waiting += [found for found in imports_at_the_top(path) if found.startswith("saladkit")]
    assert {"saladkit.model.salad", "saladkit.speech.front_end"} <= seen
    lower = [
        package.parent / (name.replace(".", "/") + ".py") for name in seen if not name.startswith("saladkit.model")
    ]
    found = [path for path in lower if path.exists() and "transformers" in imports_at_the_top(path)]
    assert found == []
