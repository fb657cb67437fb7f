"""Import speech engines, which are optional packages, only when a voice, an aligner or a recognizer names one."""

import importlib

from saladkit.errors import SaladError


def engine_class(module_name: str, class_name: str, *, needed_by: str, extra: str) -> type:
    """Import the engine's module and return its class `class_name`.

    Raises:
        SaladError: the engine's package is not installed; the error names `needed_by` and the `extra` to install.
    """
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("saladkit"):
            raise
        raise SaladError(
            f"{needed_by} needs the package {error.name!r}, which is not installed",
            f"Run: pip install 'saladkit[{extra}]'",
        ) from error
    return getattr(module, class_name)
