"""Recordings on which every encoder is tested."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def noises():
    """Noise of several loudnesses at 16 kHz, of 2.5 s, 0.7 s and 1.31 s; and two of 0.4 s."""
    random = np.random.default_rng(0)
    lengths = (40_000, 11_200, 20_963, 6_400, 6_400)
    return [(random.normal(0.1, 0.02 * (i + 1), size=length)).astype(np.float32) for i, length in enumerate(lengths)]
