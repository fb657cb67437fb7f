"""Public corpora in the shape in which they are published: their recordings, texts, ids and speakers."""

import codecs
import logging
import shutil

import numpy as np
import pytest
from foreign_sources import (
    kaldi,
    librispeech,
    ljspeech,
    mls,
    spontaneous,
    text_beside,
    vctk,
    write_long,
    write_wav,
)

from saladkit.errors import SaladError
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row, seconds_of_row


def read(source, needed=("text", "audio"), **settings):
    return read_samples(source, needed=list(needed), **settings).to_pylist()


CORPORA = {
    "Common Voice Spontaneous Speech": (spontaneous, "ss-corpus-en.tsv", "spontaneous-speech-en-{0}", "somebody"),
    "LJSpeech": (ljspeech, "metadata.csv", "LJ001-{1:04d}", None),
    "VCTK": (vctk, None, "p225_{1:03d}", "p225"),
    "MLS": (mls, "transcripts.txt", "4800_10003_{0:06d}", "4800"),
    "Kaldi": (kaldi, "wav.scp", "s1-{2}", "s1"),
}


@pytest.mark.parametrize("kind", list(CORPORA))
def test_a_corpus_as_it_is_published(kind, spoken, tmp_path):
    lay_out, table, id_, speaker = CORPORA[kind]
    source = lay_out(tmp_path / "corpus", spoken)
    rows = read(source)
    assert [row["text"] for row in rows] == [one.text for one in spoken]
    assert [row["id"] for row in rows] == [id_.format(at, at + 1, one.name) for at, one in enumerate(spoken)]
    assert {row.get("speaker") for row in rows} == {speaker}
    for row, one in zip(rows, spoken, strict=True):
        samples, rate = decode_row(row, "x")
        assert rate == one.rate and np.array_equal(samples, one.samples)
        assert row.get("duration") in (None, pytest.approx(seconds_of_row(row, "x"), abs=1e-3))
    heard = read(source, needed=["audio"], optional=[])
    assert {row["id"] for row in rows} <= {row["id"] for row in heard}  # frames of `cache-speech` join the texts
    assert [row["text"] for row in read(source, needed=["text"], optional=[])] == [one.text for one in spoken]
    assert len(read(source, limit=2)) == 2
    if table is not None:
        assert read(source / table) == rows


def test_recordings_without_a_text_are_told_of(spoken, tmp_path, caplog):
    read(vctk(tmp_path / "vctk", spoken))
    read(spontaneous(tmp_path / "spontaneous", spoken))
    said = "\n".join(caplog.messages)
    assert "1 recordings have no text, and are left out; the first is 'p315/p315_001'" in said
    assert "1 texts have no recording, and are left out; the first is 'p362/p362_002'" in said
    assert "1 recordings have no transcription, and are left out" in said


def test_ids_do_not_depend_on_what_is_read(spoken, tmp_path):
    source = librispeech(tmp_path, spoken)
    heard = [row["id"] for row in read(source, needed=["audio"], optional=[])]
    assert heard == [row["id"] for row in read(source)]


def test_ljspeech_has_two_texts_and_forms_of_its_own(spoken, tmp_path):
    source = ljspeech(tmp_path, spoken)
    normalized = read(source, names=ColumnNames(text="normalized_text"))
    assert [row["text"] for row in normalized] == [one.text.lower() for one in spoken]
    (source / "metadata.csv").write_text('wavs/LJ001-0001.wav|He said, "no; one, two."\nLJ001-0002|Yes.\n')
    assert [(row["id"], row["text"]) for row in read(source)] == [
        ("LJ001-0001", 'He said, "no; one, two."'),
        ("LJ001-0002", "Yes."),
    ]
    (source / "metadata.csv").write_text("audio_file|text|speaker_name\nwavs/LJ001-0001.wav|Yes.|Anna\n")
    (row,) = read(source, optional=["speaker"])
    assert (row["id"], row["text"], row["speaker"]) == ("LJ001-0001", "Yes.", "Anna")
    (source / "metadata.csv").write_text("LJ001-0001|Yes.\nLJ001-0002|No.\n")
    shutil.copytree(tmp_path, tmp_path / "by_book" / "female" / "mary")
    (tmp_path / "metadata.csv").unlink()
    assert [row["id"] for row in read(tmp_path)] == [
        "by_book/female/mary/LJ001-0001",
        "by_book/female/mary/LJ001-0002",
    ]


def test_vctk_of_other_versions(spoken, tmp_path):
    source = vctk(tmp_path, spoken)
    (source / "wav48_silence_trimmed" / "p225" / "p225_002_mic1.flac").unlink()
    assert np.allclose(decode_row(read(source)[1], "x")[0], spoken[1].samples / 2, atol=1e-4)  # the other microphone
    older = tmp_path / "older"
    for speaker in ("a", "b"):  # names that do not begin with the speaker
        write_wav(older / "wav48" / speaker / "001.wav", spoken[0].samples, spoken[0].rate)
        (older / "txt" / speaker).mkdir(parents=True)
        (older / "txt" / speaker / "001.txt").write_text(speaker)
    assert [(row["id"], row["text"], row["speaker"]) for row in read(older)] == [
        ("a/001", "a", "a"),
        ("b/001", "b", "b"),
    ]


