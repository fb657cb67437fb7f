"""Notes on a mix in which a source is far off its share of the weights."""

import numpy as np
import pytest

from saladkit.rows.schedule import StepShape, TrainingSchedule
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import TokenizedText
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.distill import DistillSettings
from saladkit.training.mix import note_on_mix


def texts(name, weight, *, words=20, learned=None):
    tokens = np.arange(words + 1)
    text = TokenizedText(np.zeros(words, np.int32), tokens, np.ones(words + 1, bool), 0, learned=learned)
    return TrainingSource(name, weight, ["a", "b"], [text, text])


def note(sources, **further):
    settings = DistillSettings(data=("rare",), **({"max_steps": 200, "window": 0} | further))
    return note_on_mix(TrainingSchedule(sources, SequenceLayout(100, 8), settings, StepShape(4)))


@pytest.mark.parametrize("mix", ["positions", "rows"])
@pytest.mark.parametrize("window", [0, 50])
def test_a_run_of_few_items_has_whole_ones_only(mix, window):
    sources = [texts("rare", 0.15), texts("often", 0.85)]
    assert note(sources, mix=mix, window=window) is None
    short = note(sources, mix=mix, window=window, max_steps=1)
    assert "rare will have 25.0% of the positions, and its weight is 15.0%" in short
    assert "raise --max-steps or the batch" in short


def test_rows_of_unequal_length_are_shared_by_positions():
    sources = [texts("rare", 0.15, words=200), texts("often", 0.85)]
    assert note(sources) is None
    assert "rare will have 63.8% of the positions" in note(sources, mix="rows")
    assert "give --mix positions" in note(sources, mix="rows")


@pytest.mark.parametrize(("answer", "said"), [(4, True), (12, False)])
def test_a_source_of_which_little_is_learned_is_noted(answer, said):
    """A conversation is read whole, and learned where the assistant answers."""
    learned = np.arange(21) >= 20 - answer
    learned[-1] = False
    found = note([texts("chats", 1.0, learned=learned), texts("documents", 1.0)])
    assert (found is not None) == said
    if found:
        share = 4 / (4 + 20)  # a document has a target behind its last token, and none at its first
        assert f"chats will have {share:.1%} of the positions with a loss, and its weight is 50.0%" in found
        assert found.endswith("raise its weight")
