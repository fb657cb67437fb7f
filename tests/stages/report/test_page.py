"""The page and its pictures: texts, charts and audio, and the files that the page needs."""

import json
import re
import shutil
import sys
from base64 import b64decode
from xml.etree import ElementTree

import pytest
from written_run import (
    ITEMS,
    SETTINGS,
    SUBJECTS,
    predictions,
    questions,
    tone,
    write_results,
    write_run,
)

from saladkit.errors import SaladError
from saladkit.settings.report import ReportSettings
from saladkit.stages.report import report


def headline(page):
    return re.search(r"<h1>(.*?)</h1>", page)[1].replace("\u00a0", " ")


def test_the_two_losses_have_curves_of_their_own(page):
    chart = drawing(page, "Training", "wide")
    ends = {"distillation": "0.5 at step 40", "lexical": "7 at step 10"}
    for loss, end in ends.items():
        assert f"<title>Stage I, {loss} loss: {end}</title>" in chart


def drawing(page, section, width):
    """The chart of a section, as the wide or as the narrow page shows it."""
    after = page[page.index(f"<h2>{section}</h2>") :]
    return re.search(f'<svg class="{width}".*?</svg>', after, re.DOTALL)[0]


def test_headline_says_the_main_result(page):
    begin = "On subjects without natural speech, accuracy on spoken questions went from 25.0 % (Stage I) to 75.0 %"
    assert headline(page) == f"{begin} (Stage II active). Stage II uniform reached 50.0 % with the same speech budget."
    assert "cannot tell the two apart" in page


def test_everything_is_escaped(page):
    assert "<title>A &lt;small&gt; run &amp; more</title>" in page
    assert "The &lt;i&gt;answer&lt;/i&gt;" in page and "<i>" not in page
    assert "one &amp; only" in page and "&lt;b&gt;city" in page and "<b>city" not in page


def test_every_name_is_escaped(tmp_path):
    write_run(
        tmp_path,
        subjects={'capitals <b>&"': True, "organs' $x_1$ \x0b": False},
        keywords=(("$a^2$", "</svg>"), ("</title>",)),
    )
    results = tuple(result.replace("stage1=", "<u>one</u>=") for result in SETTINGS["results"])
    title = '</title></style>"><script>'
    changes = {"results": results, "title": title, "contrasts": (("stage2_active", "<u>one</u>"),)}
    report(tmp_path, tmp_path / "report.html", ReportSettings(**SETTINGS | changes))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for markup in ("<b>", "<u>", "<script>", "</title></style>"):
        assert markup not in page
    assert page.count("</svg>") == page.count("<svg ") and page.count("</style>") == 1
    subjects = drawing(page, "Accuracy by subject", "wide")
    assert "capitals &lt;b&gt;&amp;" in subjects and "$x_1$" in subjects, "no formula, and no control character"
    assert "$a^2$, &lt;/svg&gt;" in drawing(page, "Where the gap is, and what was selected", "narrow")


def test_page_needs_nothing_else(page):
    assert "<script" not in page and "http" not in page and "url(" not in page
    scripts = re.findall("(?i)<script[^>]*>", page)  # in any spelling: its own code, and the map's data
    assert scripts == ['<SCRIPT type="application/json" id="map-data">', '<SCRIPT type="module">']
    assert re.findall("(?i)http.{7}", page) == ["HTTP-EQUIV="]  # the content security policy, and no address
    assert "src=" not in re.sub(r'src="data:', "", page) and "href=" not in page
    assert len(page) < 4_000_000


def test_questions_are_played_from_the_artefact(page):
    addresses = re.findall(r'<audio controls="controls" preload="none" src="data:audio/flac;base64,([^"]+)"', page)
    expected = [tone(number) for number in range(ITEMS) for _ in SUBJECTS]
    assert [b64decode(address) for address in addresses] == expected
    first = re.search(r"<article>.*?</article>", page, re.DOTALL)[0]
    assert "organs, unheard subject, voice espeak:en-us" in first
    answers = re.findall(r"<li( class=\"right\")?><span>([^<]*)</span><span class=\"votes\">(.*?)</span></li>", first)
    assert [bool(right) for right, _, _ in answers] == [True, False, False, False]
    assert [re.findall(r"</span>([^<]+)</span>", votes) for _, _, votes in answers][0] == [
        "Stage I",
        "uniform",
        "active",
    ]


def beside(page):
    """What stands below the choices of each question."""
    return [
        " ".join(re.sub("<br>", " | ", text).split())
        for text in re.findall(r'<p class="others">(.*?)</p>', page, re.DOTALL)
    ]


def test_each_question_says_what_the_text_llm_and_the_cascade_answer(page, run):
    assert beside(page)[:2] == ["The text LLM reads: one &amp; only"] * 2  # this run has no cascade
    shutil.rmtree(run / "eval-teacher")
    asked = questions("espeak:en-us")
    predicted = {
        f"questions_{modality}": predictions(asked, "original", "questions", modality, right)
        for modality, right in (("text", "1111 1111"), ("cascade", "1111 0000"))
    }
    heard = {
        "questions": [
            {"id": row["id"], "text": row["text"], "transcript": f"<i>{row['id']}", "cer": 0.5} for row in asked
        ]
    }
    task = [run / "questions"]
    write_results(run / "eval-teacher", "original", run / "lm.txt", predicted, task, transcripts=heard)
    report(run, run / "report.html", ReportSettings(**SETTINGS))
    found = beside((run / "report.html").read_text(encoding="utf-8"))
    assert len(found) == 2 * ITEMS
    cascade = "The text LLM reads: one &amp; only | Cascade, which hears “&lt;i&gt;{}”: {}"
    assert found[:2] == [cascade.format("organs-000", "two"), cascade.format("capitals-000", "one &amp; only")]


