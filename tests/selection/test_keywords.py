"""Keywords say what a region is about: no function words, in any language, though some regions have more of them."""

import random
import unicodedata

import pytest

from saladkit.selection.keywords import keywords

TOPICS = {
    "people": ("novelist", "painter", "general", "poet", "statesman", "composer"),
    "plants": ("shrub", "perennial", "leaves", "flowers", "bulb", "tropical"),
    "birds": ("plumage", "wader", "songbird", "nest", "beak", "feathers"),
    "law": ("court", "contract", "plaintiff", "statute", "lawsuit", "judge"),
    "music": ("melody", "violin", "chord", "tempo", "orchestra", "flute"),
    "sea": ("tide", "harbour", "schooner", "anchor", "sailor", "reef"),
    "body": ("artery", "muscle", "kidney", "bone", "nerve", "liver"),
    "food": ("pastry", "sauce", "dough", "roasted", "cheese", "soup"),
}
ENGLISH = (
    "a {0} of the {1} or a {2} that is in his {3}",
    "the {0} who had been a {1} and with which he was the {2}",
    "any of several {0} or {1} for use as a {2}; it was not her {3}",
    "to be in the {0} and his {1}, or from its {2} by the {3}",
)
FRENCH = (
    "le {0} de la {1} ou un {2} qui est dans son {3}",
    "la {0} que les {1} ont avec une {2} pour le {3}",
    "il est un {0} et sa {1}, ou des {2} sur les {3}",
)
OF_PEOPLE = {ENGLISH: "he and his {0} or her {1}", FRENCH: "il est avec son {0} et sa {1}"}  # "his" is common there


def regions_of(sentences, texts_per_region, seed=0):
    """Texts of each topic."""
    drawn = random.Random(seed)
    found = []
    for topic, words in TOPICS.items():
        texts = [drawn.choice(sentences).format(*drawn.sample(words, 4)) for _ in range(texts_per_region)]
        if topic == "people":
            texts += [OF_PEOPLE[sentences].format(*drawn.sample(words, 2)) for _ in range(texts_per_region)]
        found.append(texts)
    return found


@pytest.mark.parametrize("texts_per_region", [30, 300, 3000])
@pytest.mark.parametrize("sentences", [ENGLISH, FRENCH])
def test_function_words_are_no_keywords(sentences, texts_per_region):
    found = keywords(regions_of(sentences, texts_per_region))
    assert [set(words) for words in found] == [set(topic) for topic in TOPICS.values()]


def test_a_word_of_few_regions_goes_before_one_of_more():
    sea = ["the tide and the water", "the water in the harbour", "the tide in the harbour", "the water"]
    others = [
        ["the sauce and the water", "the dough"],
        ["the court", "the judge"],
        ["the bone in it"],
        ["the chord in it"],
        ["the nest in it"],
    ]
    found = keywords([sea, *others], count=3)
    assert found[0] == ["harbour", "tide", "water"]
    assert found[2] == ["court", "judge"]


@pytest.mark.parametrize(
    "regions, expected",
    [
        (
            [["the oboe and the flute", "the flute of wood"], ["the comet and the moon", "the moon of ice"]],
            ["flute", "moon"],
        ),
        (
            [["他的音乐在这里", "音乐和她的歌"], ["他的医院在这里", "医院和她的药"], ["他的法院在这里", "法院"]],
            ["音乐", "医院", "法院"],
        ),
        ([["ピアノとギターの音", "ギター"], ["タクシーとバスの駅", "タクシー"]], ["ギター", "タクシー"]),
        ([["यह संगीत है", "संगीत और वीणा"], ["यह चंद्रमा है", "चंद्रमा और तारे"]], ["संगीत", "चंद्रमा"]),
        ([[unicodedata.normalize("NFD", "le café"), "le café"], ["le thé", "le THÉ"]], ["café", "thé"]),
        ([["O'Brien's 1999 x y", "brien"], ["42"]], ["brien", None]),
    ],
)
def test_words_of_every_script(regions, expected):
    assert [words[0] if words else None for words in keywords(regions)] == expected


def test_regions_that_do_not_differ_have_none():
    assert keywords([["the moon", "a sea"]] * 3) == [[], [], []]
    assert keywords([["the moon"], []]) == [["moon", "the"], []]
