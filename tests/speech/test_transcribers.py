"""Speech recognizers: their transcripts do not depend on earlier recordings, and models of other kinds are refused."""

import numpy as np
import pytest
import torch
from recognizers import LETTERS, SPECIAL, save_ctc_model, save_whisper
from transformers import Wav2Vec2ForCTC, WhisperForConditionalGeneration, WhisperProcessor

from saladkit.errors import SaladError
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.transcribers.error_rates import (
    character_errors,
    compared_characters,
    least_errors,
    transcript_errors,
)
from saladkit.speech.transcribers.transcriber import open_transcriber
from saladkit.speech.voices.voice import open_voice


@pytest.fixture(scope="module")
def recordings():
    voice = open_voice("espeak:en-us")
    spoken = [voice.speak(text) for text in ("Water boils.", "My brother wrote a long letter.")]
    return [(utterance.samples, utterance.sample_rate) for utterance in spoken]


def test_a_number_may_be_written_in_digits_or_in_words():
    forms = ["It was 1984.", "It was nineteen eighty four."]
    assert least_errors(forms, "it was 1984").edits == least_errors(forms, "It was nineteen eighty-four.").edits == 0
    assert least_errors(forms, "it was 1985") == character_errors(forms[0], "it was 1985")
    assert least_errors(forms, "it was 1985").rate == character_errors(forms[0], "it was 1985").rate > 0
    assert least_errors(["!", "?"], "hello") is None


@pytest.mark.parametrize(
    "said, written",
    [
        ("He is thirteen.", "He is 13."),
        ("In 1984 there were 13 of them.", "In nineteen eighty-four there were 13 of them."),
        ("1,000 men", "1000 men"),
        ("Ten percent of five dollars", "10% of $5"),
        ("It's twenty-one", "Its 21."),
        ("at 5 p.m.", "at 5pm"),
        ("Dial one two three.", "Dial 1-2-3."),
        ("Dial one two three.", "Dial 123."),
        ("extension 8005551212", "Extension 800-555-1212."),
    ],
)
def test_a_transcript_may_mix_digits_and_words(said, written):
    forms = [said, spoken_form(said, "en").text]
    assert transcript_errors(forms, written, "en").edits == 0
    assert least_errors([said], written).edits > 0


def test_another_number_is_an_error():
    assert transcript_errors(["He is thirteen."], "He is 14.", "en").rate > 0.1
    assert transcript_errors(["Es sind 13."], "Es sind dreizehn.", "de").rate > 0.1  # no rules for German
    assert transcript_errors(["…"], "1", "en") is None


def test_a_ctc_model_writes_its_likeliest_letters_each_recording_alone(recordings, tmp_path):
    folder = save_ctc_model(tmp_path / "ctc")
    transcriber = open_transcriber(str(folder), device="cpu", dtype="float32")
    together = transcriber.transcribe(recordings)
    assert together == [transcriber.transcribe([one])[0] for one in reversed(recordings)][::-1]
    samples = torch.from_numpy(transcriber.resampled(recordings[0]))
    normal = (samples - samples.mean()) / torch.sqrt(samples.var(unbiased=False) + 1e-7)
    ids = Wav2Vec2ForCTC.from_pretrained(folder).eval()(normal[None]).logits[0].argmax(dim=-1).tolist()
    kept = [i for place, i in enumerate(ids) if i != (ids[place - 1] if place else None) and i >= 4]
    written = "".join("|" if i == 4 else [*SPECIAL, *LETTERS][i] for i in kept).replace("|", " ")
    assert together[0].split() == written.split() != []


def test_a_long_recording_is_heard_to_its_end(tmp_path):
    folder = save_ctc_model(tmp_path / "ctc")
    noise = np.random.default_rng(0).normal(0, 0.1, 45 * 16_000).astype(np.float32)
    short, long = open_transcriber(str(folder), device="cpu", dtype="float32").transcribe(
        [(noise[: 16_000 * 20], 16_000), (noise, 16_000)]
    )
    assert len(long) > 1.5 * len(short)


def test_a_whisper_writes_what_it_generates_and_hears_more_than_a_window(tmp_path):
    folder = save_whisper(tmp_path / "whisper")
    noise = np.random.default_rng(0).normal(0, 0.1, 65 * 16_000).astype(np.float32)
    transcriber = open_transcriber(str(folder), device="cpu", dtype="float32")
    short, long = transcriber.transcribe([(noise[: 16_000 * 3], 16_000), (noise, 16_000)])
    processor, model = WhisperProcessor.from_pretrained(folder), WhisperForConditionalGeneration.from_pretrained(folder)
    features = processor(noise[: 16_000 * 3], sampling_rate=16_000, return_tensors="pt").input_features
    expected = processor.batch_decode(model.eval().generate(features, num_beams=5), skip_special_tokens=True)[0].strip()
    assert short == expected != ""
    assert long not in ("", short)
    assert transcriber.transcribe([(noise, 16_000)]) == [long]


@pytest.mark.slow
def test_sphinx_hears_a_row_as_if_it_were_the_first(recordings):
    transcriber = open_transcriber("sphinx", device="cpu", dtype="float32")
    assert transcriber.transcribe(recordings)[1] == transcriber.transcribe(recordings[1:])[0]
    written = transcriber.transcribe(recordings[1:])[0]
    assert written  # a formant voice is hard for it: see the module's own docstring


def test_what_is_no_recognizer_is_refused(text_lm, tmp_path):
    with pytest.raises(SaladError, match="no checkpoint|does not exist"):
        open_transcriber(str(tmp_path / "nowhere"), device="cpu", dtype="float32")
    with pytest.raises(SaladError, match="cannot be loaded as a speech recognizer"):
        open_transcriber(str(text_lm), device="cpu", dtype="float32")


@pytest.mark.parametrize(
    "said, written, expected",
    [
        ("Water boils.", "water boils", 0.0),
        ("It's 9 o'clock!", "its 9 oclock", 0.0),
        ("cat", "cart", 1 / 3),
        ("cat", "", 1.0),
        ("...", "x", None),
    ],
)
def test_character_error_rate(said, written, expected):
    errors = character_errors(said, written)
    assert (errors and errors.rate) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("text", ["The 2nd, don't!", "太阳系 中最大的 行星", "— …", "Ünïcode\u0301 naïve"])
def test_the_characters_of_a_text_are_those_that_are_compared(text):
    assert compared_characters(text) == (character_errors(text, "").characters if character_errors(text, "") else 0)
