"""Damaged corpora and tables, through the shell."""

import pytest
from foreign_sources import kaldi, ljspeech, mls, spontaneous, vctk


@pytest.fixture
def timestamps(refused):
    """Refuse a source that `timestamps` is to read; returns (problem, fix)."""

    def run(source, **settings):
        return refused("timestamps", source, "--aligner", "sphinx", named=[source], **settings)

    return run


def replaced(name, old, new):
    """Change one text in one file of a corpus."""

    def change(folder):
        content = (folder / name).read_text()
        assert old in content
        (folder / name).write_text(content.replace(old, new, 1))

    return change


def written(name, content):
    return lambda folder: (folder / name).write_bytes(content)


DAMAGED = {
    "a line of LJSpeech without a text": (
        ljspeech,
        written("metadata.csv", b"LJ001-0001|Yes.\nLJ001-0002\n"),
        "metadata.csv, line 2, is not ID|text|normalized text",
    ),
    "a line of LJSpeech without an id": (
        ljspeech,
        replaced("metadata.csv", "LJ001-0002|", "|"),
        "metadata.csv, line 2, is not ID",
    ),
    "an empty text of LJSpeech": (
        ljspeech,
        written("metadata.csv", b"LJ001-0001||\n"),
        "row 'LJ001-0001' has an empty text",
    ),
    "a byte of no encoding": (ljspeech, written("metadata.csv", b"LJ001-0001|\x81\xff\n"), "cannot be read"),
    "two lines of LJSpeech": (
        ljspeech,
        replaced("metadata.csv", "LJ001-0002|", "LJ001-0001|"),
        "the id 'LJ001-0001' stands in 2 rows",
    ),
    "no texts of VCTK": (
        vctk,
        lambda folder: [path.unlink() for path in folder.rglob("*.txt")],
        "none of 4 recordings has a text in txt",
    ),
    "a text of VCTK in another encoding": (
        vctk,
        written("txt/p225/p225_002.txt", b"caf\xe9"),
        "p225_002.txt cannot be",
    ),
    "a line of MLS without a text": (
        mls,
        written("transcripts.txt", b"4800_10003_000000\tyes\n4800_10003_000001\n"),
        "transcripts.txt, line 2, is not SPEAKER_BOOK_NUMBER, a tab and a text",
    ),
    "a line of MLS without an id": (
        mls,
        written("transcripts.txt", b"someone said this\n"),
        "transcripts.txt, line 1, is not SPEAKER_BOOK_NUMBER",
    ),
    "a number of Common Voice": (
        spontaneous,
        replaced("ss-corpus-en.tsv", "wav\t", "wav\tlong"),
        "duration_ms is not a number",
    ),
    "a text of Kaldi is missing": (
        kaldi,
        replaced("text", "s1-two", "s1-other"),
        "1 of 3 utterances have no text, the first is s1-two",
    ),
    "a text of Kaldi is left": (
        kaldi,
        replaced("segments", "s1-two", "#"),
        "utterances have no text",
    ),
    "an utterance of Kaldi is missing": (
        kaldi,
        written("segments", b"s1-one rec1 0.5 1.0\n"),
        "text: 2 lines have no utterance, the first is s1-two",
    ),
    "a recording of Kaldi is missing": (
        kaldi,
        replaced("segments", "s1-two rec1", "s1-two rec2"),
        "segments, line 2, is of the recording rec2, which wav.scp lacks",
    ),
    "a time of Kaldi": (
        kaldi,
        written("segments", b"s1-one rec1 0.5 late\n"),
        "segments, line 1: 'late' is not a number",
    ),
    "a time that is not finite": (kaldi, written("segments", b"s1-one rec1 0.5 inf\n"), "'inf' is not a number"),
    "times of Kaldi in reverse": (kaldi, written("segments", b"s1-one rec1 1.5 1\n"), "line 1, is of 1.5 to 1 s"),
    "too few columns": (kaldi, written("segments", b"s1-one rec1 1.5\n"), "is not UTTERANCE RECORDING START END"),
    "an id alone": (kaldi, written("wav.scp", b"rec1\n"), "wav.scp, line 1, has an id and nothing else"),
    "an id twice": (kaldi, written("wav.scp", b"rec1 a.wav\nrec1 b.wav\n"), "line 2: rec1 stands on line 1 too"),
    "commands alone": (
        kaldi,
        written("wav.scp", b"rec1 flac -c -d -s long.flac |\n"),
        "wav.scp, line 1: rec1 is a command or a place in an archive, which is never run or opened: flac -c",
    ),
    "archives alone": (kaldi, written("wav.scp", b"rec1 raw.ark:17\n"), "is a command or a place in an archive"),
}


@pytest.mark.parametrize("kind", list(DAMAGED))
def test_a_damaged_corpus(kind, timestamps, spoken, tmp_path):
    lay_out, change, expected = DAMAGED[kind]
    folder = lay_out(tmp_path / "corpus", spoken)
    change(folder)
    problem, _ = timestamps(folder)
    assert expected in problem
