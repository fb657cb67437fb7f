import pytest

from saladkit.reporting.markup import Markup, join, table, tag


def test_text_and_attributes_are_escaped_and_markup_is_not():
    inner = tag("b", "1 < 2 & 3")
    whole = tag("p", inner, "<script>", class_='"><script>')
    assert whole == ('<p class="&quot;&gt;&lt;script&gt;"><b>1 &lt; 2 &amp; 3</b>&lt;script&gt;</p>')
    assert isinstance(whole, Markup)


def test_nothing_is_left_out_quietly_but_none():
    assert tag("line", None, x1=0, y1=1.5, x2=2.0, stroke_width=None) == '<line x1="0" y1="1.5" x2="2"></line>'
    assert join(["a", None, Markup("<br>")]) == "a<br>"
    assert tag("meta", name="viewport") == '<meta name="viewport">'


@pytest.mark.parametrize("cell", ["<i>", Markup("<i></i>")])
def test_table_cells(cell):
    made = table(["", "n"], [["row", cell]])
    assert made.startswith('<div class="scroll" tabindex="0"><table>')
    assert '<th scope="row">row</th>' in made
    assert f"<td>{join([cell])}</td>" in made
