"""Settings of `average`."""

import math
from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.shared import Output

ROUNDING = 1e-6  # of weights such as 0.333333 0.333333 0.333334


@dataclass(frozen=True, kw_only=True)
class AverageSettings(Output):
    """Settings of `average`: the weights of the mean."""

    weights: tuple[float, ...] = setting(
        (),
        option="--weight",
        low=0,
        metavar="W",
        recorded=False,  # the stage records the weights that it takes
        help="Weight of a checkpoint in the mean, once for each, in their order; together they make 1.  [default: equal"
        " weights]",
    )

    def check(self) -> None:
        """Raise a SaladError if the weights do not make 1."""
        super().check()
        if self.weights and abs(math.fsum(self.weights) - 1) > ROUNDING:
            given = " + ".join(f"{weight:g}" for weight in self.weights)
            raise SaladError(
                f"the weights make {math.fsum(self.weights):g}, not 1 ({given})",
                "Give one --weight for each checkpoint, such as --weight 0.75 --weight 0.25.",
            )

    def weights_of(self, checkpoints: int) -> tuple[float, ...]:
        """Return the weight of each of this many checkpoints.

        Raises:
            SaladError: there are fewer than two checkpoints, or another number of weights.
        """
        if checkpoints < 2:
            raise SaladError("one checkpoint alone has no mean with others", "Give two checkpoints or more.")
        if self.weights and len(self.weights) != checkpoints:
            raise SaladError(
                f"{checkpoints} checkpoints, and {len(self.weights)} weights",
                "Give one --weight for each checkpoint, in their order.",
            )
        return self.weights or (1 / checkpoints,) * checkpoints
