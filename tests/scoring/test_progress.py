"""Progress between two gap tables against a twin, and tables that cannot be compared."""

import math

import numpy as np
import pytest
from gap_tables import SPANS, item_of, write_table

from saladkit.errors import SaladError
from saladkit.scoring.pooled_groups import pool_groups
from saladkit.scoring.progress import read_progress

REGIONS, PROBES = 5, 6


def figures(seed=0):
    """{id: (region, tokens, early, late)}: probes differ much, regions in how far they fall, region 4 not at all."""
    random = np.random.default_rng(seed)
    found = {}
    for region in range(REGIONS):
        for probe in range(PROBES):
            early = float(random.gamma(1.0, 2.0))
            late = early - 0.2 * (4 - region) + float(random.normal(0, 0.02))
            found[f"{region}-{probe}"] = (region, int(random.integers(5, 40)), early, late)
    return found


@pytest.fixture
def tables(tmp_path):
    """Write both tables; the later one in another order."""

    def write(change_late=lambda items: items, **late):
        known = figures()
        early = [item_of(id_, region, before, tokens) for id_, (region, tokens, before, _) in known.items()]
        items = [item_of(id_, region, after, tokens) for id_, (region, tokens, _, after) in known.items()]
        for name in ("regions", "teacher", "others"):
            (tmp_path / name).write_text(name)
        inputs = {"regions": tmp_path / "regions", "teacher": tmp_path / "teacher"}
        paths = tmp_path / "early", tmp_path / "late"
        write_table(paths[0], early, positions=1000, **inputs)
        write_table(paths[1], change_late(items[::-1]), **({"positions": 2000} | inputs | late))
        return paths

    return write


def test_the_progress_of_a_region_is_its_twins(tables):
    found = read_progress(*tables())
    assert found.column == "progress" and len(found.items) == REGIONS * PROBES
    for row in found.regions:
        own = [entry for entry in figures().values() if entry[0] == row["region"]]
        total = sum(tokens for _, tokens, _, _ in own)
        assert row["progress"] == pytest.approx(math.fsum(t * (b - a) for _, t, b, a in own) / total, rel=1e-12)
        assert row["probes"] == PROBES
    known = [[entry for entry in figures().values() if entry[0] == region] for region in range(REGIONS)]
    values = [np.array([before - after for _, _, before, after in own])[::-1] for own in known]
    tokens = [np.array([tokens for _, tokens, _, _ in own], dtype=float)[::-1] for own in known]
    pooled = pool_groups(values, tokens, log=False)
    gaps = found.by_region()
    assert [gaps[region].mean for region in range(REGIONS)] == pytest.approx(pooled.shrunk.tolist(), rel=1e-12)
    assert [gaps[region].low for region in range(REGIONS)] == pytest.approx(pooled.low.tolist(), rel=1e-12)
    assert found.spread["between"] == pytest.approx(pooled.between) and found.spread["log"] is False


def test_probes_are_paired_with_themselves(tables):
    """Probes of a region differ by 2 nats, their progress by 0.02: its error is that of the differences."""
    found = read_progress(*tables())
    assert max(gap.error for gap in found.by_region().values()) < 0.02
    assert found.spread["reliability"] > 0.98


def test_a_figure_that_rises_is_negative_progress(tables):
    early, late = tables()
    forward, back = read_progress(early, late), [row["progress"] for row in read_progress_swapped(early, late)]
    assert [row["progress"] for row in forward.regions] == pytest.approx([-value for value in back])
    assert abs(forward.regions[4]["progress"]) < 0.02 < 0.7 < forward.regions[0]["progress"]


def read_progress_swapped(early, late):
    """The regions' progress from the later to the earlier table, of which no positions are known."""
    for folder in (early, late):
        path = folder / "manifest.json"
        path.write_text(path.read_text().replace("positions_read", "unknown"))
    return read_progress(late, early).regions


def test_natural_recordings_belong_to_no_region(tables):
    early, late = tables(lambda items: [items[0] | {"synthetic": False, "teacher_kl": -1e3}, *items[1:]])
    (row,) = (row for row in read_progress(early, late).regions if row["region"] == REGIONS - 1)
    assert row["probes"] == PROBES - 1 and abs(row["progress"]) < 0.1


def without_first(items):
    return items[1:]


def one_more(items):
    return [*items, item_of("new", 0, 1.0)]


def other_tokens(items):
    return [items[0] | {"tokens": 99}, *items[1:]]


@pytest.mark.parametrize(
    "change, late, said",
    [
        (without_first, {}, "has the probe '4-5'"),
        (one_more, {}, "has the probe 'new'"),
        (other_tokens, {}, "tokens of the probe '4-5'"),
        (list, {"regions": "others"}, "with the regions"),
        (list, {"teacher": "others"}, "with the teacher"),
        (list, {"regions": None}, "with the regions"),
        (list, {"settings": SPANS | {"speech_words": [1, 3]}}, "M depends on the spans"),
        (list, {"settings": SPANS | {"interleavings": 3}}, "not measured in the same way"),
        (list, {"samples 0": "others"}, "not measured in the same way"),
        (list, {"positions": 500}, "read more (1,000 positions)"),
    ],
    ids=["lacks", "more", "tokens", "regions", "teacher", "no regions", "spans", "options", "samples", "swapped"],
)
def test_tables_that_do_not_match_are_refused(change, late, said, tables, tmp_path):
    late = {role: tmp_path / value if isinstance(value, str) else value for role, value in late.items()}
    early, other = tables(change, **late)
    with pytest.raises(SaladError) as raised:
        read_progress(early, other)
    assert said in raised.value.problem and str(early) in raised.value.problem and str(other) in raised.value.problem


def test_what_does_not_change_m_may_differ(tables, tmp_path):
    early, late = tables(list, positions=None, checkpoint=tmp_path / "others", asr=tmp_path / "others")
    assert len(read_progress(early, late).regions) == REGIONS
