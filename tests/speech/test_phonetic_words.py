from saladkit.speech.voices.phonetic_words import match_words, phonetic_words, pronunciation


def timed(phonemes):
    """Each character takes a second."""
    return [(phoneme, float(place), place + 1.0) for place, phoneme in enumerate(phonemes)]


def times(words, alone, sentence):
    matched = match_words(words.split(), [pronunciation(word) for word in alone], phonetic_words(timed(sentence)))
    return [(word.start, word.end) for word in matched]


def test_pronunciations_are_bare():
    assert pronunciation("hˈaʊzᵻz, ") == ["haʊzᵻz"]
    assert pronunciation("nˈaɪntiːn ˈeɪɾi.") == ["naɪntiːn", "eɪɾi"]
    assert pronunciation(" ,!") == []


def test_pauses_belong_to_no_word_and_stress_to_its_phoneme():
    words = phonetic_words(timed("^ˈab, c."))
    assert words == [[("a", 1.0, 3.0), ("b", 3.0, 4.0)], [("c", 6.0, 7.0)]]


def test_equal_words_are_paired():
    assert times("go home", ["ɡˈoʊ", "hˈoʊm"], "ɡoʊ hˈoʊm.") == [(0.0, 3.0), (4.0, 9.0)]


def test_a_word_of_several_phonetic_words_spans_them():
    assert times("most 1984 ends", ["m", "nt eɪ f", "e"], "m nt eɪ f e") == [(0.0, 1.0), (2.0, 9.0), (10.0, 11.0)]


def test_words_spoken_as_one_are_parted_by_their_phonemes():
    assert times("stay in the rain", ["s", "ɪn", "ðə", "r"], "s ɪnðə r") == [(0, 1), (2, 4), (4, 6), (7, 8)]
    assert times("stay in the rain", ["s", "ˈɪn", "ðə", "r"], "s ɪnðɪ r") == [(0, 1), (2, 4), (4, 6), (7, 8)]


def test_words_that_lost_a_sound_have_no_times():
    assert times("stay in the rain", ["s", "ɪn", "ðə", "r"], "s ɪnə r") == [(0, 1), (None, None), (None, None), (6, 7)]


def test_nothing_spoken_gives_no_times():
    assert times("a b", ["a", "b"], "") == [(None, None)] * 2
    assert times("", [], "a b") == []
