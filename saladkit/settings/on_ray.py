"""Settings of a command whose parts are made by workers on Ray."""

import re
from dataclasses import dataclass, fields
from typing import ClassVar

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, option_of, setting


@dataclass(frozen=True, kw_only=True)
class OnRay(Settings):
    """Where the parts of an artefact are made, and what each worker there needs."""

    starts_processes: ClassVar[bool] = False  # whether the command has several processes without Ray, too

    on: str | None = setting(
        None,
        recorded=False,
        metavar="ray",
        help="Let workers on Ray make the parts: ray is the cluster that RAY_ADDRESS names, else this machine;"
        " ray://HOST:PORT is a cluster elsewhere. All read and write the same folders.",
    )
    workers: int = setting(
        0,
        low=0,
        recorded=False,
        help="Number of workers, with --on; 0: as many as --cpus and --gpus allow. Without --on, the number of"
        " processes of synth and timestamps; 0: one for each CPU core.",
    )
    cpus: float = setting(1.0, above=0, recorded=False, help="CPU cores of each worker, with --on.")
    gpus: float = setting(0.0, low=0, recorded=False, help="GPUs of each worker, with --on; 0.5: two share one.")
    worker_memory: float | None = setting(None, above=0, recorded=False, help="GB of memory of each worker, with --on.")
    retries: int = setting(3, low=0, recorded=False, help="How often a worker that died is started again, with --on.")

    def check(self) -> None:
        """Raise a SaladError if `on` names no Ray, or if settings of workers are given without it."""
        super().check()
        if self.on is not None and not re.fullmatch(r"ray(://[\w.\-\[\]:]+:\d+)?", self.on):
            raise SaladError(f"--on {self.on} is not known", "Give --on ray, or --on ray://HOST:PORT.")
        given = [of for of in fields(OnRay) if getattr(self, of.name) != of.default]
        if self.starts_processes:
            given = [of for of in given if of.name != "workers"]
        if self.on is None and given:
            raise SaladError(f"{option_of(given[0])} without --on", "Add --on ray, or leave it out.")
