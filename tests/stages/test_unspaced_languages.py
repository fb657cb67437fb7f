"""Mandarin, which has no spaces between words, from `synth` to `distill` and `gap`."""

import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.formats.samples import WORDS
from saladkit.formats.words import words_of_text
from saladkit.rows.interleaving import draw_spans, may_cut
from saladkit.rows.tokens import pieces_as, split_text, tokenize
from saladkit.rows.training_sources import open_speech
from saladkit.settings.shared import Spans
from saladkit.settings.synth import SynthSettings
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import read_samples
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.stages.synth import synth

TEXTS = [
    "今天天气很好，我们去公园散步，然后在湖边喝茶。",
    "老师说，明天的考试很重要，大家要早点睡觉。",
    "他昨天买了一本关于历史的书，今天已经看完了。",
    "火车从北京出发，经过上海，晚上到达广州。",
]


@pytest.fixture(scope="module")
def mandarin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mandarin")
    rows = [json.dumps({"id": f"{place}", "text": text}) for place, text in enumerate(TEXTS)]
    (folder / "texts.jsonl").write_text("\n".join(rows))
    synth(str(folder / "texts.jsonl"), folder / "speech", SynthSettings(voices=("espeak:cmn",), workers=1))
    return folder / "speech"


@pytest.fixture(scope="module")
def by_signs(mandarin):
    """The same speech with the words of an aligner that times each sign; a word's signs share its time equally."""
    table = read_samples(mandarin, needed=["id", "text", "audio", "words"], optional=["duration"])
    rows = []
    for words in table.column("words").to_pylist():
        rows.append([])
        for word in words:
            signs = "".join(word["word"])
            times = np.linspace(word["start"] or 0, word["end"] or 0, len(signs) + 1).tolist()
            known = word["start"] is not None
            for place, sign in enumerate(signs):
                begin, end = times[place : place + 2] if known else (None, None)
                rows[-1].append({"word": sign, "start": begin, "end": end, "score": None})
    table = table.set_column(table.column_names.index("words"), "words", pa.array(rows, WORDS))
    pq.write_table(table, mandarin.parent / "signs.parquet")
    return mandarin.parent / "signs.parquet"


def test_spans_are_of_words(mandarin, tokenizer):
    source = open_speech(WeightedPath(str(mandarin)), tokenizer, LogMelFrontEnd(bins=16))
    for text, tokens, words in zip(TEXTS, source.texts, source.words, strict=True):
        assert [word.word for word in words] == words_of_text(text)
        assert len(words) > 8
        owned = [tokens.token_ids[b:e] for b, e in zip(tokens.word_tokens, tokens.word_tokens[1:], strict=False)]
        assert [tokenizer.decode(ids) for ids in owned] == words_of_text(text)  # bytes alone: no token is of two words
        lengths = Spans(text_words=(1, 3), speech_words=(1, 3))
        spans = draw_spans(may_cut(tokens, words), lengths, np.random.default_rng(0), text_first=0.5)
        assert len(spans) > 4


def test_an_aligners_words_are_trained_on(by_signs, tokenizer):
    source = open_speech(WeightedPath(str(by_signs)), tokenizer, LogMelFrontEnd(bins=16))
    assert [[word.word for word in words] for words in source.words] == [list(text) for text in TEXTS]


@pytest.mark.parametrize("most", [30, 45, 60])
def test_pieces_are_those_of_the_text_alone(mandarin, by_signs, tokenizer, most):
    expected = [
        piece.text.token_ids.tolist() for text in TEXTS for piece in split_text(tokenize(tokenizer, text), most)
    ]
    for speech in (mandarin, by_signs):
        source = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), max_length=most)
        assert [text.token_ids.tolist() for text in source.texts] == expected
        assert not source.left_out
        joined = "".join(word.word for words in source.words for word in words)
        assert joined == "".join(TEXTS)


def test_a_row_whose_words_go_over_the_cut_has_no_pieces(tokenizer):
    text = "今天天气很好"  # 18 bytes, of which the first words have 6 each
    pieces = split_text(tokenize(tokenizer, text), 12)
    assert [piece.end for piece in pieces] == [1, 3]
    assert pieces_as(tokenize(tokenizer, text, [text]), pieces) == []
    assert [(piece.begin, piece.end) for piece in pieces_as(tokenize(tokenizer, text, list(text)), pieces)] == [
        (0, 2),
        (2, 6),
    ]


def test_from_the_teacher_cache_to_the_gap(mandarin, by_signs, distill_arguments, shell, text_lm, world, tmp_path):
    cache = ["cache-teacher", mandarin, world / "pool.parquet", "--model", text_lm, "--top-k", 4, "--max-length", 50]
    assert shell(*cache, "--device", "cpu", "-o", tmp_path / "cache").exit_code == 0
    line = list(distill_arguments)
    line[line.index("--teacher") + 1] = tmp_path / "cache"
    line[line.index("--data") + 1] = by_signs
    del line[line.index("--frames") : line.index("--frames") + 2]
    result = shell(*line, "--max-length", 50, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["rows_split"] >= len(TEXTS) and summary["skipped"] == 0
    gap = ["gap", tmp_path / "out", mandarin, "--teacher", text_lm, "--device", "cpu", "--text-words", 1, 3]
    measured = shell(*gap, "--speech-words", 1, 3, "-o", tmp_path / "gap")
    assert measured.exit_code == 0, measured.stderr
    assert json.loads(measured.stdout)["rows"] == len(TEXTS)


def test_without_the_package_the_fix_is_an_extra(mandarin, text_lm, shell, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "icu4py.breakers", None)
    done = shell("cache-teacher", mandarin, "--model", text_lm, "--device", "cpu", "-o", tmp_path / "cache")
    assert done.exit_code == 2
    assert "saladkit[languages]" in done.stderr
