"""The command line of a worker: the driver's, with --claim, and without what is about Ray."""

from dataclasses import fields

from saladkit.settings.on_ray import OnRay
from saladkit.settings.setting import option_of
from saladkit.settings.shared import Shards


def worker_arguments(arguments: list[str], settings: Shards) -> list[str]:
    """Return the arguments of a worker.

    Args:
        arguments: those of the driver, the verb first.
        settings: those that the driver made of them.
    """
    about_ray = {option_of(of) for of in fields(OnRay)}
    kept, left = [], iter(arguments)
    for argument in left:
        name, equals, _ = argument.partition("=")
        if name not in about_ray:
            kept.append(argument)
        elif not equals:
            next(left)  # the option's value
    ours = ["--workers", "1"] if settings.starts_processes else []  # one process in each worker
    ours += [] if settings.claim else ["--claim"]
    return [*kept[:1], *ours, *kept[1:]]  # right behind the verb, as `--` may follow
