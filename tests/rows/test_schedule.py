from collections import Counter

import numpy as np
import pytest

from saladkit.formats.frames_cache import FramesCache
from saladkit.formats.samples import words_from_row
from saladkit.rows.frame_sources import WholeRecordings
from saladkit.rows.schedule import TrainingSchedule, count_turns, draw_schedule, group_by_length
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import tokenize
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.shared import Spans
from saladkit.sources.samples import read_samples


def test_the_schedule_depends_on_the_seed_alone():
    first, again, other = (draw_schedule([7, 5], [2, 1], 50, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_every_source_is_gone_through_in_permuted_passes():
    sizes = [7, 5, 3]
    sources, rows = draw_schedule(sizes, [3, 2, 1], 400, seed=0)
    for source, size in enumerate(sizes):
        read = rows[sources == source].tolist()
        passes = [read[begin : begin + size] for begin in range(0, len(read), size)]
        assert all(sorted(one) == list(range(size)) for one in passes[:-1])
        assert len(set(passes[-1])) == len(passes[-1])
        assert len({tuple(one) for one in passes[:-1]}) > 1


@pytest.mark.parametrize("weights", [[1.0, 1.0], [2.0, 1.0], [0.2, 0.05]])
def test_sources_are_read_as_often_as_their_weights_say(weights):
    sources, _ = draw_schedule([3, 300], weights, 6000, seed=0)
    share = weights[0] / sum(weights)
    assert abs((sources == 0).mean() - share) < 4 * (share * (1 - share) / 6000) ** 0.5


def test_a_source_that_is_never_drawn_does_no_harm():
    sources, rows = draw_schedule([4, 2], [1.0, 1e-12], 10, seed=0)
    assert not sources.any()
    assert sorted(rows[:4].tolist()) == [0, 1, 2, 3]


def test_grouping_keeps_every_row_and_puts_like_lengths_together():
    random = np.random.default_rng(0)
    lengths = random.integers(1, 1000, size=203)
    order = group_by_length(lengths, batch=4, window=10, seed=0)
    assert sorted(order.tolist()) == list(range(203))
    assert np.array_equal(order, group_by_length(lengths, batch=4, window=10, seed=0))
    spread = [np.ptp(lengths[order[i : i + 4]]) for i in range(0, 200, 4)]
    unsorted = [np.ptp(lengths[i : i + 4]) for i in range(0, 200, 4)]
    assert np.mean(spread) < np.mean(unsorted) / 4


def test_turns_count_the_draws_of_the_same_row_before():
    random = np.random.default_rng(0)
    source, row, drawn = random.integers(0, 2, 90), random.integers(0, 4, 90), random.permutation(90)
    expected, seen = {}, Counter()
    for place in np.argsort(drawn).tolist():
        key = int(source[place]), int(row[place])
        expected[place], seen[key] = seen[key], seen[key] + 1
    assert count_turns(source, row, drawn).tolist() == [expected[place] for place in range(90)]


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
            "replay", 1.0, [row["id"] for row in replay], [tokenize(tokenizer, row["text"]) for row in replay]
        ),
    ]


def schedule(sources, seed=0, count=120, warm_up=0):
    spans, layout = Spans(text_words=(2, 5), speech_words=(2, 5)), SequenceLayout(100, 8)
    phases = {"count": count, "warm_up": warm_up, "batch": 4}
    return TrainingSchedule(sources, **phases, layout=layout, spans=spans, text_first=0.5, seed=seed)


def fields(example):
    sequence = example.sequence
    frames = [span.frames.tobytes() for span in sequence.spans]
    return sequence.input_ids.tolist(), sequence.speech_mask.tolist(), sequence.targets.tolist(), frames


def test_an_example_depends_on_the_seed_and_its_place_alone(sources):
    first, again, other = schedule(sources), schedule(sources), schedule(sources, seed=1)
    assert len(first) == 120
    backwards = {index: fields(again[index]) for index in reversed(range(120))}
    assert all(fields(first[index]) == backwards[index] for index in range(120))
    assert any(fields(first[index]) != fields(other[index]) for index in range(120))


def test_a_row_is_interleaved_anew_in_every_pass(sources):
    examples = schedule(sources)
    assert Counter(examples.source.tolist()).keys() == {0, 1}
    seen = {}
    for index in np.flatnonzero(examples.source == 0):
        seen.setdefault(int(examples.row[index]), []).append(fields(examples[index])[1])
    assert sum(len(masks) for masks in seen.values()) == (examples.source == 0).sum()
    repeated = [masks for masks in seen.values() if len(masks) > 2]
    assert repeated
    assert any(len({tuple(mask) for mask in masks}) > 1 for masks in repeated)


def test_replay_rows_are_read_whole(sources):
    examples = schedule(sources)
    for index in np.flatnonzero(examples.source == 1)[:5]:
        text = sources[1].texts[examples.row[index]]
        sequence = examples[int(index)].sequence
        assert sequence.input_ids.tolist() == text.token_ids.tolist()
        assert not sequence.speech_mask.any()
        assert sequence.targets.tolist() == list(range(1, len(text.token_ids) + 1))


def test_every_row_learns_its_end_but_a_row_of_the_lexical_warm_up_predicts_nothing(sources, tokenizer):
    examples = schedule(sources, warm_up=8, count=40)
    for index, example in enumerate(examples):
        text = sources[examples.source[index]].texts[examples.row[index]]
        ends = [] if index < 8 else [len(text.token_ids)]
        assert example.sequence.targets[-1:].tolist() == ends
        assert example.labels()[-1:].tolist() == ([] if index < 8 else [tokenizer.eos_token_id])
        assert example.labels()[:-1].tolist() == text.token_ids[example.sequence.targets[:-1]].tolist()
    heard_last = [e.sequence.speech_mask[-1] for e in examples if len(e.sequence.targets) and e.sequence.spans]
    assert True in heard_last and False in heard_last


def test_lengths_are_about_what_rows_fill(sources):
    speech = sources[0].lengths(12.5)
    for row, words in enumerate(sources[0].words):
        tokens, vectors = len(sources[0].texts[row].token_ids), int(max(word.end or 0.0 for word in words) * 12.5)
        assert speech[row] == max(tokens, vectors)
    assert sources[1].lengths(12.5).tolist() == [len(text.token_ids) for text in sources[1].texts]
