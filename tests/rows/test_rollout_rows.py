"""Rollouts as rows of training: what is heard, what is read, and which tokens carry loss."""

import numpy as np
import pytest
from rollout_artefacts import rows_of, write

from saladkit.errors import SaladError
from saladkit.formats.rollouts import MODALITIES, SPEECH, TEXT
from saladkit.rows.drawn_rows import RowDrawing
from saladkit.rows.frame_sources import SpansAlone, StoredLayouts
from saladkit.rows.interleaving import Span
from saladkit.rows.rollout_rows import open_rollouts
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.training_sources import speech_source
from saladkit.rows.usable_speech import read_usable_speech
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.shared import Spans, SpeechEncoder
from saladkit.settings.weighted_path import WeightedPath
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.speech.encoders.registry import open_front_end
from saladkit.stages.cache_speech import cache_speech

LAYOUT = SequenceLayout(100, 8, modality_tokens=True)
SPANS = Spans()


@pytest.fixture(scope="module")
def usable(speech, frames_cache):
    """The samples from which prompts are taken."""
    return read_usable_speech(WeightedPath(str(speech)), LogMelFrontEnd(bins=16), frames_caches=[frames_cache])


@pytest.fixture
def opened(usable, tokenizer, tmp_path):
    """Write rollouts and open them."""

    def run(rows, **further):
        path = write(tmp_path / "rollouts", rows, tokenizer)
        return open_rollouts(WeightedPath(str(path), 2.0), [usable], tokenizer, **further)

    return run


def example(source, row, layout=LAYOUT):
    drawing = RowDrawing(source, layout, SPANS, 0.5, 0.5)
    drawn, _ = drawing.lay(row, drawing.stream([0]))
    return drawn, drawing.example(drawn)


@pytest.mark.parametrize("modalities", [(SPEECH,), (TEXT,), MODALITIES], ids=lambda names: "-".join(names))
def test_every_token_of_a_response_is_a_target_and_no_other(opened, speech, tokenizer, modalities):
    rows = rows_of(speech, tokenizer, modalities)
    source = opened(rows)
    assert source.is_rollouts and not source.has_conversations and source.weight == 2.0
    assert source.ids == [row["id"] for row in rows]
    lengths = []
    for number, row in enumerate(rows):
        drawn, found = example(source, number)
        prompt = len(row["prompt_ids"])
        assert found.labels().tolist() == row["response_ids"]
        assert found.sequence.targets.tolist() == list(range(prompt, prompt + len(row["response_ids"])))
        assert found.token_ids.tolist() == [*row["prompt_ids"], *row["response_ids"][:-1]]
        assert found.log_probs.tolist() == np.float32(row["log_probs"]).tolist()
        assert bool(found.sequence.spans) == (row["modality"] == SPEECH) == bool(found.sequence.speech_mask.any())
        assert (found.labels()[-1] == tokenizer.eos_token_id) == (row["finish"] == "stop")
        assert drawn.length == len(found.sequence)
        lengths.append(drawn.length)
    assert RowDrawing(source, LAYOUT, SPANS, 0.5, 0.5).expected(joined=True).mean.tolist() == lengths


def test_a_prompt_is_heard_as_far_as_in_a_row_that_goes_on_with_its_true_words(opened, usable, speech, tokenizer):
    rows = rows_of(speech, tokenizer)
    source = opened(rows)
    natural = speech_source(usable, tokenizer)
    for number, row in enumerate(rows):
        at, end = natural.ids.index(row["source_id"]), row["prompt_words"]
        text, words = natural.texts[at], natural.words[at]
        spans = [Span(True, 0, end), *([Span(False, end, len(words))] if end < len(words) else [])]
        frames = natural.frames.of_spans(row["source_id"], spans, words)
        twin = build_sequence(text, spans, words, frames, LAYOUT)
        _, found = example(source, number)
        (ours,), (theirs,) = found.sequence.spans, twin.spans
        assert np.array_equal(ours.frames, theirs.frames) and ours.vectors == theirs.vectors
        assert np.array_equal(ours.lexical_targets, theirs.lexical_targets)
        assert found.sequence.positions[0] == twin.positions[0]  # behind TEXT_FOLLOWS


