"""Gap tables of made-up items, by the real writer."""

from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.gap_table import METRICS, SCHEMA, VERSION, write_gap_table
from saladkit.scoring.group_means import group_tables

SPANS = {"context": "interleaved", "text_words": [10, 30], "speech_words": [5, 15], "interleavings": 4}


def item_of(id_, region, teacher_kl, tokens=10, **further):
    """A row of ITEMS in which every figure but teacher KL is 0.5."""
    about = {"domain": None, "speaker": "a", "tokens": tokens, "cer": None, "duration_ratio": None, "synthetic": True}
    figures = dict.fromkeys(METRICS, 0.5) | {"teacher_kl": teacher_kl}
    return about | figures | {"id": id_, "region": region} | further


def write_table(folder, items, *, settings=SPANS, positions=None, **inputs):
    """A complete gap table of these items; `inputs` are paths by role."""
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="gap", settings=settings, inputs=inputs)
    groups, spread = group_tables(items)
    write_gap_table(writer, items, groups, spread)
    writer.finish(counts={}, identity={"trained_on": positions and {"positions_read": positions}})
    return folder
