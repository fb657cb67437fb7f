"""`synth` on texts as they come: markup, styled and foreign letters, long texts."""

import json

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.settings.synth import SynthSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.voices.voice import open_voice
from saladkit.stages import synth as stage

VOICE = "espeak:en-us"
MARKED = {"html": "It&#39;s Tom &amp; Jerry", "both": "<p>A **bold** [word](http://x.org)</p>", "plain": "Water boils."}


def synth(rows, folder, voice=VOICE, **settings):
    """Speak rows, given as texts by id or as dicts, into `folder`/out; return summary, rows by id, and skipped rows."""
    source = folder / "rows.jsonl"
    dicts = [{"id": id_, "text": text} for id_, text in rows.items()] if isinstance(rows, dict) else rows
    source.write_text("".join(json.dumps(row) + "\n" for row in dicts))
    summary = stage.synth(str(source), folder / "out", SynthSettings(voices=(voice,), workers=1, **settings))
    made = read_samples(str(folder / "out"), needed=["audio", "text"]).to_pylist()
    skipped = Artefact.open(folder / "out", "samples").manifest["skipped"]
    return summary, {row["id"]: row for row in made}, {row["id"]: row["reason"] for row in skipped}


def heard(row):
    """Return the samples of a row as espeak-ng would give them for a text."""
    return decode_row(row, "here")[0]


def test_markup_is_stripped_from_what_is_spoken_and_read(tmp_path):
    summary, rows, skipped = synth(MARKED, tmp_path)
    texts = {id_: row["text"] for id_, row in rows.items()}
    assert texts == {"html": "It's Tom & Jerry", "both": "A bold word", "plain": "Water boils."}
    given = {id_: row["text_with_markup"] for id_, row in rows.items()}
    assert given == {"html": MARKED["html"], "both": MARKED["both"], "plain": None}
    counts = Artefact.open(tmp_path / "out", "samples").manifest["counts"]
    assert summary["rows_with_markup"] == counts["rows_with_markup"] == {"html": 2, "markdown": 1}
    assert not skipped
    assert np.array_equal(heard(rows["both"]), open_voice(VOICE).speak("A bold word").samples)
    for row in rows.values():
        assert [word["word"] for word in row["words"]] == row["text"].split()
        assert row["words"][0]["start"] == 0


def test_markup_is_kept_or_its_rows_are_skipped(tmp_path):
    (tmp_path / "keep").mkdir(), (tmp_path / "skip").mkdir()
    summary, rows, _ = synth(MARKED, tmp_path / "keep", markup="keep")
    assert {id_: row["text"] for id_, row in rows.items()} == MARKED and "text_with_markup" not in rows["html"]
    assert summary["rows_with_markup"] == {"html": 2, "markdown": 1}
    summary, rows, skipped = synth(MARKED, tmp_path / "skip", markup="skip")
    assert rows.keys() == {"plain"} and summary["left_out_by"] == {"markup": 2}
    assert skipped == {"html": "it has markup (html)", "both": "it has markup (html, markdown)"}
    with pytest.raises(SaladError, match=r"no row of .* could be spoken: it has markup \(html\)"):
        synth({"a": "&amp; so on"}, tmp_path, markup="skip")


def test_texts_without_markup_have_no_column_for_it(tmp_path):
    summary, rows, _ = synth({"a": "2 * 3 * 4 is 24", "b": "snake_case"}, tmp_path)
    assert "rows_with_markup" not in summary and "text_with_markup" not in rows["a"]


def test_choices_are_spoken_without_markup_and_stay_as_they_are(tmp_path):
    choices = [["**yes**", "no &amp; never"], ["yes", "no & never"]]
    rows = [{"id": str(i), "text": "Is it so?", "choices": choices[i]} for i in range(2)]
    _, made, _ = synth(rows, tmp_path, choices=True)
    assert [made[str(i)]["choices"] for i in range(2)] == choices
    assert made["0"]["choices_audio"] == made["1"]["choices_audio"]
    (tmp_path / "skip").mkdir()
    _, made, skipped = synth(rows, tmp_path / "skip", choices=True, markup="skip")
    assert made.keys() == {"1"} and skipped == {"0": "it has markup (html, markdown)"}


@pytest.mark.parametrize(
    "given, plain",
    [
        ("a cafe\u0301 nai\u0308ve", "a café naïve"),
        ("co\u200boperate a\ufeff", "cooperate a"),
        ("oﬃce ｆｕｌｌ 𝐛𝐨𝐥𝐝", "office full bold"),
        ("H₂O of Nguyễn", "H2O of Nguyen"),
    ],
)
def test_characters_sound_plain_and_stay_as_given(given, plain, tmp_path):
    _, rows, _ = synth({"given": given, "plain": plain}, tmp_path)
    assert rows["given"]["text"] == given
    assert np.array_equal(heard(rows["given"]), heard(rows["plain"]))
    assert [word["word"] for word in rows["given"]["words"]] == given.split()
    times = [[word["start"] for word in rows[id_]["words"]] for id_ in ("given", "plain")]
    assert times[0] == times[1] and None not in times[0]


def test_rows_that_a_voice_cannot_read_are_listed(tmp_path):
    texts = {
        "javanese": "the ꦗꦮ word",
        "cherokee": "the ᏣᎳᎩ word",
        "chinese": "say 你好 to me",
        "korean": "say 한국 to me",
        "emoji": "fine 😀 day",
        "digits": "١٢ men",
    }
    summary, rows, skipped = synth(texts, tmp_path)
    assert rows.keys() == {"korean", "emoji"}
    assert summary["left_out_by"] == {"unspeakable": 4}
    assert skipped["chinese"] == "espeak:en-us cannot read '你好' (Han)"
    assert "(Javanese)" in skipped["javanese"] and "(Cherokee)" in skipped["cherokee"]
    (tmp_path / "ja").mkdir()
    _, rows, skipped = synth({"kanji": "これは日本です", "kana": "ラーメン"}, tmp_path / "ja", voice="espeak:ja")
    assert rows.keys() == {"kana"} and "(Han)" in skipped["kanji"]


def test_a_long_text_is_one_row_with_times_to_its_end(tmp_path):
    text = "The old river runs slowly past a quiet village. " * 120 + "It ends here."
    _, rows, _ = synth({"long": text}, tmp_path, voice="espeak:en-us@450")
    (row,) = rows.values()
    assert [word["word"] for word in row["words"]] == text.split()
    timed = [word for word in row["words"] if word["start"] is not None]
    starts = [word["start"] for word in timed]
    assert starts == sorted(starts) and len(timed) > 0.9 * len(row["words"])
    assert 0 <= row["duration"] - timed[-1]["end"] < 0.05
