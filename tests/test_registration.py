"""`from saladkit import SaladForCausalLM` registers checkpoints with transformers; `import saladkit` loads nothing."""

import subprocess
import sys

import pytest

LOADS = """
folder = {folder!r}
config, model = AutoConfig.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
processor = AutoProcessor.from_pretrained(folder)
print([type(one).__name__ for one in (config, model, processor)])
"""
OURS = "from saladkit import SaladForCausalLM\n"
# In two lines, as the second fails before OURS where torchaudio is installed and does not load.
THEIRS = "from transformers import AutoConfig, AutoModelForCausalLM\n"
PROCESSOR = "from transformers import AutoProcessor\n"


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def printed(code):
    done = run(code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("imports", [OURS + THEIRS, THEIRS + OURS], ids=["saladkit first", "transformers first"])
def test_auto_classes_load_a_checkpoint(imports, checkpoint):
    loaded = printed(imports + PROCESSOR + LOADS.format(folder=str(checkpoint)))
    assert loaded == "['SaladConfig', 'SaladForCausalLM', 'SaladProcessor']"


def test_classes_of_the_package_are_those_of_the_model():
    import saladkit
    from saladkit import model

    for name in ("SaladConfig", "SaladForCausalLM", "SaladProcessor"):
        assert getattr(saladkit, name) is getattr(model, name)
        assert name in dir(saladkit)
    with pytest.raises(AttributeError, match="module 'saladkit' has no attribute 'SaladModel'"):
        saladkit.SaladModel  # noqa: B018


def test_saladkit_alone_loads_nothing_heavy_and_leaves_transformers_as_it_is():
    code = """
import sys
finders = list(sys.meta_path)
import saladkit
print(sorted({"torch", "transformers", "numpy"} & set(sys.modules)), finders == sys.meta_path)
import transformers
print("saladkit.model" in sys.modules)
"""
    assert printed(code).splitlines() == ["[] True", "False"]


def test_a_missing_peft_does_not_break_the_import_of_transformers():
    code = """
import sys
sys.modules["peft"] = None
import saladkit, transformers
print(transformers.__name__)
from saladkit import SaladForCausalLM
"""
    done = run(code)
    assert done.stdout == "transformers\n"
    assert "peft" in done.stderr.splitlines()[-1]
