import math
from itertools import pairwise

import numpy as np
import pocketsphinx
import pytest
import torch
from recognizers import LETTERS, SPECIAL, save_ctc_model
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC, Wav2Vec2Model

from saladkit.errors import SaladError
from saladkit.settings.timestamps import LOW_SCORE
from saladkit.speech.aligners import ctc, emissions
from saladkit.speech.aligners.aligner import Recording, align_one, open_aligner
from saladkit.speech.aligners.emissions import Emissions
from saladkit.speech.aligners.forced_alignment import ctc_forced_align
from saladkit.speech.aligners.pronunciation import arpabet_of_ipa, espeak_pronunciations, read_dictionary
from saladkit.speech.audio.resampling import resample
from saladkit.speech.voices.voice import open_voice

SENTENCES = [
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "She sells fresh bread, milk and honey at the market every morning.",
    "Water boils at one hundred degrees, but only near the sea.",
    "My brother wrote a long letter to his old teacher in Boston.",
    "Please turn left after the bridge and follow the narrow road.",
    "Nobody knew why the clock had stopped at seven minutes past noon.",
]
RATE = 16_000


@pytest.fixture(scope="module")
def ctc_name(tmp_path_factory):
    return f"ctc:{save_ctc_model(tmp_path_factory.mktemp('ctc'), LETTERS)}"


@pytest.fixture(scope="module")
def sphinx():
    return open_aligner("sphinx")


def spoken(text, voice="en-us"):
    utterance = open_voice(f"espeak:{voice}").speak(text)
    return utterance.samples, utterance.sample_rate, utterance.words


def viterbi(log_probs, targets, blank):
    """The slow twin: float64, over the states blank, t1, blank, t2, ..., blank; returns the state of each frame."""
    states = [blank]
    for target in targets:
        states += [target, blank]
    n_frames = len(log_probs)
    best = np.full((n_frames, len(states)), -math.inf)
    previous = np.zeros((n_frames, len(states)), int)
    best[0, :2] = log_probs[0, states[:2]]
    for frame in range(1, n_frames):
        for state, token in enumerate(states):
            may_come_from = [state, state - 1] if state else [state]
            if state >= 2 and token not in (blank, states[state - 2]):
                may_come_from.append(state - 2)
            previous[frame, state] = max(may_come_from, key=lambda s: best[frame - 1, s])
            best[frame, state] = best[frame - 1, previous[frame, state]] + log_probs[frame, token]
    path = [max(len(states) - 1, len(states) - 2, key=lambda s: best[-1, s])]
    for frame in range(n_frames - 1, 0, -1):
        path.append(previous[frame, path[-1]])
    return path[::-1]


def spans_of(path, log_probs, targets):
    spans = []
    for index, target in enumerate(targets):
        frames = [frame for frame, state in enumerate(path) if state == 2 * index + 1]
        spans.append((frames[0], frames[-1] + 1, log_probs[frames, target].mean()))
    return spans


@pytest.mark.parametrize("targets", [[3], [1, 2, 3], [2, 2, 2], [1, 4, 4, 1, 2, 2]])
@pytest.mark.parametrize("blank", [0, 5])
def test_forced_alignment_is_the_slow_viterbi(targets, blank):
    generator = torch.Generator().manual_seed(len(targets) + blank)
    log_probs = (3 * torch.randn(23, 6, generator=generator)).log_softmax(-1)
    exact = log_probs.double().numpy()
    expected = spans_of(viterbi(exact, targets, blank), exact, targets)
    found = ctc_forced_align(log_probs, targets, blank)
    assert [span[:2] for span in found] == [span[:2] for span in expected]
    np.testing.assert_allclose([span[2] for span in found], [span[2] for span in expected], rtol=1e-5)


def test_forced_alignment_counts_the_blanks_between_repeats():
    log_probs = torch.zeros(5, 3).log_softmax(-1)
    assert [span[:2] for span in ctc_forced_align(log_probs, [1, 1, 1], 0)] == [(0, 1), (2, 3), (4, 5)]
    with pytest.raises(SaladError, match="5 frames for 6 characters"):
        ctc_forced_align(log_probs, [1, 1, 1, 2], 0)


