from saladkit.reporting.charts.canvas import Box, Canvas, LegendEntry, printable, shortened, text_width


def test_text_is_cut_at_the_width_that_it_has():
    text = "paris, rome, athens, lisbon"
    assert shortened(text, text_width(text)) == text
    cut = shortened(text, 100)
    assert cut.endswith("…") and text.startswith(cut[:-1]) and text_width(cut) <= 100
    assert shortened("paris, rome", text_width("paris, r…") - 1) == "paris…"
    assert text_width(text, bold=True) > text_width(text)


def test_columns_share_a_box():
    assert Box(10, 5, 430).columns(2) == [Box(10, 5, 200), Box(240, 5, 200)]


def test_a_legend_breaks_into_rows_that_fit():
    entries = [
        LegendEntry("an entry", "grey"),
        LegendEntry("another", "ink", "upright"),
        LegendEntry("last", "soft", "dotted"),
    ]
    assert Canvas("x", 800).legend(Box(0, 0, 800), entries) == 22
    assert Canvas("x", 120).legend(Box(0, 30, 120), entries) == 30 + 3 * 22


def test_control_characters_become_spaces():
    assert printable("a\x00b\nc\x1bd é漢") == "a b c d é漢"
