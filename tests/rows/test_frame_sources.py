"""What a speech span tells of the words around it: nothing, bit for bit, once they are replaced by noise."""

import numpy as np
import pyarrow as pa
import pytest
from encoder_models import MODELS, save_encoder

from saladkit.formats.words import Word
from saladkit.rows.frame_sources import SpansAlone, WholeRecordings
from saladkit.rows.interleaving import Span
from saladkit.rows.sequences import SequenceLayout, build_sequence
from saladkit.rows.tokens import TokenizedText
from saladkit.settings.shared import SpeechEncoder
from saladkit.speech.audio.encoding import encode_wav
from saladkit.speech.encoders.registry import open_front_end
from saladkit.speech.front_end import LiveFrames, looks_ahead

CAUSAL = ["log-mel", "mimi"]
AHEAD = ["whisper", *MODELS]
WORDS = [Word(f"w{i}", i * 0.3343 + 0.0537, i * 0.3343 + 0.34) for i in range(10)]
SPANS = [Span(False, 0, 2), Span(True, 2, 5), Span(False, 5, 7), Span(True, 7, 9), Span(False, 9, 10)]


@pytest.fixture
def front_end(request, workshop):
    """The front end of one of the tiny encoders."""
    kind = request.param
    name = save_encoder(workshop, kind) if kind in MODELS else kind
    name = request.getfixturevalue(kind) if kind in ("mimi", "whisper") else name
    return open_front_end(SpeechEncoder(encoder=str(name), codebooks=4, silence=0.3), device="cpu", dtype="float32")


def noise(samples, seed):
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def heard_spans(front_end, samples, rate, source):
    """The frames of both speech spans of a recording, as the model is given them."""
    audio = {"bytes": encode_wav(samples, rate), "path": None}
    table = pa.Table.from_pylist([{"id": "a", "audio": audio}])
    frames = source(LiveFrames(table, front_end, "here")).of_spans("a", SPANS, WORDS)
    text = TokenizedText(np.arange(1, 11, dtype=np.int32), np.arange(11), np.ones(11, dtype=bool), 0)
    layout = SequenceLayout(front_end.frames_per_second, 1, looks_ahead=looks_ahead(front_end.identity))
    return [span.frames for span in build_sequence(text, SPANS, WORDS, frames, layout).spans]


def with_noise(samples, rate, *, before, behind):
    """A copy of a recording with noise in place of the stretches before and behind the given times."""
    changed = 3 * noise(len(samples), 1)
    kept = slice(0 if before is None else int(before * rate), int(behind * rate))
    changed[kept] = samples[kept]
    return changed


@pytest.mark.parametrize("front_end", CAUSAL, indirect=True)
@pytest.mark.parametrize("which", [0, 1])
def test_a_span_of_a_causal_encoder_tells_nothing_of_what_is_behind_it(front_end, which):
    rate, span = front_end.sample_rate, SPANS[1 + 2 * which]
    samples = noise(4 * rate, 0)
    changed = with_noise(samples, rate, before=None, behind=WORDS[span.end].start)
    whole, other = (heard_spans(front_end, audio, rate, WholeRecordings) for audio in (samples, changed))
    assert whole[which].tobytes() == other[which].tobytes()


@pytest.mark.parametrize("front_end", AHEAD, indirect=True)
@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_a_span_that_is_encoded_alone_tells_nothing_of_what_is_around_it(front_end, rate):
    samples = noise(4 * rate, 0)
    alone = heard_spans(front_end, samples, rate, SpansAlone)
    cut_out = heard_spans(front_end, samples, rate, WholeRecordings)
    for which in (0, 1):
        span = SPANS[1 + 2 * which]
        begin, end = WORDS[span.begin].start, WORDS[span.end].start
        changed = with_noise(samples, rate, before=begin, behind=end)
        assert heard_spans(front_end, changed, rate, SpansAlone)[which].tobytes() == alone[which].tobytes()
        assert abs(len(alone[which]) - (end - begin) * front_end.frames_per_second) < 2
        if front_end.identity["name"] == "whisper" and which == 1:
            continue  # its windows are of 2 s here, and the next one is encoded apart
        leaking = heard_spans(front_end, changed, rate, WholeRecordings)[which]
        assert leaking.tobytes() != cut_out[which].tobytes()


@pytest.mark.parametrize("front_end", AHEAD, indirect=True)
def test_spans_that_are_encoded_together_are_those_encoded_one_by_one(front_end):
    samples = noise(64_000, 0)
    for heard, span in zip(heard_spans(front_end, samples, 16_000, SpansAlone), SPANS[1::2], strict=True):
        begin, end = WORDS[span.begin].start, WORDS[span.end].start
        stored = np.rint(samples * 32768)[int(begin * 16_000) : int(end * 16_000)] / 32768
        (frames,) = front_end.frames([stored.astype(np.float32)])
        np.testing.assert_allclose(heard, frames.astype(np.float32), rtol=0, atol=4e-3)
