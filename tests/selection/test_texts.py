"""Properties of texts alone: importance, whether they can be spoken, speaking time."""

import time

import numpy as np
import pytest

from saladkit.selection.importance import log_importance
from saladkit.selection.left_out import LeftOut, leave_out_unfit
from saladkit.selection.speakable import why_unspeakable
from saladkit.selection.speaking_rate import SpeakingRate
from saladkit.settings.select import Filters


def test_importance_equals_that_of_a_slow_loop():
    """Log ratio of add-one multinomials over words and pairs; none of these few share a bucket."""
    pool, targets = ["the red fox runs", "a blue whale sings", "the fox sings"], ["the red whale runs", "a fox"]

    def grams(text):
        words = text.split()
        return [*words, *zip(words, words[1:], strict=False)]

    def log_probability(gram, texts):
        every = [g for text in texts for g in grams(text)]
        return np.log((every.count(gram) + 1) / (len(every) + 10_000))

    expected = [sum(log_probability(g, targets) - log_probability(g, pool) for g in grams(text)) for text in pool]
    np.testing.assert_allclose(log_importance(pool, targets), expected, rtol=1e-10)


def test_texts_like_the_targets_are_more_important():
    pool = ["the stock market fell and investors sold", "whales and dolphins swim in the ocean"]
    found = log_importance(pool, ["dolphins live in the ocean", "a whale swims in the sea"])
    assert found[1] > found[0]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("The moon circles the earth once a month, Dr. Smith said (in 1999).", None),
        ("Elle est née à Köln; ça va?", None),
        ("Er zahlte 3,50 Euro für zwei Brötchen.", None),
        ("月は地球のまわりを回っている。", None),
        ("चंद्रमा पृथ्वी के चारों ओर घूमता है।", None),
        ("I came;\nI saw;\nI conquered.", None),
        ("He kept the house\nfrom which he later retired:\na small one.", None),
        ("She said (and he agreed);\nthen they left.", None),
        ("See https://example.org for more.", "link"),
        ("Write to jane.doe@example.org today.", "link"),
        ("| year | sales |\n|---|---|\n| 1999 | 12 |", "table"),
        ("name\tage\tcity\nAnn\t31\tRome", "table"),
        ("for (int i = 0; i < n; i++) {\n  total += i;\n}", "code"),
        ("Use it so:\n```\nprint(1)\n```", "code"),
        ("def area(radius):\n    return 3 * radius", "code"),
        ("<div class='x'>Hello</div>", "code"),
        ("12.5 + 7 = 19.5; 100 / 3 = 33.3", "few letters"),
        ("★★★ 10/10 ★★★ !!!", "few letters"),
    ],
)
def test_texts_that_cannot_be_read_aloud_are_found(text, reason):
    assert why_unspeakable(text) == reason


@pytest.mark.parametrize("text", ["a." * 50_000, "\n" * 50_000, "a b|" * 20_000, "<a " * 30_000, "x = " * 30_000])
def test_long_texts_are_searched_quickly(text):
    """A search in quadratic time would take minutes here."""
    started = time.process_time()
    why_unspeakable(text)
    assert time.process_time() - started < 5


def test_words_are_counted_where_no_spaces_separate_them():
    texts = ["Too short.", "太阳系中最大的行星是木星。", "木星。", "A text of five words."]
    left_out = LeftOut(["a", "b", "c", "d"])
    leave_out_unfit(left_out, texts, Filters(min_words=3))
    assert left_out.allowed.tolist() == [False, True, False, True]
    assert [row["detail"] for row in left_out.listed()] == ["2 words", "1 words"]


def test_the_rate_of_speech_is_fitted():
    random = np.random.default_rng(0)
    texts = [" ".join("x" * random.integers(2, 9) for _ in range(random.integers(3, 30))) for _ in range(200)]
    exact = np.array([0.3 + 0.1 * len(t.split()) + 0.05 * len(t.replace(" ", "")) for t in texts])
    rate = SpeakingRate.fit(texts, exact)
    np.testing.assert_allclose([rate.offset, rate.per_word, rate.per_character], [0.3, 0.1, 0.05], atol=1e-8)
    np.testing.assert_allclose(rate.seconds(texts), exact)
    alike = ["abcd " * count + "e" * (count % 2) for count in range(5, 30)]  # of nearly one length a word
    rate = SpeakingRate.fit(alike, np.array([len(text.split()) for text in alike]) * 0.3 + random.normal(size=25) * 0.5)
    assert min(rate.per_word, rate.per_character) >= 0
    few = SpeakingRate.fit(texts[:5], exact[:5])
    assert few.seconds(texts[:5]).sum() == pytest.approx(exact[:5].sum())
    assert not rate.assumed and not few.assumed
    assumed = SpeakingRate.of_words(2.5)
    assert assumed.assumed and assumed.seconds(["one two three four five"]).tolist() == [2.0]
    # Scripts without spaces: 3 Chinese characters are two words, 2 kana one.
    assert assumed.seconds(
        ["太阳系中最大的行星是木星土星", "ひらがなとカタカナだ", "un café noir"]
    ).tolist() == pytest.approx([14 / 1.5 / 2.5, 10 / 2 / 2.5, 3 / 2.5])
