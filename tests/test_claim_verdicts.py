"""The verdicts of examples/desk/claim_verdicts.py."""

import numpy as np
import pytest

import claim_verdicts
from saladkit.scoring.seeds import over_seeds

GENERATOR = np.random.default_rng(0)


def values(mean, spread=1.0, seeds=3, items=200):
    """The numbers of a claim in the runs of several seeds."""
    return [[GENERATOR.normal(mean, spread, items)] for _ in range(seeds)]


@pytest.mark.parametrize(
    ("mean", "bound", "verdict"),
    [
        (1.0, 0.0, "holds"),
        (-1.0, 0.0, "does not hold"),
        (0.0, 0.0, "not told apart"),
        (-1.0, -2.0, "holds"),
        (-3.0, -2.0, "does not hold"),
    ],
)
def test_a_claim_holds_if_both_intervals_are_above_its_bound(mean, bound, verdict):
    claim = claim_verdicts.Claim("", claim_verdicts.PAPER, "", lambda run: [], bound)
    assert claim.verdict(over_seeds(values(mean))) == verdict


def test_seeds_that_differ_tell_nothing():
    apart = over_seeds([*values(3.0, 0.1, seeds=1), *values(-1.0, 0.1, seeds=1), *values(2.0, 0.1, seeds=1)])
    claim = claim_verdicts.Claim("", claim_verdicts.PAPER, "", lambda run: [])
    assert apart.value > 0 and claim.verdict(apart) == "not told apart"


def test_ranks_of_what_rises_together_correlate():
    assert claim_verdicts.spearman(np.array([1.0, 2.0, 5.0]), np.array([0.1, 0.4, 0.5])) == pytest.approx(1.0)


def test_models_and_claims_have_names_of_their_own():
    assert len({claim.text for claim in claim_verdicts.CLAIMS}) == len(claim_verdicts.CLAIMS)
    assert not set(claim_verdicts.FIRST) & set(claim_verdicts.SECOND)


def test_of_how_many_seeds_the_interval_would_tell():
    """Of three seeds 1, 2, 3: a mean of 2, a spread of 1; t of 2 degrees is 4.3, of 3 degrees 3.18, / sqrt(n) < 2."""
    assert claim_verdicts.seeds_to_tell([1.0, 2.0, 3.0], 0.0) == 4
    assert claim_verdicts.seeds_to_tell([1.0, 2.0, 3.0], 1.0) == 7
    assert claim_verdicts.seeds_to_tell([-1.0, 1.0, 0.02], 0.0) is None


def test_every_claim_says_what_makes_its_difference():
    assert all(claim.varied for claim in claim_verdicts.CLAIMS)
