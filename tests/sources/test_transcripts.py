"""Marks in transcripts are no words, and names of files are found in either form of Unicode."""

import unicodedata

import lhotse
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from foreign_sources import audiofolder, common_voice, librispeech, nemo, text_beside, write_lines, write_wav

from saladkit.sources import mapped_tables
from saladkit.sources.marks import is_mark, is_silence, is_unknown, without_marks
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row


def read(source, needed=("text", "audio"), **settings):
    return read_samples(source, needed=list(needed), **settings).to_pylist()


@pytest.mark.parametrize(
    "written, text",
    [
        ("AS THEY'RE LEAVING <COMMA> CAN KASH GO <PERIOD>", "AS THEY'RE LEAVING, CAN KASH GO."),
        ("REALLY <QUESTIONMARK> YES <EXCLAMATIONPOINT>", "REALLY? YES!"),
        ("well<comma> fine", "well, fine"),
        ("<COMMA> and so", "and so"),
        ("she said no. <PERIOD> Then", "she said no. Then"),
        ("[laughter] yes {BREATH} it <sil> was [vocalized-noise] <unk>", "yes it was"),
        ("so [laughter-funny] it [Background Noise] is", "so funny it is"),
        ("Thank you. (Applause)", "Thank you."),
        ("<MUSIC>", ""),
        ("<laugh>no way</laugh> <noise/> <hes> [Music playing] (sighs)", "no way"),
        ("[noise] <SIL>", ""),
        ("Press [Enter] in <b>bold</b> (or not) {x} <s>", "Press [Enter] in <b>bold</b> (or not) {x} <s>"),
        ("The noise  of laughter, sil", "The noise  of laughter, sil"),
    ],
)
def test_a_transcript_without_its_marks(written, text):
    assert without_marks(written) == text
    assert without_marks(text) == text


def test_marks_of_transcribers_and_of_tools():
    words = [
        "<COMMA>",
        "[laughter]",
        "<sil>",
        "<eps>",
        "sil",
        "SP",
        "",
        "<s>",
        "<b>",
        "<unk>",
        "spn",
        "[1]:",
        "silence",
    ]
    assert list(filter(is_mark, words)) == ["<COMMA>", "[laughter]", "<sil>", "<eps>", "<unk>"]
    assert list(filter(is_silence, words)) == words[:9]
    assert list(filter(is_unknown, words)) == ["<unk>", "spn"]


MARKED, CLEAN = "Water <COMMA> [laughter] boils <PERIOD>", "Water, boils."


def gigaspeech(folder, column="audio"):
    rows = [{"id": "a", "text": MARKED, column: "a.wav"}, {"id": "b", "text": "<MUSIC>", column: "b.wav"}]
    return write_lines(folder / "rows.jsonl", rows)


def kaldi_of(folder):
    (folder / "wav.scp").write_text("a a.wav\nb b.wav\n")
    (folder / "text").write_text(f"a {MARKED}\nb <MUSIC>\n")
    return folder


def cuts_of(folder):
    cut = {"type": "MonoCut", "start": 0.0, "duration": 1.0, "channel": 0}
    said = {"recording_id": "r", "start": 0.0, "duration": 1.0}
    recording = {"id": "r", "sampling_rate": 16000, "num_samples": 16000, "duration": 1.0, "channel_ids": [0]}
    recording["sources"] = [{"type": "file", "channels": [0], "source": "a.wav"}]
    texts = {"a": MARKED, "b": "<MUSIC>"}
    rows = [
        cut | {"id": id_, "recording": recording, "supervisions": [said | {"id": id_, "text": text}]}
        for id_, text in texts.items()
    ]
    return write_lines(folder / "cuts.jsonl", rows)


def parquet(folder):
    rows = [{"id": "a", "text": MARKED, "audio": "a.wav"}, {"id": "b", "text": "<MUSIC>", "audio": "b.wav"}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


def nemo_of(folder):
    return gigaspeech(folder, "audio_filepath")


@pytest.mark.parametrize("lay_out", [gigaspeech, nemo_of, kaldi_of, cuts_of, parquet])
def test_texts_of_recordings_have_words_alone(lay_out, tmp_path, caplog):
    source = lay_out(tmp_path)
    for needed in (("text", "audio"), ("text",)):  # the text LLM's cache needs the same texts as training
        assert [row["text"] for row in read(source, needed=needed, optional=[])] == [CLEAN]
    assert "1 rows hold no word but marks" in caplog.text and "are left out; the first is 'b'" in caplog.text


def test_texts_of_a_table_too_large_for_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_tables, "LARGE", 1)
    table = read_samples(parquet(tmp_path), needed=["text", "audio"], beside=tmp_path / "out" / "made")
    assert table.column("text").to_pylist() == [CLEAN]