def test_ctc_words_are_those_of_the_slow_viterbi(ctc_name):
    text = "Hello,  wörld — it’s 42 (or SO)."
    samples, rate, _ = spoken("Hello world, it is forty two, or so, and then some more.")
    words = align_one(open_aligner(ctc_name), samples, rate, text)

    folder = ctc_name.removeprefix("ctc:")
    heard = resample(samples, rate, RATE)
    normal = (heard - heard.mean()) / np.sqrt(heard.var() + 1e-7)
    normal = np.pad(normal, (0, -len(normal) % (RATE // 2)))  # to half seconds
    with torch.inference_mode():
        logits = Wav2Vec2ForCTC.from_pretrained(folder).eval()(torch.from_numpy(normal)[None]).logits[0]
    log_probs = np.pad(logits[: len(heard) // 320].log_softmax(-1).double().numpy(), [(0, 0), (0, 1)])
    spelled = ["hello", "world", "it's", "*", "or", "so"]
    ids = {letter: len(SPECIAL) + index for index, letter in enumerate(LETTERS)} | {"|": 4, "*": log_probs.shape[1] - 1}
    written = "|".join(spelled)
    targets = [ids[letter] for letter in written]
    spans = spans_of(viterbi(log_probs, targets, 0), log_probs, targets)
    second = 0.02

    assert [word.word for word in words] == text.split()
    assert [word.start is None for word in words] == [False, False, True, False, True, False, False]
    assert all(word.start == word.end == word.score for word in words if word.start is None)
    begin = 0
    timed = iter([word for word in words if word.start is not None])
    for letters in spelled:
        part = spans[begin : begin + len(letters)]
        begin += len(letters) + 1
        if letters == "*":
            continue
        word = next(timed)
        assert (word.start, word.end) == pytest.approx((part[0][0] * second, part[-1][1] * second))
        frames = [end - start for start, end, _ in part]
        mean = sum(n * span[2] for n, span in zip(frames, part, strict=True)) / sum(frames)
        assert word.score == pytest.approx(math.exp(mean), rel=1e-3)
        assert 0 <= word.score <= 1


def test_ctc_takes_the_case_from_the_vocabulary(ctc_name, tmp_path):
    samples, rate, _ = spoken(SENTENCES[0])
    upper = open_aligner(f"ctc:{save_ctc_model(tmp_path, LETTERS.upper())}")
    lower = open_aligner(ctc_name)
    assert align_one(upper, samples, rate, SENTENCES[0]) == align_one(lower, samples, rate, SENTENCES[0])


def test_ctc_says_why_a_text_does_not_fit(ctc_name):
    samples, rate, _ = spoken("Hello.")
    aligner = open_aligner(ctc_name)
    with pytest.raises(SaladError, match="shorter than its text"):
        align_one(aligner, samples, rate, SENTENCES[0])
    with pytest.raises(SaladError, match="shorter than its text: 5 frames for 8"):
        align_one(aligner, samples[:100], rate, "hello o")
    with pytest.raises(SaladError, match="can write no word"):
        align_one(aligner, samples, rate, "1984 — 日本")


def test_what_is_no_ctc_model_is_refused(tmp_path):
    pieces = [f"{first}{second}" for first in "abcdefgh" for second in "xyz"]
    with pytest.raises(SaladError, match="pieces of words"):
        open_aligner(f"ctc:{save_ctc_model(tmp_path / 'pieces', [*'abcdefgh', *pieces])}")
    with pytest.raises(SaladError, match="lacks weights of a CTC model: lm_head"):
        open_aligner(f"ctc:{save_ctc_model(tmp_path / 'headless', LETTERS, Wav2Vec2Model)}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(SaladError, match="cannot be loaded as a CTC model"):
        open_aligner(f"ctc:{tmp_path / 'empty'}")
    with pytest.raises(SaladError, match="does not exist"):
        open_aligner(f"ctc:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("name", ["", "ctc", "ctc:", "sphinx:model", "mfa", ":x"])
def test_an_unknown_aligner_is_refused(name):
    with pytest.raises(SaladError, match="names no aligner"):
        open_aligner(name)


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3"])
def test_sphinx_finds_the_times_that_espeak_reports(sphinx, voice):
    starts, ends = [], []
    for text in SENTENCES:
        samples, rate, truth = spoken(text, voice)
        words = align_one(sphinx, samples, rate, text)
        assert [word.word for word in words] == text.split()
        for word, following in pairwise(words):
            assert word.start < word.end <= following.start
        assert words[-1].end <= len(samples) / rate + 0.02
        timed = [(word, known) for word, known in zip(words, truth, strict=True) if known.start is not None]
        starts += [abs(word.start - known.start) for word, known in timed]
        ends += [abs(word.end - known.end) for word, known in timed]
    # measured: medians of 6 and 7 ms, starts within 20 ms in nine of ten words
    assert np.median(starts) < 0.015
    assert np.median(ends) < 0.015
    assert np.quantile(starts, 0.9) < 0.05


def test_sphinx_pronounces_what_is_not_in_the_dictionary(sphinx):
    text = "The $5, 1984 well-known naïve “NASA’s” — U.S. café re-Zbigniewed, don't 3.14 mañana."
    samples, rate, truth = spoken(text)
    words = align_one(sphinx, samples, rate, text)
    assert [word.word for word in words] == text.split()
    assert [index for index, word in enumerate(words) if word.start is None] == [text.split().index("—")]
    errors = [
        abs(word.start - known.start)
        for word, known in zip(words, truth, strict=True)
        if None not in (word.start, known.start)
    ]
    assert np.median(errors) < 0.03


def test_sphinx_aligns_a_row_as_if_it_were_the_first():
    fresh, used = open_aligner("sphinx"), open_aligner("sphinx")
    samples, rate, _ = spoken(SENTENCES[0])
    whisper = "Zbigniew hears nothing but whispers."
    align_one(used, *spoken(whisper, "en-us+whisper")[:2], whisper)
    assert align_one(fresh, samples, rate, SENTENCES[0]) == align_one(used, samples, rate, SENTENCES[0])


@pytest.mark.slow
def test_sphinx_finds_the_way_through_a_minute_of_speech(sphinx):
    text = " ".join(SENTENCES * 3)
    samples, rate, truth = spoken(text)
    assert len(samples) / rate > 60
    words = align_one(sphinx, samples, rate, text)
    errors = [abs(w.start - t.start) for w, t in zip(words, truth, strict=True) if t.start is not None]
    assert np.median(errors) < 0.015


def test_sphinx_says_why_a_text_does_not_fit(sphinx):
    samples, rate, _ = spoken("Hello.")
    with pytest.raises(SaladError, match="no way through 0.10 s of audio for 13 words"):
        align_one(sphinx, samples[: rate // 10], rate, SENTENCES[0])
    with pytest.raises(SaladError, match="no word with a letter"):
        align_one(sphinx, samples, rate, "— …")


def test_sphinx_names_the_words_that_it_cannot_pronounce(sphinx):
    samples, rate, _ = spoken("Hello there.")
    with pytest.raises(SaladError, match="cannot be pronounced in English phones: привет!, 日本\n"):
        align_one(sphinx, samples, rate, "日本 there привет!")


@pytest.mark.slow
def test_a_word_without_a_pronunciation_is_marked_and_its_neighbours_are_placed(sphinx):
    errors = []
    for text in SENTENCES:
        samples, rate, _ = spoken(text)
        known = align_one(sphinx, samples, rate, text)
        words = text.split()
        for place in range(1, len(words) - 1):
            if len(words[place]) < 4:
                continue
            marked = align_one(sphinx, samples, rate, " ".join([*words[:place], "日本", *words[place + 1 :]]))
            assert [word.start is None for word in marked] == [index == place for index in range(len(words))]
            errors += [abs(marked[place - 1].end - known[place - 1].end)]
            errors += [abs(marked[place + 1].start - known[place + 1].start)]
    assert np.median(errors) <= 0.02
    assert np.quantile(errors, 0.9) <= 0.1


@pytest.mark.slow
def test_sphinx_scores_tell_a_text_from_another():
    aligner = open_aligner("sphinx")
    right, wrong = [], []
    for text, other in zip(SENTENCES, [*SENTENCES[1:], SENTENCES[0]], strict=True):
        samples, rate, _ = spoken(text)
        for of, said in ((right, text), (wrong, other)):
            (found,) = aligner.align([Recording(samples, rate, said)])
            if not isinstance(found, SaladError):
                of.append(found.score)
    assert len(right) == len(SENTENCES) and min(right) >= LOW_SCORE
    assert sum(score < LOW_SCORE for score in wrong) >= len(wrong) - 1
    (unasked,) = open_aligner("sphinx", scored=False).align([Recording(samples, rate, SENTENCES[-1])])
    assert unasked.score is None


@pytest.mark.parametrize("masked", [False, True])
def test_a_recording_has_the_same_times_alone_and_in_a_batch(masked, tmp_path, monkeypatch):
    name = f"ctc:{save_ctc_model(tmp_path, masked=masked)}"
    recordings = [Recording(*spoken(text)[:2], text) for text in [*SENTENCES, "Hello.", SENTENCES[0], "Go home."]]
    alone = open_aligner(name)
    monkeypatch.setitem(emissions.SECONDS_PER_BATCH, "cpu", 240.0)
    batched = open_aligner(name)
    heard = [(recording.samples, recording.sample_rate) for recording in recordings]
    for one, of_batch in zip(alone._reader.read(heard), batched._reader.read(heard), strict=True):
        assert one.seconds_per_frame == of_batch.seconds_per_frame == 0.02
        torch.testing.assert_close(one.log_probs, of_batch.log_probs, rtol=0, atol=1e-4)
    lengths = [len(samples) * RATE // rate for samples, rate in heard]
    windows = [window for place, length in enumerate(lengths) for window in batched._reader._windows(place, length)]
    assert max(map(len, batched._reader._batches(windows))) >= 2  # there are recordings of one length
    one_by_one = [alone.align([recording])[0] for recording in recordings]
    for one, of_batch in zip(one_by_one, batched.align(recordings), strict=True):
        assert [(w.word, w.start, w.end) for w in one.words] == [(w.word, w.start, w.end) for w in of_batch.words]
        assert one.score == pytest.approx(of_batch.score, rel=1e-3)


def test_windows_of_long_audio_give_the_frames_of_the_whole(tmp_path):
    folder = save_ctc_model(tmp_path, masked=True, layers=0)  # hears 5 s and less, so windows can be exact
    Wav2Vec2FeatureExtractor(return_attention_mask=True, do_normalize=False).save_pretrained(folder)
    reader = open_aligner(f"ctc:{folder}")._reader
    for seconds in (30.0, 30.3, 71.7, 90.0):
        noise = np.random.default_rng(1).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
        (found,) = reader.read([(noise, RATE)])
        assert len(noise) // 320 - len(found.log_probs) in (0, 1)
        with torch.inference_mode():
            whole = Wav2Vec2ForCTC.from_pretrained(folder).eval()(torch.from_numpy(noise)[None]).logits[0]
        last = len(whole) - 10  # behind them the windows see zeros
        torch.testing.assert_close(found.log_probs[:last], whole[:last].log_softmax(-1), rtol=0, atol=1e-4)


def spelled_out(words, frames_a_character=4, seed=0):
    """Log-probabilities of a model that is fairly sure of every character, and each word's first and last frame."""
    ids = {letter: len(SPECIAL) + index for index, letter in enumerate(LETTERS)} | {"|": 4}
    generator = torch.Generator().manual_seed(seed)
    targets, times = [0, 0], []
    for word in words:
        begin = len(targets)
        for letter in word:
            targets += [ids[letter]] * (frames_a_character - 1) + [0]
        times.append((begin, len(targets) - 1))
        targets += [4, 0]
    logits = 0.5 * torch.randn(len(targets), len(SPECIAL) + len(LETTERS), generator=generator)
    logits[torch.arange(len(targets)), torch.tensor(targets)] += 9
    return logits.log_softmax(-1), times


def test_long_audio_is_cut_where_model_and_text_agree(ctc_name, monkeypatch):
    draws = np.random.default_rng(0)
    words = ["".join(draws.choice(list("abcdefghijklmnop"), draws.integers(2, 8))) for _ in range(400)]
    log_probs, times = spelled_out(words)
    aligner = open_aligner(ctc_name)
    said = list(words)
    for place in (50, 51, 52, 200):
        said[place] = "zzz"  # not what is spoken
    emission = Emissions(log_probs, 0.02)
    whole = aligner._aligned(" ".join(said), emission)
    monkeypatch.setattr(ctc, "LARGEST_TABLE", 2 * len(log_probs) * sum(len(word) + 1 for word in said) // 6)
    cut = aligner._aligned(" ".join(said), emission)
    assert [word.word for word in cut.words] == said
    assert cut.words == whole.words
    for word, (begin, end) in zip(cut.words, times, strict=True):
        if word.word != "zzz":
            assert abs(word.start - begin * 0.02) <= 0.021 and abs(word.end - end * 0.02) <= 0.021
    with pytest.raises(SaladError, match="too few of the words recognized in it agree with its text"):
        aligner._aligned("zzz " * 400, emission)


def test_espeak_agrees_with_the_dictionary():
    dictionary = read_dictionary(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    assert dictionary["read"] == ["R EH D", "R IY D"]
    words = [word for word in dictionary if word.isalpha()][::400]
    said = espeak_pronunciations(words)
    assert None not in said
    phones = {phone for variants in dictionary.values() for variant in variants for phone in variant.split()}
    assert {phone for word in said for phone in word.split()} <= phones
    close = [
        min(abs(len(word.split()) - len(variant.split())) for variant in dictionary[spelled]) <= 1
        for spelled, word in zip(words, said, strict=True)
    ]
    assert np.mean(close) > 0.9


def test_what_espeak_would_guess_has_no_pronunciation():
    assert espeak_pronunciations(["日本", "привет", "θ", "नमस्ते", "٣"]) == [None] * 5
    assert espeak_pronunciations(["Nguyễn", "②"]) == espeak_pronunciations(["Nguyen", "2"])
    assert arpabet_of_ipa("h_ə_l_ˈoʊ w_ˈɜː_l_d") == "HH AH L OW W ER L D"
    assert arpabet_of_ipa("y_ø") is None
    assert arpabet_of_ipa("") is None
