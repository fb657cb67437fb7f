"""Close the text-speech understanding gap of speech-adapted language models (SALAD).

`import saladkit` alone loads neither torch nor transformers. `from saladkit import SaladForCausalLM` loads both and
registers saladkit's checkpoints with transformers: from then on `AutoConfig`, `AutoModelForCausalLM` and
`AutoProcessor` load them. Importing `SaladConfig`, `SaladProcessor` or any module of `saladkit.model` does the same.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saladkit.model import SaladConfig, SaladForCausalLM, SaladProcessor

__version__ = "0.1.0"
__all__ = ["SaladConfig", "SaladForCausalLM", "SaladProcessor"]


def __getattr__(name: str) -> object:
    """Load the model's classes when they are first asked for."""
    if name in __all__:
        return getattr(import_module("saladkit.model"), name)
    raise AttributeError(f"module 'saladkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