def test_mls_by_its_split(spoken, tmp_path):
    mls(tmp_path / "mls_polish" / "dev", spoken)
    assert len(read(tmp_path / "mls_polish")) == 3
    mls(tmp_path / "mls_polish" / "test", spoken)
    with pytest.raises(SaladError, match="several splits: dev, test") as raised:
        read(tmp_path / "mls_polish")
    assert raised.value.fix.endswith("mls_polish/dev.")


def test_kaldi_without_segments_and_to_the_end(spoken, tmp_path):
    folder = kaldi(tmp_path, spoken)
    (start, _) = write_long(folder / "long.flac", spoken)[2]
    (folder / "segments").write_text(f"s1-three rec1 {start:.6f} -1\n")
    (folder / "text").write_text(f"s1-three\t{spoken[2].text}\n")
    (row,) = read(folder)
    assert (row["text"], row["duration"]) == (spoken[2].text, None)
    assert np.array_equal(decode_row(row, "x")[0], spoken[2].samples)
    (folder / "segments").unlink()
    (folder / "text").write_text("rec1 everything\n")
    (folder / "utt2dur").write_text("rec1 7.5\n")
    (row,) = read(folder)
    assert (row["id"], row["text"], row["duration"], row["speaker"]) == ("rec1", "everything", 7.5, None)


def test_commands_of_kaldi_are_never_run(spoken, tmp_path, caplog):
    folder = kaldi(tmp_path, spoken)
    with open(folder / "wav.scp", "a") as stream:
        stream.write(f"rec2 touch {tmp_path}/ran; cat {folder}/long.flac |\nrec3 data/raw.ark:17\n")
    with open(folder / "segments", "a") as stream:
        stream.write("s2-x rec2 0 1\ns3-x rec3 0 1\n")
    with open(folder / "text", "a") as stream:
        stream.write("s2-x x\ns3-x x\n")
    rows = read_samples(folder, needed=["text", "audio"], lacking=["audio"]).to_pylist()
    assert [row["audio"] is None for row in rows] == [False] * 3 + [True] * 2
    assert "line 2: rec2 is a command or a place in an archive, which is never run" in caplog.text
    assert "2 of 3 lines" in caplog.text
    assert not (tmp_path / "ran").exists()


def test_transcripts_with_tabs(spoken, tmp_path):
    source = librispeech(tmp_path, spoken)
    (texts,) = source.rglob("*.trans.txt")
    expected, written = read(source), texts.read_text()
    for separator, newline in (("\t", "\n"), ("  ", "\n"), (" \t", "\r\n")):
        lines = [line.replace(" ", separator, 1) for line in written.splitlines()]
        texts.write_bytes((newline.join(lines) + newline).encode())
        assert read(source) == expected


@pytest.mark.parametrize(
    "stored, text",
    [
        ('"""Well,"" she said."', '"Well," she said.'),
        ('"""Well."""', '"Well."'),
        ('""Well,"" she said.', '"Well," she said.'),
        ('She said ""well"" twice.', 'She said "well" twice.'),
        ('"Well."', '"Well."'),
        ('"Well," she said.', '"Well," she said.'),
        ('"So it goes', '"So it goes'),
        ('"', '"'),
    ],
)
def test_quotes_of_common_voice(stored, text, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "validated.tsv").write_text(f"client_id\tpath\tsentence\nx\ta.mp3\t{stored}\n")
    assert [row["text"] for row in read(tmp_path)] == [text]


TABLES = {
    "semicolons": ("file_name;text\na.wav;Café, naïve\n", "utf-8", "read as utf-8 with ';'"),
    "semicolons and cp1252": ('file_name;text\na.wav;"Café, naïve"\n', "cp1252", "read as cp1252 with ';'"),
    "commas and cp1252": ('file_name,text\na.wav,"Café, naïve"\n', "cp1252", "read as cp1252 with ','"),
    "tabs and UTF-16": ("file_name\ttext\na.wav\tCafé, naïve\n", "utf-16", r"read as utf-16 with '\t'"),
    "commas and UTF-16 of the other order": (
        '\ufefffile_name,text\na.wav,"Café, naïve"\n',
        "utf-16-be",
        "read as utf-16 with ','",
    ),
    "UTF-16 without a mark": ('file_name,text\na.wav,"Café, naïve"\n', "utf-16-le", "read as utf-16-le with ','"),
    "LJSpeech's bars": ("a|Café, naïve\n", "cp1252", "is not UTF-8, and is read as cp1252"),
    "LJSpeech in UTF-16": ("a|Café, naïve\n", "utf-16", None),
    "spaces around names": ('file_name , text\na.wav,"Café, naïve"\n', "utf-8", None),
    "UTF-8 with a mark": ('\ufefffile_name,text\na.wav,"Café, naïve"\n', "utf-8", None),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_metadata_as_spreadsheets_save_it(kind, tmp_path, caplog):
    content, encoding, said = TABLES[kind]
    (tmp_path / "wavs").mkdir()
    (tmp_path / "metadata.csv").write_bytes(content.encode(encoding))
    with caplog.at_level(logging.WARNING):
        assert [(row["id"], row["text"]) for row in read(tmp_path)] == [("a", "Café, naïve")]
    assert len(caplog.messages) == (said is not None)
    assert said is None or said in caplog.text


def test_texts_in_utf_16(spoken, tmp_path):
    source = text_beside(tmp_path, spoken)
    expected = read(source)
    for path in source.rglob("*.txt"):
        path.write_bytes(codecs.BOM_UTF16_BE + path.read_text(encoding="utf-8-sig").encode("utf-16-be"))
    assert read(source) == expected