def test_rows_that_are_too_long_are_listed(opened, speech, tokenizer):
    rows = rows_of(speech, tokenizer)
    longest = max(len(row["prompt_ids"]) + len(row["response_ids"]) - 1 for row in rows)
    source = opened(rows, max_length=longest - 1)
    assert 0 < len(source.left_out) < len(rows) == len(source) + len(source.left_out)
    assert len(source.log_probs) == len(source.texts) == len(source)


def changed(rows, **values):
    return [rows[0] | values, *rows[1:]]


def stranger(rows):
    return changed(rows, source_id="nobody")


def other_prompt(rows):
    return changed(rows, prompt_ids=[*rows[0]["prompt_ids"][:-1], rows[0]["prompt_ids"][-1] + 1])


def other_words(rows):
    return changed(rows, prompt_words=rows[0]["prompt_words"] + 1)


def no_response(rows):
    return changed(rows, response_ids=[], log_probs=[])


def no_log_prob(rows):
    return changed(rows, log_probs=rows[0]["log_probs"][:-1])


def no_prompt(rows):
    return changed(rows, prompt_ids=[])


def twice(rows):
    return [rows[0], *rows]


def none(rows):
    return []


@pytest.mark.parametrize(
    "damage, said",
    [
        (stranger, "no --data has a usable row 'nobody'"),
        (other_prompt, "has other tokens than the row"),
        (other_words, "has other tokens than the row"),
        (no_response, "0 of the response"),
        (no_log_prob, "log-probabilities"),
        (no_prompt, "0 tokens of the prompt"),
        (twice, "2 rollouts"),
        (none, "holds no rollouts"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_rollouts_that_do_not_fit_their_samples_are_refused(opened, speech, tokenizer, damage, said):
    with pytest.raises(SaladError, match=said) as error:
        opened(damage(rows_of(speech, tokenizer)))
    assert error.value.fix


def test_what_was_read_needs_no_samples(speech, tokenizer, tmp_path):
    path = write(tmp_path / "rollouts", rows_of(speech, tokenizer, (TEXT,)), tokenizer)
    source = open_rollouts(WeightedPath(str(path)), [], tokenizer)
    assert source.frames is None and source.words is None and len(source) == 6


def test_of_layouts_that_were_drawn_ahead_the_audio_itself_is_heard(speech, whisper, text_lm, tokenizer, tmp_path):
    encoder = {"encoder": str(whisper), "silence": 0.3}
    settings = CacheSpeechSettings(**encoder, layouts=1, tokenizer=str(text_lm), limit=4, device="cpu")
    cache_speech([str(speech)], tmp_path / "layouts", settings)
    front_end = open_front_end(SpeechEncoder(**encoder), device="cpu", dtype="float32")
    ahead = read_usable_speech(WeightedPath(str(speech)), front_end, frames_caches=[tmp_path / "layouts"], limit=4)
    live = read_usable_speech(WeightedPath(str(speech)), front_end, limit=4)
    assert isinstance(ahead.frames, StoredLayouts) and isinstance(live.frames, SpansAlone)
    path = write(tmp_path / "rollouts", rows_of(speech, tokenizer, MODALITIES, rows=2), tokenizer)
    sources = [open_rollouts(WeightedPath(str(path)), [one], tokenizer) for one in (ahead, live)]
    layout = SequenceLayout(front_end.frames_per_second, 4, looks_ahead=True)
    for number in range(4):
        (drawn, ours), (_, theirs) = (example(source, number, layout) for source in sources)
        assert len(ours.sequence) <= drawn.length <= len(ours.sequence) + 1
        for one, other in zip(ours.sequence.spans, theirs.sequence.spans, strict=True):
            assert np.array_equal(one.frames, other.frames)