def test_regions_show_the_gap_and_what_was_chosen(page):
    assert page.index("heart, liver, lung") < page.index("paris, rome")
    assert "region 1: 2.000 nats (1.600 to 2.400), 6 probes" in page
    assert "chosen-active: 4 texts" in page and "chosen-uniform: 2 texts" in page
    assert "texts in chosen-active (Stage II active)" in page


def test_every_misalignment_has_its_spans_beside_it(page):
    text = " ".join(page.split())
    assert text.count("measured with text spans of 10-30 words, speech spans of 5-15") == 2  # of models, of regions
    assert "reliability of the regions' figures is 0.50, too low to compare single regions. ICC 0.25:" in text
    table = text[text.index("Misalignment by distance behind speech") :].split("</table>")[0]
    rows = re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td> <td>([^<]*)<small>([^<]*)', table)
    assert rows[0] == ("1", "20.0 %", "0.900", "60.0 % of all")
    assert [row[0] for row in rows] == ["1", "2", "3-4", "5-8"]  # no token is farther behind speech


@pytest.mark.parametrize(
    "section, file, marks",
    [
        # A bar for each of three models and two subjects.
        ("Accuracy by subject", "report.png", 6),
        # Two parts for each of three models, over all questions and over the unheard ones.
        ("What the gap consists of", "report-gap.png", 12),
        # The gap and two selections for each of two regions.
        ("Where the gap is, and what was selected", "report-regions.png", 6),
        # Two losses of each of three models.
        ("Training", "report-training.png", 6),
        ("Cost", "report-cost.png", 19),
    ],
)
def test_every_chart_is_in_the_page_for_two_widths_and_beside_the_page_as_a_picture(
    finished, page, section, file, marks
):
    assert (finished[0] / file).read_bytes().startswith(b"\x89PNG")
    for width in ("wide", "narrow"):
        root = ElementTree.fromstring(drawing(page, section, width))
        assert root.get("role") == "img" and root[0].tag == "title" and root[0].text
        titles = [title.text for title in root.iter("title")]
        assert len(titles) == 1 + marks and all(titles)


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_without_the_packages_of_the_extra_nothing_is_written(package, run, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    before = sorted(run.rglob("*"))
    with pytest.raises(SaladError, match=f"(?is){package}.*not installed.*pip install 'saladkit\\[report\\]'"):
        report(run, run / "report.html", ReportSettings(**SETTINGS))
    assert sorted(run.rglob("*")) == before


def test_without_a_contrast_the_last_result_is_compared_with_the_first(run):
    summary = report(run, run / "report.html", ReportSettings(**SETTINGS | {"contrasts": ()}))
    assert "active_minus_uniform" not in summary and summary["active_minus_stage1"]["points"] == 50
    said = headline((run / "report.html").read_text())
    assert said.endswith("accuracy on spoken questions went from 25.0 % (Stage I) to 75.0 % (Stage II active).")


def test_one_result_of_heard_subjects_alone(tmp_path):
    write_run(tmp_path, subjects={"capitals": True, "dishes": True})
    summary = report(
        tmp_path,
        tmp_path / "o.html",
        ReportSettings(**SETTINGS | {"contrasts": (), "results": SETTINGS["results"][:1]}),
    )
    assert summary["stage1"]["unheard_subjects"] is None and summary["stage1"]["heard_subjects"]["items"] == 8
    said = headline((tmp_path / "o.html").read_text())
    assert said == "Stage I answers 50.0 % of the spoken questions correctly."


def test_the_page_tells_what_a_selection_lacks_and_holds(run):
    path = run / "chosen-active" / "manifest.json"
    manifest = json.loads(path.read_text())
    empty = [{"region": 0, "asked": 12.4, "had": 3, "chosen": 3}, {"region": 9, "asked": 4.0, "had": 0, "chosen": 0}]
    draw = {"counted_in": "hours", "total_variation": 0.25, "expected_by_chance": 0.04, "regions_that_ran_empty": empty}
    manifest["counts"] |= {
        "draw": draw,
        "dropped_for_bad_speech": {"1": "1.60 times as long as usual"},
        "decontamination": {"chosen_texts_with_answer": {"texts": 2, "questions": 1}},
    }
    path.write_text(json.dumps(manifest))
    report(run, run / "report.html", ReportSettings(**SETTINGS))
    page = (run / "report.html").read_text(encoding="utf-8")
    notes = [note for note in re.findall(r'<p class="note">(.*?)</p>', page, re.DOTALL) if "chosen-active: " in note]
    assert len(notes) == 4
    assert notes[0].endswith("(1.60 times as long as usual).") and "bad speech" in notes[0]
    assert "(asked for 12 texts, had 3)" in notes[1] and "region 9 (asked for 4 texts, had 0)" in notes[1]
    assert "hours by region asked for and drawn: 0.25 (0.04 by chance)" in notes[2]
    assert f"2 of {manifest['counts']['rows']} chosen texts" in notes[3]
    assert not [note for note in re.findall(r'<p class="note">(.*?)</p>', page) if "chosen-uniform: " in note]
