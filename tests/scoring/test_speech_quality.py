"""Bad speech: single recordings first, then regions, by a bound, against natural speech or by rank."""

from fractions import Fraction

import numpy as np
import pytest

from saladkit.scoring.speech_quality import (
    are_synthetic,
    duration_ratios,
    error_rate,
    is_fault,
    mark_bad_speech,
    natural_error_rates,
)
from saladkit.settings.gap import GapSettings


def settings(**given):
    return GapSettings(teacher="t", **given)


def region(number, cer=0.1, ratio=1.0, probes=4):
    return {"region": number, "probes": probes, "cer": cer, "duration_ratio": ratio, "bad_speech": None}


def marked(regions, faults=None, natural=None, **given):
    """{region: reason} of the regions that are bad speech."""
    mark_bad_speech(regions, settings(**given), faults or {}, natural or {})
    return {row["region"]: row["bad_speech_reason"] for row in regions if row["bad_speech"]}


def test_durations_are_compared_with_the_same_speaker_s():
    rows = [
        {"id": f"{speaker}{i}", "text": "x" * length, "duration": rate * length, "speaker": speaker}
        for speaker, rate in (("slow", 0.2), ("fast", 0.05))
        for i, length in enumerate((10, 20, 40))
    ]
    rows[0]["duration"] *= 3
    ratios = duration_ratios([*rows, {"id": "unknown", "text": "x", "duration": None, "speaker": "fast"}])
    assert ratios == pytest.approx({row["id"]: 1.0 for row in rows} | {"slow0": 3.0})


def test_error_rates_are_of_all_characters_together():
    random = np.random.default_rng(0)
    counts = [(int(random.integers(0, n)), int(n)) for n in random.integers(1, 300, 200)]
    items = [{"cer": edits / n, "cer_characters": n} for edits, n in counts]
    slow = Fraction(sum(edits for edits, _ in counts), sum(n for _, n in counts))
    assert error_rate(items) == pytest.approx(float(slow), abs=1e-12)
    assert error_rate(items) != pytest.approx(np.mean([item["cer"] for item in items]), abs=1e-3)
    unknown = [{"cer": None, "cer_characters": 50}, {"cer": 0.5, "cer_characters": 0}]
    assert error_rate([*items, *unknown]) == error_rate(items) and error_rate(unknown) is None


def test_where_all_speech_is_good_no_region_is_bad():
    regions = [region(i, cer=0.01 * i) for i in range(20)]
    assert marked(regions) == {} and all(row["bad_speech"] is False for row in regions)
    assert len(marked([region(i, cer=0.01 * i) for i in range(20)], worst=0.15)) == 3  # the paper's rank takes some


@pytest.mark.parametrize(
    "given, faults, natural, reason",
    [
        ({"cer": 0.31}, {}, {}, "character error rate 0.31, more than 0.2 too high"),
        ({"cer": 0.31}, {}, {7: 0.15}, None),  # names and numbers: natural speech is as hard to recognize
        ({"cer": 0.31}, {}, {6: 0.15}, "0.31, more"),  # of another region
        (
            {"cer": 0.45},
            {},
            {7: 0.15},
            "character error rate 0.45 (natural speech there: 0.15), more than 0.2 too high",
        ),
        ({"cer": 0.1}, {}, {7: 0.3}, None),
        ({"cer": 0.1}, {7: 4}, {}, "4 of 8 recordings are faults of synthesis"),
        ({"cer": 0.1}, {7: 3}, {}, None),
        ({"cer": 0.1}, {6: 9}, {}, None),
        ({"ratio": 1.6}, {}, {}, "1.60 times as long as usual"),
        ({"ratio": 0.6, "cer": None}, {}, {}, "0.60 times as long as usual"),
    ],
)
def test_a_region_is_bad_for_a_reason(given, faults, natural, reason):
    found = marked([region(6), region(7, **given), region(8)], faults, natural).get(7)
    assert (found is None) == (reason is None) and (reason is None or reason in found)


def test_nothing_is_known_without_recognizer_and_durations():
    unknown = region(0, cer=None, ratio=None)
    assert marked([unknown, region(1)]) == {} and unknown["bad_speech"] is None


def test_the_bound_is_an_option():
    assert marked([region(0, cer=0.12), region(1, cer=0.08)], max_region_cer=0.1).keys() == {0}


def test_a_recording_that_is_not_understood_is_a_fault_unless_it_is_natural():
    item = {"synthetic": True, "cer": 0.51}
    assert is_fault(item, settings()) and not is_fault(item | {"cer": 0.5}, settings())
    assert not is_fault(item | {"cer": None}, settings())
    assert not is_fault(item | {"synthetic": False}, settings())
    assert not is_fault(item, settings(max_recording_cer=None)) and not is_fault(item, settings(max_recording_cer=0.6))


def test_rows_with_a_voice_are_synthetic_where_any_has_one():
    assert are_synthetic([{"voice": "espeak:en"}, {"voice": None}, {}]) == [True, False, False]
    assert are_synthetic([{}, {"voice": None}]) == [True, True]


def test_natural_error_rates_leave_out_what_is_not_understood():
    """By hand; a transcript of another recording must not excuse a region."""
    item = {"region": 1, "synthetic": False, "cer": 0.1, "cer_characters": 100}
    items = [
        item,
        item | {"cer": 0.4, "cer_characters": 50},  # (10 + 20) / 150
        item | {"cer": 0.9, "cer_characters": 1000},
        item | {"cer": 0.3, "synthetic": True},
        item | {"cer": 0.3, "region": None},
        item | {"region": 2, "cer": None},
    ]
    assert natural_error_rates(items, settings()) == {1: pytest.approx(0.2)}


def test_the_paper_s_rank_marks_the_worst_share():
    regions = [region(i, cer=0.01 * i) for i in range(20)]
    found = marked([*regions, region(20, cer=None, ratio=None)], worst=0.15)
    assert list(found) == [17, 18, 19]
    assert found[17] == "character error rate 0.17, among the 15% of regions with the highest"
    same = [region(i, cer=0.02 * (i > 18)) for i in range(20)]
    assert list(marked(same, worst=0.15)) == [19]  # the others are as well understood as any


def test_recordings_that_were_left_out_count_by_rank_as_not_understood():
    regions = [region(i, cer=0.15 if i == 6 else 0.1) for i in range(8)]
    assert list(marked(regions, {3: 1}, worst=0.15)) == [3]  # (4 * 0.1 + 1) / 5 = 0.28
    nobody_listened = [region(i, cer=None) for i in range(8)]
    assert list(marked(nobody_listened, {3: 1, 5: 2}, worst=0.3)) == [3, 5]