def test_other_texts_stay_as_they_are(tmp_path):
    words = [{"word": word, "start": 0.0, "end": 0.1, "score": None} for word in MARKED.split()]
    tables = {
        "a pool": {"id": "a", "text": MARKED},
        "counted words": {"id": "a", "text": MARKED, "audio": "a.wav", "words": words},
        "questions": {"id": "a", "text": MARKED, "audio": "a.wav", "choices": ["x", "y"], "answer": 0},
    }
    for row in tables.values():
        (one,) = read(write_lines(tmp_path / "rows.jsonl", [row]), needed=["text"])
        assert one["text"] == MARKED


def test_lhotse_words_fit_a_text_without_marks(spoken, tmp_path):
    path = write_wav(tmp_path / "a.wav", spoken[0].samples, spoken[0].rate)
    recording = lhotse.Recording.from_file(path)
    named = [("[laughter]", 0.0), ("Water", 0.1), ("<sil>", 0.2), ("boils", 0.3), ("<COMMA>", 0.4), ("so", 0.5)]
    items = [lhotse.supervision.AlignmentItem(symbol, start, 0.1) for symbol, start in named]
    said = lhotse.SupervisionSegment(
        "a", "a", 0.0, recording.duration, text="[laughter] Water <sil> boils so", alignment={"word": items}
    )
    lhotse.CutSet.from_cuts([lhotse.MonoCut("a", 0.0, recording.duration, 0, [said], recording=recording)]).to_file(
        tmp_path / "cuts.jsonl"
    )
    (row,) = read(tmp_path / "cuts.jsonl")
    assert row["text"] == "Water boils so"
    assert [(word["word"], word["start"]) for word in row["words"]] == [("Water", 0.1), ("boils", 0.3), ("so", 0.5)]


NFC, NFD = "cafés/ñandú", unicodedata.normalize("NFD", "cafés/ñandú")


def named(folder, spoken, lay_out, stored, written):
    """The utterance in a file called `stored`, and `written` in the tables that name it."""
    source = lay_out(folder, spoken[:1])
    for path in sorted(folder.rglob("*.wav")):
        target = path.parent / f"{stored}.wav"
        target.parent.mkdir(parents=True)
        path.rename(target)
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".json", ".csv", ".tsv"):
            path.write_text(path.read_text().replace("one.wav", f"{written}.wav"), encoding="utf-8")
    return source


@pytest.mark.parametrize("stored, written", [(NFD, NFC), (NFC, NFD), (f"{NFC[:6]}{NFD[7:]}", NFD)])
@pytest.mark.parametrize("lay_out", [nemo, common_voice, audiofolder])
def test_a_file_is_found_in_either_form_of_unicode(lay_out, stored, written, spoken, tmp_path):
    (row,) = read(named(tmp_path, spoken, lay_out, stored, written))
    assert row["id"].endswith(NFC)
    assert len(decode_row(row, "x")[0]) == len(spoken[0].samples)


def test_a_text_is_found_beside_a_file_of_either_form(spoken, tmp_path):
    source = text_beside(tmp_path / "beside", spoken[:1])
    for suffix, form in ((".wav", NFD), (".txt", NFC)):
        target = source / "o" / (form.partition("/")[2] + suffix)
        (source / "o" / f"one{suffix}").rename(target)
    (row,) = read(source)
    assert (row["id"], row["text"]) == ("o/ñandú", spoken[0].text)
    assert len(decode_row(row, "x")[0]) == len(spoken[0].samples)
    other = librispeech(tmp_path / "libri", spoken[:1])
    (recording,), (texts,) = other.rglob("*.flac"), other.rglob("*.trans.txt")
    recording.rename(recording.with_name(unicodedata.normalize("NFD", "é-1-0000.flac")))
    texts.write_text("é-1-0000 Yes.\n", encoding="utf-8")
    assert [(row["id"], row["text"], row["speaker"]) for row in read(other)] == [("é-1-0000", "Yes.", "é")]


def test_a_stretch_of_a_file_of_either_form_in_our_own_rows(spoken, tmp_path):
    stored = tmp_path / f"{NFD.partition('/')[2]}.wav"
    write_wav(stored, spoken[0].samples, spoken[0].rate)
    rows = [
        {"id": "a", "text": "x", "audio": f"{NFC.partition('/')[2]}.wav#t=0.2,0.4"},
        {"id": "b", "text": "y", "audio": "größe.wav"},
        {"id": "c", "text": "z", "audio": None},
    ]
    first, second, third = read(write_lines(tmp_path / "rows.jsonl", rows), lacking=["audio"])
    assert first["audio"] == {"bytes": None, "path": f"{stored}#t=0.2,0.4"}
    assert len(decode_row(first, "x")[0]) == round(0.2 * spoken[0].rate)
    assert (second["audio"]["path"], third["audio"]) == (str(tmp_path / "größe.wav"), None)
