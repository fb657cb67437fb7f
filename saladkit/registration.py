"""After `import saladkit`, transformers' Auto classes know speech-adapted checkpoints, in whichever order the two came.

`saladkit` alone must load neither torch nor transformers (`--help` takes a tenth of a second), and transformers has no
registry of packages that it asks. So where transformers has been imported, `saladkit.model`, which registers itself, is
imported at once; else right after transformers will be.
"""

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


def register_with_transformers() -> None:
    """Import `saladkit.model` as soon as transformers is there."""
    if "transformers" in sys.modules:
        importlib.import_module("saladkit.model")
    else:
        sys.meta_path.insert(0, _AfterTransformers())


class _AfterTransformers(MetaPathFinder):
    """Finds transformers where it is found anyway, and imports `saladkit.model` once it has been loaded."""

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "transformers":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _LoadsAndRegisters(spec.loader, self)
        return spec


class _LoadsAndRegisters(Loader):
    def __init__(self, loader: Loader, finder: MetaPathFinder):
        self.loader, self.finder = loader, finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self.loader  # whoever looks later finds nothing of this
        self.loader.exec_module(module)
        sys.meta_path.remove(self.finder)
        try:
            importlib.import_module("saladkit.model")
        except Exception as error:  # a broken torch, say: transformers itself is well, and is not to be blamed
            warnings.warn(
                f"transformers does not know saladkit's models ({error}): run `saladkit doctor`", stacklevel=2
            )
