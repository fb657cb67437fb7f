"""Settings of `fit-scaling`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Output, Seed


@dataclass(frozen=True, kw_only=True)
class FitScalingSettings(Seed, Output):
    """Settings of `fit-scaling`: scores of the checkpoints."""

    results: tuple[str, ...] = setting(
        (),
        metavar="RESULTS",
        recorded=False,
        help="Results of `eval` on these checkpoints, to relate their scores to M; repeat for more.",
    )
