"""How a speaker's phones are taken for each other: the more alike two phones are, the more often."""

import numpy as np

from saladkit.speech.phone_frames import PHONES, WIDTH

# Vowels: height, backness, rounding, length, r-colouring, the glide's height and backness.
# Consonants: place (0 lips to 1 glottis), stop, friction, nasal, approximant, voice.
_VOWELS = {
    "i:": (1.0, 0.0, 0, 1, 0, 1.0, 0.0),
    "I": (0.8, 0.2, 0, 0, 0, 0.8, 0.2),
    "E": (0.4, 0.1, 0, 0, 0, 0.4, 0.1),
    "a": (0.1, 0.2, 0, 0, 0, 0.1, 0.2),
    "A:": (0.0, 0.9, 0, 1, 0, 0.0, 0.9),
    "0": (0.1, 1.0, 1, 0, 0, 0.1, 1.0),
    "O:": (0.4, 1.0, 1, 1, 0, 0.4, 1.0),
    "U": (0.8, 0.8, 1, 0, 0, 0.8, 0.8),
    "u:": (1.0, 1.0, 1, 1, 0, 1.0, 1.0),
    "V": (0.3, 0.7, 0, 0, 0, 0.3, 0.7),
    "3:": (0.5, 0.5, 0, 1, 1, 0.5, 0.5),
    "@": (0.5, 0.5, 0, 0, 0, 0.5, 0.5),
    "3": (0.5, 0.5, 0, 0, 1, 0.5, 0.5),
    "eI": (0.5, 0.1, 0, 1, 0, 0.9, 0.1),
    "aI": (0.0, 0.4, 0, 1, 0, 0.9, 0.1),
    "OI": (0.4, 1.0, 1, 1, 0, 0.9, 0.1),
    "aU": (0.0, 0.4, 0, 1, 0, 0.9, 0.9),
    "oU": (0.5, 0.9, 1, 1, 0, 0.9, 0.9),
    "A@": (0.0, 0.9, 0, 1, 1, 0.5, 0.5),
    "O@": (0.4, 1.0, 1, 1, 1, 0.5, 0.5),
    "e@": (0.4, 0.1, 0, 1, 1, 0.5, 0.5),
    "i@": (0.9, 0.1, 0, 1, 1, 0.5, 0.5),
    "U@": (0.8, 0.8, 1, 1, 1, 0.5, 0.5),
}
_CONSONANTS = {
    "p": (0.0, 1, 0, 0, 0, 0),
    "b": (0.0, 1, 0, 0, 0, 1),
    "t": (0.4, 1, 0, 0, 0, 0),
    "d": (0.4, 1, 0, 0, 0, 1),
    "k": (0.8, 1, 0, 0, 0, 0),
    "g": (0.8, 1, 0, 0, 0, 1),
    "tS": (0.5, 1, 1, 0, 0, 0),
    "dZ": (0.5, 1, 1, 0, 0, 1),
    "f": (0.1, 0, 1, 0, 0, 0),
    "v": (0.1, 0, 1, 0, 0, 1),
    "T": (0.25, 0, 1, 0, 0, 0),
    "D": (0.25, 0, 1, 0, 0, 1),
    "s": (0.4, 0, 1, 0, 0, 0),
    "z": (0.4, 0, 1, 0, 0, 1),
    "S": (0.55, 0, 1, 0, 0, 0),
    "Z": (0.55, 0, 1, 0, 0, 1),
    "h": (1.0, 0, 1, 0, 0, 0),
    "m": (0.0, 0, 0, 1, 0, 1),
    "n": (0.4, 0, 0, 1, 0, 1),
    "N": (0.8, 0, 0, 1, 0, 1),
    "l": (0.4, 0, 0, 0, 1, 1),
    "r": (0.5, 0, 0, 0, 1, 1),
    "w": (0.0, 0, 0, 0, 1, 1),
    "j": (0.65, 0, 0, 0, 1, 1),
}
_NEAR = 0.4  # the distance at which a confusion is e times rarer than at 0


def confusions(seed: int, confused: float) -> np.ndarray:
    """Return the confusions of one speaker, float64 [phones said, phones heard]; rows sum to 1.

    Args:
        seed: of the speaker.
        confused: the share of a phone that goes to others, on average over the phones; silence is never confused.
    """
    random = np.random.default_rng(seed)
    likeness = np.zeros((WIDTH, WIDTH))
    for features in (_VOWELS, _CONSONANTS):
        places = [PHONES.index(phone) for phone in features]
        points = np.array(list(features.values()), np.float64)
        distance = np.linalg.norm(points[:, None] - points[None], axis=2)
        likeness[np.ix_(places, places)] = np.exp(-distance / _NEAR)
    np.fill_diagonal(likeness, 0)
    likeness *= random.lognormal(0, 1, likeness.shape)
    total = likeness.sum(axis=1, keepdims=True)
    heard = np.divide(likeness, total, out=np.zeros_like(likeness), where=total > 0)
    share = np.where(total[:, 0] > 0, confused * random.uniform(0.5, 1.5, WIDTH), 0)
    return np.diag(1 - share) + share[:, None] * heard
