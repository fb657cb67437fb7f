"""Noise as a recording."""

import numpy as np


def noise(n_samples, *, seed=0):
    signal = np.random.default_rng(seed).normal(0, 0.1, n_samples)
    return signal.astype(np.float32)
