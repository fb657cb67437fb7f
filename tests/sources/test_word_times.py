"""Readers and writers of word times, on files as other tools write them."""

import json
import random

import pytest
from praatio import textgrid as praatio
from praatio.data_classes.interval_tier import IntervalTier

from saladkit.errors import SaladError
from saladkit.formats.words import Word
from saladkit.sources.word_times.ctm import ctm_lines, open_ctm
from saladkit.sources.word_times.files_by_id import file_name, files_by_id
from saladkit.sources.word_times.known_times import open_times
from saladkit.sources.word_times.matching import match_ids
from saladkit.sources.word_times.textgrid import open_textgrids, read_textgrid, textgrid
from saladkit.sources.word_times.whisperx import open_whisperx

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 
xmax = 1.5 
tiers? <exists> 
size = 3 
item []: 
    item [1]:
        class = "IntervalTier" 
        name = "words" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 4 
        intervals [1]:
            xmin = 0 
            xmax = 5e-05 
            text = "" 
        intervals [2]:
            xmin = 5e-05 
            xmax = 0.5 
            text = "item [2]: 7" 
        intervals [3]:
            xmin = 0.5 
            xmax = 1 
            text = "say ""hi""!" 
        intervals [4]:
            xmin = 1 
            xmax = 1.5 
            text = "two
lines" 
    item [2]:
        class = "TextTier" 
        name = "bell" 
        xmin = 0 
        xmax = 1.5 
        points: size = 1 
        points [1]:
            number = 0.25 
            mark = "ding" 
    item [3]:
        class = "IntervalTier" 
        name = "phones" 
        xmin = 0 
        xmax = 1.5 
        intervals: size = 1 
        intervals [1]:
            xmin = 0 
            xmax = 1.5 
            text = "S" 
"""
SHORT = """File type = "ooTextFile short"
"TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"words"
0
1.5
4
0
5e-05
""
5e-05
0.5
"item [2]: 7"
0.5
1
"say ""hi""!"
1
1.5
"two
lines"
"TextTier"
"bell"
0
1.5
1
0.25
"ding"
"IntervalTier"
"phones"
0
1.5
1
0
1.5
"S"
"""
BETWEEN = """File type = "ooTextFile"
Object class = "TextGrid"

