"""Layouts that are drawn ahead."""

from saladkit.formats.words import Word
from saladkit.rows.layouts import draw_layouts
from saladkit.rows.tokens import tokenize
from saladkit.settings.shared import Interleaving

SPANS = Interleaving(text_words=(2, 5), speech_words=(2, 5))


def drawn(tokenizer, id_, text, seed=0):
    words = [Word(word, place / 2, place / 2 + 0.4) for place, word in enumerate(text.split())]
    return draw_layouts(id_, tokenize(tokenizer, text), words, SPANS, 3, seed)


def test_rows_and_the_pieces_of_a_row_have_draws_of_their_own(tokenizer):
    one, other = "the tomato is red " * 10, "a lemon is sour " * 10
    first = drawn(tokenizer, "row", one)
    assert len({str(layout) for layout in first}) == 3
    assert first == drawn(tokenizer, "row", one)
    for changed in (
        drawn(tokenizer, "row", other),
        drawn(tokenizer, "else", one),
        drawn(tokenizer, "row", one, seed=1),
    ):
        assert not {str(layout) for layout in first} & {str(layout) for layout in changed}
