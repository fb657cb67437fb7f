"""Which text token behind speech a target is, and the gap by that distance."""

import numpy as np
import pytest

from saladkit.formats.gap_table import DISTANCES
from saladkit.rows.sequences import TEXT_FOLLOWS, Sequence
from saladkit.scoring.distance_behind_speech import distance_rows, sums_by_distance, tokens_since_speech


def sequence(kinds):
    """One place for each letter: `b` BOS or other text before speech, `s` speech, `m` a modality token, `t` text."""
    ids = [{"s": 0, "m": TEXT_FOLLOWS}.get(kind, 7) for kind in kinds]
    positions = np.array([place - 1 for place, kind in enumerate(kinds) if kind == "t"], dtype=np.int64)
    return Sequence(np.array(ids), np.array([kind == "s" for kind in kinds]), [], positions, positions + 1)


@pytest.mark.parametrize(
    "kinds, expected",
    [
        ("sstttsst", [1, 2, 3, 1]),
        ("bsttmsmtt", [1, 2, 1, 2]),  # modality tokens do not count
        ("bmsssmt", [1]),
        ("bttst", [0, 0, 1]),  # nothing has been heard yet
        ("bttt", [0, 0, 0]),
        ("ss", []),
    ],
)
def test_text_tokens_are_counted_from_the_last_speech(kinds, expected):
    assert tokens_since_speech(sequence(kinds)).tolist() == expected


def test_sums_go_to_the_distances_that_they_are_of():
    distance = np.array([0, 1, 1, 2, 3, 4, 5, 8, 9, 16, 17, 400])
    found = sums_by_distance(distance, 2.0 ** np.arange(12))
    assert found.tolist() == [2 + 4, 8, 16 + 32, 64 + 128, 256 + 512, 1024 + 2048]
    assert len(found) == len(DISTANCES)


def test_shares_and_means_by_distance():
    tokens, nats = ([2, 1, 1, 0, 0, 0], [1, 1, 0, 2, 0, 0]), ([4.0, 1, 1, 0, 0, 0], [1.0, 1, 0, 2, 0, 0])
    items = [
        {"tokens_behind": n, "misalignment_behind": m, "teacher_kl_behind": [0.0] * 6}
        for n, m in zip(tokens, nats, strict=True)
    ]
    first, second, third, fourth, *rest = distance_rows(items)
    assert (first["first"], first["last"], first["tokens"], first["misalignment"]) == (1, 1, 3, pytest.approx(5 / 3))
    assert first["tokens_share"] == 3 / 8 and first["misalignment_share"] == 5 / 10
    assert first["misalignment_low"] == 1.0 and first["misalignment_high"] == 2.0  # one of the two items alone
    assert (second["misalignment"], third["misalignment"], fourth["misalignment"]) == (1.0, 1.0, 1.0)
    assert [row["misalignment"] for row in rest] == [None, None] == [row["misalignment_low"] for row in rest]
    assert first["teacher_kl_share"] is None  # there is nothing to have a share of