0s 1.5s <exists> 3 ! it's "free" here, 5 6
"IntervalTier" "words" 0 1.5 4
0 5e-05 "" 5e-05 0.5 "item [2]: 7"
0.5 1 "say ""hi""!" 1 1.5 "two
lines" ! 7
"TextTier" "bell" 0 1.5 1 0.25 "ding" "IntervalTier" "phones" 0 1.5 1 0 1.5 "S"
"""
WORDS = [(0.0, 5e-05, ""), (5e-05, 0.5, "item [2]: 7"), (0.5, 1.0, 'say "hi"!'), (1.0, 1.5, "two\nlines")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-bom"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("content", [LONG, SHORT, BETWEEN])
def test_a_textgrid_is_one_format(content, newline, encoding, tmp_path):
    content = content.replace("\n", newline)
    path = tmp_path / "a.TextGrid"
    if encoding == "utf-16-be-bom":
        path.write_bytes(b"\xfe\xff" + content.encode("utf-16-be"))
    else:
        path.write_bytes(content.encode(encoding))
    words, phones = read_textgrid(path)
    assert (words.name, phones.name, phones.intervals) == ("words", "phones", [(0.0, 1.5, "S")])
    assert [(start, end, label.replace("\r", "")) for start, end, label in words.intervals] == WORDS


@pytest.mark.parametrize("content", [LONG, SHORT])
def test_a_textgrid_that_was_cut_anywhere_is_refused(content, tmp_path):
    whole = content.rindex('"S"') + 3
    path = tmp_path / "a.TextGrid"
    for length in range(whole):
        path.write_text(content[:length])
        with pytest.raises(SaladError, match="is not a complete TextGrid"):
            read_textgrid(path)
    path.write_text(content[:whole])
    assert len(read_textgrid(path)) == 2


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "it is cut short"),
        (b"a\nb\n", "it is cut short"),
        (b'File type = "ooTextFile"\nObject class = "PitchTier"\n\n0\n1\n', "its header is not that of a TextGrid"),
        (LONG.replace("hi", "hé").encode("latin-1"), "codec can't decode"),
        (LONG.replace("xmin = 0.5", "xmin = --undefined--").encode(), "where a number belongs"),
        (SHORT.replace("0.5\n1\n", "1\n").encode(), "where a number belongs"),
        (SHORT.replace('"say ""hi""!"\n', "").encode(), "it is cut short or damaged"),
        (SHORT.replace('"S"\n', "5\n").encode(), "it is cut short or damaged"),
        (SHORT.replace('"S"\n', '"S"\n1.5\n2\n"T"\n').encode(), "other numbers of tiers or intervals"),
        (SHORT.replace('"S"\n', '"a ""IntervalTier"" b"\n').encode(), "it is cut short or damaged"),
        (LONG.replace("size = 3", "size = 1e999").encode(), "it declares other numbers of tiers"),
        (LONG.replace("size = 3", "size = 2").encode(), r"\(it declares 2 tiers and has 3\)"),
        (LONG.replace("size = 3", "size = 0").encode(), r"\(it declares 0 tiers and has 3\)"),
        (LONG.replace("intervals: size = 4", "intervals: size = 3").encode(), "'words' declares 3 and has 4"),
        (LONG.replace("intervals: size = 4", "intervals: size = 0").encode(), "'words' declares 0 and has 4"),
        (LONG.replace("intervals: size = 1 ", "intervals: size = 0 ").encode(), "'phones' declares 0 and has 1"),
        (LONG.replace("points: size = 1", "points: size = 0").encode(), "'bell' declares 0 and has 1"),
        ((LONG + "7\n").encode(), "it declares other numbers"),
        (b"ooBinaryFile\x08TextGrid" + bytes(40), "it is a binary TextGrid"),
    ],
)
def test_what_is_no_textgrid(content, problem, tmp_path):
    (tmp_path / "a.TextGrid").write_bytes(content)
    with pytest.raises(SaladError, match=problem):
        read_textgrid(tmp_path / "a.TextGrid")


def random_words(draw):
    """Words with pauses between some of them, and the duration of their audio, in s: multiples of 1 µs."""
    words, clock = [], 0
    for _ in range(draw.randrange(1, 12)):
        clock += draw.choice([0, 0, draw.randrange(1, 400_000)])
        begin, clock = clock, clock + draw.randrange(1, 800_000)
        spelled = draw.choice(["a", '"x"', "it's", "ünï", "日本", "[1]:", "!", "<eps>", "5"])
        words.append(Word(spelled, begin / 1e6, clock / 1e6, draw.choice([None, draw.randrange(1_000_001) / 1e6])))
    return words, draw.choice([None, clock / 1e6, (clock + 250_000) / 1e6, (clock - 1) / 1e6])


def test_praatio_reads_the_same_of_what_is_written(tmp_path):
    draw = random.Random(1)
    path = tmp_path / "a.TextGrid"
    for _ in range(60):
        words, duration = random_words(draw)
        path.write_text(textgrid(words, duration), encoding="utf-8")
        theirs = praatio.openTextgrid(str(path), includeEmptyIntervals=True)
        (tier,) = theirs.tiers
        (ours,) = read_textgrid(path)
        assert (tier.name, tier.minTimestamp) == ("words", 0)
        assert tier.maxTimestamp == theirs.maxTimestamp == max(duration or 0, words[-1].end)
        assert [tuple(entry) for entry in tier.entries] == ours.intervals
        assert [entry for entry in ours.intervals if entry[2]] == [(w.start, w.end, w.word) for w in words]
        ends = [0.0, *(end for _, end, _ in ours.intervals)]
        assert [start for start, _, _ in ours.intervals] == ends[:-1]
        assert ends[-1] == theirs.maxTimestamp


def test_times_are_written_with_six_decimals(tmp_path):
    words = [Word("a", 0.00001, 0.00005), Word("b", 0.00007, 1.0)]
    content = textgrid(words, float("nan"))
    assert [line.split(" = ")[1] for line in content.splitlines() if line.startswith(" " * 12 + "xm")] == [
        "0.000000 ",
        *["0.000010 "] * 2,
        *["0.000050 "] * 2,
        *["0.000070 "] * 2,
        "1.000000 ",
    ]
    (tmp_path / "a.TextGrid").write_text(content)
    assert open_textgrids(tmp_path).words_of("a") == words


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_what_praatio_writes_is_read_the_same(form, tmp_path):
    draw = random.Random(2)
    path = tmp_path / "a.TextGrid"
    for _ in range(30):
        words, _ = random_words(draw)
        entries = [(word.start, word.end, word.word) for word in words]
        grid = praatio.Textgrid()
        for name in ("words", "phones"):
            grid.addTier(IntervalTier(name, entries, 0, words[-1].end + 1))
        grid.save(str(path), form, includeBlankSpaces=True)
        read = read_textgrid(path)
        assert [tier.name for tier in read] == ["words", "phones"]
        for tier in read:
            assert [entry for entry in tier.intervals if entry[2]] == entries


def test_tiers_of_several_speakers_are_read_as_one(tmp_path):
    grid = praatio.Textgrid()
    grid.addTier(IntervalTier("ann - words", [(0.0, 0.4, "yes"), (1.0, 1.5, "no")], 0, 2))
    grid.addTier(IntervalTier("ann - phones", [(0.0, 0.4, "Y")], 0, 2))
    grid.addTier(IntervalTier("bob - words", [(0.5, 0.9, "why")], 0, 2))
    grid.save(str(tmp_path / "a.TextGrid"), "short_textgrid", includeBlankSpaces=True)
    assert [word.word for word in open_textgrids(tmp_path).words_of("a")] == ["yes", "why", "no"]


def test_the_tier_of_webmaus(tmp_path):
    grid = praatio.Textgrid()
    for name, label in (("ORT-MAU", "yes"), ("KAN-MAU", "jEs"), ("MAU", "j")):
        grid.addTier(IntervalTier(name, [(0.0, 0.4, label)], 0, 2))
    grid.save(str(tmp_path / "a.TextGrid"), "short_textgrid", includeBlankSpaces=True)
    assert open_textgrids(tmp_path).words_of("a") == [Word("yes", 0.0, 0.4)]


def test_a_tier_of_another_name_is_read_where_it_is_alone(tmp_path):
    grid = praatio.Textgrid()
    grid.addTier(IntervalTier("Mary", [(0.0, 0.4, "yes")], 0, 2))
    grid.save(str(tmp_path / "a.TextGrid"), "short_textgrid", includeBlankSpaces=True)
    assert open_textgrids(tmp_path).words_of("a") == [Word("yes", 0.0, 0.4)]
    grid.addTier(IntervalTier("phones", [(0.0, 0.4, "Y")], 0, 2))
    grid.save(str(tmp_path / "b.TextGrid"), "short_textgrid", includeBlankSpaces=True)
    with pytest.raises(SaladError, match=r"b.TextGrid has no tier of words \(its interval tiers: 'Mary', 'phones'\)"):
        open_textgrids(tmp_path).words_of("b")


def test_files_stand_under_their_paths(tmp_path):
    for name in ("s1/a.TextGrid", "s2/a.TextGrid", "s1/b.TEXTGRID", "x.y.TextGrid", "c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = files_by_id(tmp_path, ".TextGrid")
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "s1/a": "s1/a.TextGrid",
        "s2/a": "s2/a.TextGrid",
        "s1/b": "s1/b.TEXTGRID",
        "x.y": "x.y.TextGrid",
    }
    assert files_by_id(tmp_path / "x.y.TextGrid", ".TextGrid") == {"x.y": tmp_path / "x.y.TextGrid"}
    assert file_name("large/1 ü", ".TextGrid") == "large%2F1%20%C3%BC.TextGrid"
    with pytest.raises(SaladError, match="has no .json file"):
        files_by_id(tmp_path, ".json")


def test_a_ctm_of_many_ids(tmp_path):
    path = tmp_path / "all.ctm"
    path.write_bytes(
        b"\xef\xbb\xbf;; sclite's comment\r\nu1 1 0.1 0.2 the 0.9\r\nu1 A 0.30 0.4 caf\xc3\xa9\xc2\xa0au NA\r\n\r\n"
        b"u2 1 0.00 0.50 hi -1.5\nu1 1 0.8 0.1 end 1 lex NA\nu2 1 0.5 nan there"
    )
    times = open_ctm(path)
    words_of = times.words_of
    assert words_of("u1") == [Word("the", 0.1, 0.3, 0.9), Word("café\xa0au", 0.3, 0.7), Word("end", 0.8, 0.9, 1.0)]
    assert words_of("u2")[0] == Word("hi", 0.0, 0.5)
    assert words_of("u2")[1].end != words_of("u2")[1].end
    assert list(times.names) == ["u1", "u2"]
    path.write_bytes(b"\xef\xbb\xbf u1\t1  0.1 0.2 the \n")
    assert open_ctm(path).words_of("u1") == [Word("the", 0.1, 0.3)]


def test_the_lines_of_an_id_may_be_anywhere_in_several_large_files(tmp_path):
    def lines(file):
        return "".join(f"u{number % 7} 1 {number}.{file} 0.25 word{number % 1000} 0.5\n" for number in range(60_000))

    for file in range(2):  # each read in two blocks
        (tmp_path / f"{file}.ctm").write_text(lines(file))
        assert (tmp_path / f"{file}.ctm").stat().st_size > 1_500_000
    words = open_ctm(tmp_path).words_of("u3")
    assert words == [
        Word(f"word{number % 1000}", number + file / 10, number + file / 10 + 0.25, 0.5)
        for file in range(2)
        for number in range(3, 60_000, 7)
    ]
    (tmp_path / "1.ctm").write_text(lines(1) + "u1 1 0.5\n")
    with pytest.raises(SaladError, match="1.ctm, line 60001: it has 3 columns"):
        open_ctm(tmp_path)


def test_the_folder_of_nemos_forced_aligner(tmp_path):
    for level, line in (("tokens", "t"), ("words", "the"), ("segments", "the<space>cat")):
        (tmp_path / "ctm" / level).mkdir(parents=True)
        for id_ in ("u1", "u2"):
            (tmp_path / "ctm" / level / f"{id_}.ctm").write_text(f"{id_} 1 0.08 0.16 {line}\n")
    for folder in (tmp_path, tmp_path / "ctm", tmp_path / "ctm" / "words"):
        assert open_ctm(folder).words_of("u2") == [Word("the", 0.08, 0.24)]


def test_a_ctm_is_read_as_it_was_written(tmp_path):
    draw = random.Random(3)
    rows = {id_: random_words(draw)[0] for id_ in ("a", "b c\u00a0d", "50%", "50%25", ";;x", "large/1", "ü")}
    path = tmp_path / "words.ctm"
    path.write_text("".join(ctm_lines(id_, words) for id_, words in rows.items()), encoding="utf-8")
    times = open_ctm(path)
    find = match_ids(times.names, rows)
    for id_, words in rows.items():
        read = times.words_of(find(id_))
        assert [word.word.replace("%20", " ") for word in read] == [word.word for word in words]
        assert [(w.start, w.end, w.score) for w in read] == [(w.start, w.end, w.score) for w in words]


@pytest.mark.parametrize(
    "line, problem",
    [
        ("u1 0.1 0.2", "line 2: it has 3 columns"),
        ("u1 0.1 0.2 the", "line 2: it has 4 columns"),
        ("u1 1 the 0.1 0.2", "line 2: could not convert string to float: 'the'"),
        ("u1 1 0.1 0.2 \udcff", "line 2: .*can't decode"),
    ],
)
def test_a_line_that_is_none_is_named(line, problem, tmp_path):
    path = tmp_path / "all.ctm"
    path.write_text(f"u1 1 0.0 0.1 ok\n{line}\n", errors="surrogateescape")
    with pytest.raises(SaladError, match=problem):
        open_ctm(path)


def whisperx(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    return open_whisperx(tmp_path).words_of("a")


def test_whisperx_says_which_words_it_placed(tmp_path):
    words = [
        {"word": "In", "start": 0.1, "end": 0.2, "score": 0.9},
        {"word": "1984"},
        {"word": "£5", "start": 0.1, "end": 0.2},  # interpolated: it has no score
        {"word": " the", "start": 0.5, "end": 0.7, "score": 1.5},
    ]
    content = {"segments": [{"text": "", "words": words}, {"text": "failed", "words": []}, {}], "word_segments": words}
    expected = [Word("In", 0.1, 0.2, 0.9), Word("1984", None, None), Word("£5", None, None), Word("the", 0.5, 0.7)]
    assert whisperx(tmp_path, content) == expected
    assert whisperx(tmp_path, {"segments": [{"text": ""}], "word_segments": words}) == expected
    assert whisperx(tmp_path, {"segments": []}) == []
    assert whisperx(tmp_path, {"segments": [{"words": None}, {"words": words}]}) == expected
    whisper = {"word": " In", "start": 0.1, "end": 0.2, "probability": 0.9}
    assert whisperx(tmp_path, {"segments": [{"words": [whisper]}]}) == expected[:1]


@pytest.mark.parametrize(
    "content", [[], {}, {"text": "hi"}, {"segments": None}, {"segments": ["hi"]}, {"segments": [{"words": [{}]}]}]
)
def test_json_that_is_not_whisperxs(content, tmp_path):
    with pytest.raises(SaladError, match="a.json is not WhisperX's JSON of words"):
        whisperx(tmp_path, content)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(SaladError, match="a.json is not WhisperX's JSON of words"):
        open_whisperx(tmp_path).words_of("a")


def test_a_kind_and_a_path_are_needed(tmp_path):
    for description in ("ctm", "ctm:", "mfa:folder", "", f"{tmp_path}"):
        with pytest.raises(SaladError, match="names no word times"):
            open_times(description, [])
    with pytest.raises(SaladError, match="nowhere is not there"):
        open_times(f"ctm:{tmp_path}/nowhere", [])
