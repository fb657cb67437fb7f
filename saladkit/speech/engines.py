"""Speech engines are optional packages: their modules are imported when a voice or an aligner of theirs is named."""

import importlib

from saladkit.errors import SaladError


def engine_class(module_name: str, class_name: str, *, needed_by: str, extra: str) -> type:
    """The class `class_name` of the engine's own module.

    Raises:
        SaladError: the engine's package is not installed; names `needed_by` and the extra that brings it.
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
