"""The page and its picture: what it says, draws and plays, and what it needs."""

import re
import sys
from base64 import b64decode

from written_run import (
    ITEMS,
    SETTINGS,
    SUBJECTS,
    tone,
    write_run,
)

from saladkit.stages.report import report


def headline(page):
    return re.search(r"<h1>(.*?)</h1>", page)[1].replace("\u00a0", " ")


def test_the_two_losses_are_not_drawn_as_one(page):
    stage1 = next(panel for panel in page.split('class="panels"')[1].split("<h3>") if panel.startswith("Stage I<"))
    distillation, lexical = re.findall(r'class="curve s0( dashed)?" points="([^"]*)"', stage1)
    assert (distillation[0], len(distillation[1].split())) == ("", 3)
    assert (lexical[0], len(lexical[1].split())) == (" dashed", 1)


def test_headline_says_the_main_result(page):
    begin = "On subjects it had never heard, the model went from 25.0 % right to 75.0 % with Stage II active"
    assert headline(page) == f"{begin}; with Stage II uniform at the same budget, to 50.0 %."
    assert "cannot tell the two apart" in page


def test_everything_is_escaped(page):
    assert "<title>A &lt;small&gt; run &amp; more</title>" in page
    assert "The &lt;i&gt;answer&lt;/i&gt;" in page and "<i>" not in page
    assert "one &amp; only" in page and "&lt;b&gt;city" in page and "<b>city" not in page


def test_page_needs_nothing_else(page):
    assert "<script" not in page and "http" not in page and "url(" not in page
    assert len(page) < 4_000_000


def test_questions_are_played_from_the_artefact(page):
    addresses = re.findall(r'<audio controls="controls" preload="none" src="data:audio/flac;base64,([^"]+)"', page)
    expected = [tone(number) for number in range(ITEMS) for _ in SUBJECTS]
    assert [b64decode(address) for address in addresses] == expected
    first = re.search(r"<article>.*?</article>", page)[0]
    assert "organs, unheard subject, voice espeak:en-us" in first


def test_regions_show_the_gap_and_what_was_chosen(page):
    assert page.index("heart, liver, lung") < page.index("paris, rome")
    assert "region 1: 2.000 nats (1.600 to 2.400), 6 probes" in page
    assert "chosen-active: 4 texts" in page and "chosen-uniform: 2 texts" in page
    assert "texts in chosen-active (Stage II active)" in page


def test_picture_is_drawn(finished):
    assert (finished[0] / "report.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_there_is_no_picture_and_a_note(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report(run, run / "report.html", **SETTINGS)
    assert "matplotlib is missing" in capsys.readouterr().err
    assert not (run / "report.png").exists() and (run / "report.html").exists()


def test_without_a_contrast_the_last_result_stands_against_the_first(run):
    summary = report(run, run / "report.html", **SETTINGS | {"contrast": None})
    assert "active_minus_uniform" not in summary and summary["active_minus_stage1"]["points"] == 50
    said = headline((run / "report.html").read_text())
    assert said.endswith("went from 25.0 % right to 75.0 % with Stage II active.")


def test_one_result_of_heard_subjects_alone(tmp_path):
    write_run(tmp_path, subjects={"capitals": True, "dishes": True})
    summary = report(tmp_path, tmp_path / "o.html", **SETTINGS | {"contrast": None, "results": SETTINGS["results"][:1]})
    assert summary["stage1"]["unheard_subjects"] is None and summary["stage1"]["heard_subjects"]["items"] == 8
    said = headline((tmp_path / "o.html").read_text())
    assert said == "On spoken questions, the model answers 50.0 % of the questions by ear."
