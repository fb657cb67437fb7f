"""The figures of the gap are computed in pieces of positions: the same figures, and never more logits than a piece."""

from dataclasses import asdict

import pytest

from saladkit.model.loading import load_text_model
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_sources import open_speech
from saladkit.scoring import divergence
from saladkit.scoring.divergence import add_divergences, probe_sequences
from saladkit.settings.shared import Spans
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.teacher.signals import LiveTeacher

LAYOUT, SPANS = SequenceLayout(100, 8), Spans(text_words=(2, 5), speech_words=(2, 5))


@pytest.fixture(scope="module")
def source(speech, tokenizer):
    return open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), limit=3)


@pytest.fixture
def measure(salad_model, text_lm, source, monkeypatch):
    """Measure three rows in pieces of `size` positions; return the sums of each row and the sizes of the pieces."""
    teacher = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
    batch = [(row, probe_sequences(source, row, LAYOUT, SPANS, 1, 0, "interleaved")[0]) for row in range(3)]

    def run(size):
        monkeypatch.setattr(divergence, "positions_a_piece", lambda weight: divergence.SMALLER * size)
        sums, sizes = {}, []
        heads = [model.get_output_embeddings() for model in (salad_model, teacher.model)]
        hooks = [head.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0]))) for head in heads]
        add_divergences(salad_model, teacher, source, batch, LAYOUT, sums)
        for hook in hooks:
            hook.remove()
        return {row: _flat(asdict(found)) for row, found in sums.items()}, sizes

    return run


def _flat(figures):
    behind = figures.pop("behind")
    return figures | {f"{name}_{place}": x for name, sums in behind.items() for place, x in enumerate(sums)}


@pytest.mark.parametrize("size", [1, 7, 20])
def test_the_size_of_a_piece_changes_no_figure(size, measure):
    (whole, of_whole), (pieces, of_pieces) = measure(10_000), measure(size)
    positions = sum(row["tokens"] for row in whole.values())
    assert of_whole == [positions] * 3  # student on text, student on speech, teacher
    assert max(of_pieces) == size and sum(of_pieces) == 3 * positions > 60
    for row, figures in whole.items():
        assert pieces[row] == pytest.approx(figures, rel=1e-5, abs=1e-5)
