"""Texts longer than the context are split between words, and in the same way for the cache and for training."""

import json

import numpy as np
import pytest

from saladkit.formats.samples import words_from_row
from saladkit.formats.words import Word
from saladkit.rows.row_pieces import words_of_piece
from saladkit.rows.tokens import TokenizedText, split_text, tokenize
from saladkit.rows.training_sources import open_speech
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import read_samples
from saladkit.speech.encoders.log_mel import LogMelFrontEnd


def draw_text(seed, words=40, prefix=0):
    random = np.random.default_rng(seed)
    word_tokens = prefix + np.concatenate([[0], np.cumsum(random.integers(1, 5, size=words))])
    splittable = random.random(words + 1) < 0.8
    return TokenizedText(np.arange(word_tokens[-1], dtype=np.int32), word_tokens, splittable, prefix, following=999)


@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("seed", range(30))
def test_pieces_are_the_text_cut_where_it_may_be(seed, prefix):
    text = draw_text(seed, prefix=prefix)
    pieces = split_text(text, 30)
    assert len(pieces) > 1
    assert [piece.begin for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])]
    assert pieces[-1].end == 40
    tokens = np.concatenate([piece.text.token_ids[prefix:] for piece in pieces])
    assert tokens.tolist() == text.token_ids[prefix:].tolist()
    assert [piece.text.following for piece in pieces] == [*(p.text.token_ids[prefix] for p in pieces[1:]), 999]
    for piece in pieces:
        assert len(piece.text.token_ids) <= 30
        assert piece.text.token_ids[:prefix].tolist() == text.token_ids[:prefix].tolist()
        assert piece.begin == 0 or text.splittable[piece.begin]
        assert piece.text.word_tokens[-1] == len(piece.text.token_ids)
        for word in range(piece.begin, piece.end):
            whole, part = (
                t.token_ids[t.word_tokens[w] : t.word_tokens[w + 1]].tolist()
                for t, w in ((text, word), (piece.text, word - piece.begin))
            )
            assert whole == part
    if text.splittable.all():
        lengths = [len(piece.text.token_ids) for piece in pieces]
        assert min(lengths) > max(lengths) / 2


def test_a_text_that_fits_is_its_own_piece():
    text = draw_text(0)
    (piece,) = split_text(text, len(text.token_ids))
    assert piece.text is text
    assert (piece.begin, piece.end) == (0, 40)


def test_a_stretch_without_a_cut_that_is_too_long_has_no_pieces():
    text = TokenizedText(np.arange(50, dtype=np.int32), np.arange(51), np.zeros(51, dtype=bool), 0)
    assert split_text(text, 20) == []


def test_a_piece_takes_times_that_only_its_neighbours_know():
    words = [Word("a", 0.0, 0.4), Word("b", None, None), Word("c", None, None), Word("d", 1.0, 1.5)]
    assert words_of_piece(words, 1, 3) == [Word("b", 0.4, None), Word("c", None, 1.0)]
    assert words_of_piece(words, 0, 2) == [words[0], Word("b", None, 1.0)]
    assert words_of_piece(words, 0, 4) == words


def test_speech_is_split_with_its_text(speech, tokenizer):
    rows = read_samples(speech, needed=["id", "text", "words"], optional=[]).to_pylist()
    source = open_speech(WeightedPath(str(speech)), tokenizer, LogMelFrontEnd(bins=16), max_length=40)
    assert 0 < source.split <= len(rows) < len(source)
    assert source.left_out == []
    expected = [(row, piece) for row in rows for piece in split_text(tokenize(tokenizer, row["text"]), 40)]
    assert source.ids == [row["id"] for row, _ in expected]
    for index, (row, piece) in enumerate(expected):
        assert source.texts[index].token_ids.tolist() == piece.text.token_ids.tolist()
        assert source.words[index] == words_of_piece(words_from_row(row), piece.begin, piece.end)


def test_training_reads_long_rows_in_pieces_and_says_so(distill_arguments, shell, world, text_lm, tmp_path):
    cache = ["cache-teacher", world / "natural.parquet", world / "pool.parquet", "--model", text_lm, "--top-k", 4]
    assert shell(*cache, "--max-length", 40, "--device", "cpu", "-o", tmp_path / "cache").exit_code == 0
    place = distill_arguments.index("--teacher") + 1
    line = [*distill_arguments[:place], tmp_path / "cache", *distill_arguments[place + 1 :]]
    other = shell(*line, "-o", tmp_path / "out")
    assert other.exit_code == 2 and "--max-length" in other.stderr
    result = shell(*line, "--max-length", 40, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rows_split"] > 10
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]["rows_split"] > 10


def test_a_row_that_cannot_be_split_is_left_out_of_the_training_and_listed(distill_arguments, shell, tmp_path):
    rows = [{"id": "whole", "text": "Water boils at a hundred degrees."}, {"id": "one", "text": "x" * 2000}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = [*distill_arguments, "--replay", tmp_path / "rows.jsonl", "--replay-loss", "nll", "--max-length", 1000]
    result = shell(*line, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["skipped"] == 1
    (skipped,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert (skipped["id"], skipped["source"]) == ("one", str(tmp_path / "rows.jsonl"))
