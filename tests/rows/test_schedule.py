"""The schedule of a training: which rows each step reads, with any number of processes."""

from collections import Counter

import numpy as np
import pytest

from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import words_from_row
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import tokenize
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.distill import DistillSettings
from saladkit.sources.samples import read_samples

LAYOUT = SequenceLayout(100, 8)
SPANS = {"text_words": (2, 5), "speech_words": (2, 5)}


@pytest.fixture(scope="module")
def sources(speech, frames_cache, world, tokenizer):
    spoken = read_samples(speech, needed=["text", "words"], optional=[]).to_pylist()
    replay = read_samples(world / "pool.parquet", needed=["text"], optional=[], limit=10).to_pylist()
    return [
        TrainingSource(
            "speech",
            2.0,
            [row["id"] for row in spoken],
            [tokenize(tokenizer, row["text"]) for row in spoken],
            [words_from_row(row) for row in spoken],
            WholeRecordings(FramesCache(frames_cache)),
        ),
        TrainingSource(
            "replay",
            1.0,
            [row["id"] for row in replay],
            [tokenize(tokenizer, row["text"]) for row in replay],
            replay=True,
        ),
    ]


ALONE = StepShape(4)


def schedule(sources, shape=ALONE, **further):
    settings = DistillSettings(data=("speech",), **({"max_steps": 30, "window": 0} | SPANS | further))
    return TrainingSchedule(sources, LAYOUT, settings, shape)


def fields(window):
    found = []
    for example in window.examples:
        sequence = example.sequence
        frames = [span.frames.tobytes() for span in sequence.spans]
        found.append((example.id, sequence.input_ids.tolist(), sequence.speech_mask.tolist(), frames))
    return found, window.unread


def ids_of_step(drawn, step):
    items = drawn.shape.items
    windows = [drawn[index] for index in range(step * items, (step + 1) * items)]
    return sorted(tuple(row.id for row in window.examples) for window in windows)


KINDS = [{}, {"window": 128}, {"window": 128, "lexical_steps": 10, "lexical_weight": 1.0}, {"mix": "rows"}]


@pytest.mark.parametrize("further", KINDS, ids=["rows", "windows", "windows with a warm-up", "mix of rows"])
def test_an_item_depends_on_the_seed_and_its_place_alone(sources, further):
    first, again, other = (schedule(sources, **further, seed=seed) for seed in (0, 0, 1))
    assert len(first) == 120
    backwards = {index: fields(again[index]) for index in reversed(range(120))}
    assert all(fields(first[index]) == backwards[index] for index in range(120))
    assert any(fields(first[index]) != fields(other[index]) for index in range(120))


@pytest.mark.parametrize("window", [0, 128])
def test_the_same_rows_make_a_step_however_they_are_shared_out(sources, window):
    shapes = [
        StepShape(8),
        StepShape(2, 4),
        StepShape(4, 2, processes=2),
        StepShape(2, 4, processes=2),
        StepShape(8, packed=False),
        StepShape(2, 4, packed=False),
    ]
    schedules = [schedule(sources, shape, window=window, max_steps=12) for shape in shapes]
    for step in range(12):
        expected = ids_of_step(schedules[0], step)
        assert all(ids_of_step(one, step) == expected for one in schedules[1:])


def test_micro_batches_of_packed_rows_are_balanced_and_those_of_padded_rows_are_alike(sources):
    packed, padded = (schedule(sources, StepShape(4, 8, packed=packed), max_steps=8) for packed in (True, False))
    sums, spreads = {}, {}
    for name, drawn in (("packed", packed), ("padded", padded)):
        lengths = np.array([len(drawn[index].examples[0].sequence) for index in range(len(drawn))]).reshape(8, 8, 4)
        sums[name], spreads[name] = np.ptp(lengths.sum(axis=2), axis=1).mean(), np.ptp(lengths, axis=2).mean()
    assert sums["packed"] < sums["padded"] / 3
    assert spreads["padded"] < spreads["packed"] / 2


