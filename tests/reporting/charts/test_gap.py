import pytest

from saladkit.reporting.charts.gap import stacked
from saladkit.reporting.findings import GapSplit
from saladkit.scoring.statistics import Estimate


@pytest.mark.parametrize(
    ("forgetting", "misalignment", "bars"),
    [
        (10, 30, [(0, 10), (10, 40)]),
        (-5, 30, [(0, -5), (0, 30)]),
        (5, -30, [(0, 5), (0, -30)]),
        (-5, -30, [(0, -5), (-5, -35)]),
        (0, 30, [(0, 0), (0, 30)]),
    ],
)
def test_losses_go_right_and_gains_left_end_to_end(forgetting, misalignment, bars):
    split = GapSplit(
        *(Estimate(value, value, value, 8) for value in (forgetting + misalignment, forgetting, misalignment))
    )
    assert [(bar.start, bar.value) for bar in stacked("a", split)] == bars