def test_a_row_is_interleaved_anew_in_every_pass(sources):
    seen = {}
    drawn = schedule(sources)
    for index in range(len(drawn)):
        (example,) = drawn[index].examples
        seen.setdefault((example.source, example.id), []).append(tuple(example.sequence.speech_mask.tolist()))
    repeated = [masks for (source, _), masks in seen.items() if source == "speech" and len(masks) > 2]
    assert repeated
    assert any(len(set(masks)) > 1 for masks in repeated)


@pytest.mark.parametrize("source", [0, 1])
def test_every_source_is_read_in_permuted_passes(sources, source):
    drawn = schedule(sources, max_steps=60)
    size = len(sources[source])
    read = [
        example.id
        for index in range(len(drawn))
        for example in drawn[index].examples
        if example.source == sources[source].name
    ]
    order = sorted(Counter(read).values())
    assert order[-1] - order[0] <= 1  # each pass is read whole before the next one; within a step the order is free
    passes = [read[begin : begin + size] for begin in range(0, len(read) - size, size)]
    assert len(passes) > 2 and len({tuple(one) for one in passes}) > 1


def test_replay_rows_are_read_whole(sources):
    drawn = schedule(sources)
    texts = {id_: text.token_ids.tolist() for id_, text in zip(sources[1].ids, sources[1].texts, strict=True)}
    examples = [drawn[index].examples[0] for index in range(40)]
    replayed = [example for example in examples if example.replay]
    assert replayed
    for example in replayed:
        assert example.sequence.input_ids.tolist() == texts[example.id]
        assert not example.sequence.speech_mask.any()
        assert example.sequence.targets.tolist() == list(range(1, len(texts[example.id]) + 1))


def test_the_lexical_warm_up_hears_everything_and_reads_speech_alone(sources):
    drawn = schedule(sources, lexical_steps=10, lexical_weight=1.0, window=128)
    for index in range(40):
        for example in drawn[index].examples:
            assert example.source == "speech"
            assert not len(example.sequence.targets) and not len(example.labels())
    assert {drawn[index].examples[0].source for index in range(40, 60)} == {"speech", "replay"}
    assert {example.source for index in range(40, 60) for example in drawn[index].examples} == {"speech", "replay"}


def test_every_row_learns_its_end(sources, tokenizer):
    drawn = schedule(sources)
    examples = [drawn[index].examples[0] for index in range(60)]
    for example in examples:
        assert example.sequence.targets[-1] == len(example.token_ids)
        assert example.labels()[-1] == tokenizer.eos_token_id
        assert example.labels()[:-1].tolist() == example.token_ids[example.sequence.targets[:-1]].tolist()
    assert {bool(example.sequence.speech_mask[-1]) for example in examples if example.sequence.spans} == {True, False}


@pytest.mark.parametrize("mix", ["positions", "rows"])
@pytest.mark.parametrize("window", [0, 128])
@pytest.mark.parametrize("weights", [(2.0, 1.0), (1.0, 4.0)])
def test_weights_are_shares_of_positions_or_of_rows(sources, weights, window, mix):
    weighted = [
        TrainingSource(s.name, weight, s.ids, s.texts, s.words, s.frames, replay=s.replay)
        for s, weight in zip(sources, weights, strict=True)
    ]
    drawn = schedule(weighted, mix=mix, window=window, max_steps=200)
    read = Counter()
    for index in range(len(drawn)):
        for example in drawn[index].examples:
            read[example.source] += 1 if mix == "rows" else len(example.sequence)
    share = read["speech"] / sum(read.values())
    wanted = weights[0] / sum(weights)
    assert share == pytest.approx(wanted, rel=0.05)
    if mix == "positions":
        assert drawn.phases[False].shares_of_positions()[0] == pytest.approx(wanted)
        assert drawn.expected_positions() == pytest.approx(sum(read.values()), rel=0.05)


def test_shares_of_the_loss_are_those_of_the_rows_that_are_read(sources):
    for window in (0, 128):
        drawn, targets = schedule(sources, max_steps=100, window=window), Counter()
        for index in range(len(drawn)):
            for example in drawn[index].examples:
                targets[example.source] += len(example.sequence.targets)
        share = drawn.phases[False].shares_of_loss()[0]
        assert share == pytest.approx(targets["speech"] / targets.total(), rel=0.05)
