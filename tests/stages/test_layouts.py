"""`cache-speech --layouts` through the shell: spans drawn ahead, each encoded alone, and trainings that read them."""

import json
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_lines import replaced
from encoder_models import save_encoder

from saladkit.caching import layout_parts
from saladkit.errors import SaladError
from saladkit.formats.layouts_cache import LayoutsCache
from saladkit.formats.samples import words_from_row
from saladkit.formats.teacher_cache import digest_tokens
from saladkit.model.loading import load_tokenizer
from saladkit.rows.frame_sources import StoredLayouts
from saladkit.rows.interleaving import may_cut
from saladkit.rows.schedule import Phase, StepShape
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import tokenize
from saladkit.rows.training_sources import open_speech
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.distill import DistillSettings
from saladkit.settings.shared import SpeechEncoder
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.audio.encoding import encode_wav
from saladkit.speech.audio.resampling import resample
from saladkit.speech.encoders.registry import open_front_end
from saladkit.stages import cache_speech

KINDS = ["whisper", "hubert-base", "wavlm-large"]
SPANS = ["--text-words", 4, 8, "--speech-words", 3, 6]
SILENCE = ["--encoder-silence", 0.3]  # of Whisper, whose windows are of 2 s here


@pytest.fixture
def encoder(request, workshop):
    """The folder of one of the tiny encoders that look ahead."""
    kind = request.param
    return request.getfixturevalue(kind) if kind == "whisper" else save_encoder(workshop, kind)


@pytest.fixture
def line(encoder, text_lm):
    """The command without its samples and output."""
    options = ["--speech-encoder", encoder, *SILENCE, "--tokenizer", text_lm, "--layouts", 3, *SPANS, "--device", "cpu"]
    return ["cache-speech", *options]


def made(shell, line, *further):
    result = shell(*line, *further)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def layouts_of(cache, tokenizer, row):
    """The layouts of a row, each as its spans and their frames."""
    stored, text = StoredLayouts(cache), tokenize(tokenizer, row["text"])
    return [(stored.spans(row["id"], text, turn)[0], stored.frames(row["id"], text, turn)) for turn in range(3)]


@pytest.mark.parametrize("encoder", KINDS, indirect=True)
def test_every_heard_span_is_stored_as_it_is_encoded_alone(encoder, line, speech, text_lm, shell, tmp_path):
    summary = made(shell, line, speech, "--limit", 8, "-o", tmp_path / "cache")
    assert summary["rows"] == 8
    cache, tokenizer = LayoutsCache(tmp_path / "cache"), load_tokenizer(text_lm)
    front_end = open_front_end(SpeechEncoder(encoder=str(encoder), silence=0.3), device="cpu", dtype="float32")
    drawn = set()
    for row in read_samples(speech, needed=["id", "text", "words", "audio"], limit=8).to_pylist():
        words, text = words_from_row(row), tokenize(tokenizer, row["text"])
        samples, rate = decode_row(row, "here")
        for spans, frames in layouts_of(cache, tokenizer, row):
            drawn.add(str(spans))
            assert [span.begin for span in spans] == [0, *(span.end for span in spans[:-1])]
            assert spans[-1].end == len(words)
            assert all(one.is_speech != other.is_speech for one, other in zip(spans, spans[1:], strict=False))
            assert all(may_cut(text, words)[span.end] for span in spans)
            heard = [span for span in spans if span.is_speech]
            assert frames.keys() == {(span.begin, span.end) for span in heard}
            for span in heard:
                end = words[span.end].start if span.end < len(words) else words[-1].end
                cut = samples[int(words[span.begin].start * rate) : int(end * rate)]
                (alone,) = front_end.frames([resample(cut, rate, 16_000)])
                stored = frames[span.begin, span.end]
                assert stored.dtype == np.float16
                np.testing.assert_allclose(stored.astype(np.float32), alone, rtol=0, atol=4e-3)
    assert len(drawn) > 8


@pytest.mark.parametrize("encoder", KINDS, indirect=True)
def test_no_byte_changes_when_all_that_no_span_hears_is_noise(line, speech, text_lm, shell, contents, tmp_path):
    line = replaced(line, "--layouts", 1)
    made(shell, line, speech, "--limit", 6, "-o", tmp_path / "first")
    cache, tokenizer = LayoutsCache(tmp_path / "first"), load_tokenizer(text_lm)
    table = read_samples(speech, needed=["id", "text", "words", "audio"], optional=["duration"], limit=6)
    rows, replaced_samples = table.to_pylist(), 0
    for number, row in enumerate(rows):
        samples, rate = decode_row(row, "here")
        words, (spans, _) = words_from_row(row), layouts_of(cache, tokenizer, row)[0]
        changed = np.random.default_rng(number).normal(0, 0.05, len(samples)).astype(np.float32)
        for span in (span for span in spans if span.is_speech):
            end = words[span.end].start if span.end < len(words) else words[-1].end
            kept = slice(int(words[span.begin].start * rate), int(end * rate))
            changed[kept] = samples[kept]
        replaced_samples += int((changed != samples).sum())
        row["audio"] = {"bytes": encode_wav(changed, rate), "path": None}
    assert replaced_samples > 10_000
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / "noisy.parquet")
    made(shell, line, tmp_path / "noisy.parquet", "-o", tmp_path / "second")
    first, second = (
        {name: data for name, data in contents(tmp_path / folder).items() if name.startswith("part-")}
        for folder in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_shards_resumed_and_whole_runs_give_the_same_bytes(line, speech, shell, contents, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_speech, "ROWS_PER_PART", 5)
    monkeypatch.setattr(layout_parts, "ROWS_PER_BLOCK", 2)
    line = [*line, speech, "--limit", 14]
    made(shell, line, "-o", tmp_path / "whole")
    for index in (1, 0):
        summary = made(shell, line, "-o", tmp_path / "shards", "--num-shards", 2, "--shard-index", index)
    assert summary["rows"] == 14
    assert contents(tmp_path / "whole") == contents(tmp_path / "shards")
    assert made(shell, [*line, "--seed", 1], "-o", tmp_path / "seed")["rows"] == 14
    assert contents(tmp_path / "whole") != contents(tmp_path / "seed")


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_a_dry_run_tells_the_bytes(line, speech, shell, tmp_path):
    plan = made(shell, line, speech, "--dry-run", "-o", tmp_path / "none")
    summary = made(shell, line, speech, "-o", tmp_path / "cache")
    stored = sum(path.stat().st_size for path in (tmp_path / "cache").glob("*.safetensors"))
    assert plan["bytes"] == pytest.approx(stored, rel=0.05)
    assert plan["rows"] == summary["rows"]


@pytest.mark.parametrize("encoder", KINDS, indirect=True)
def test_training_takes_a_layout_a_pass_and_prints_no_note(encoder, line, speech, distill_arguments, shell, tmp_path):
    made(shell, line, speech, "-o", tmp_path / "cache")
    training = replaced(replaced(distill_arguments, "--frames", tmp_path / "cache"), "--max-steps", 2)
    training = [*replaced(training, "--save-steps", 1), "--speech-encoder", encoder, *SILENCE]
    result = shell(*training, "-o", tmp_path / "stage1")
    assert result.exit_code == 0, result.stderr
    assert "not causal" not in result.stderr and "lexical step" not in result.stderr
    place = training.index("--frames")
    live = shell(*training[:place], *training[place + 2 :], "-o", tmp_path / "live")
    assert live.exit_code == 0, live.stderr
    assert "not causal" not in live.stderr


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_lexical_steps_that_hear_one_layout_alone_say_so(
    encoder, line, speech, text_lm, distill_arguments, shell, tmp_path
):
    made(shell, line, speech, "--limit", 12, "-o", tmp_path / "cache")
    cache, tokenizer = LayoutsCache(tmp_path / "cache"), load_tokenizer(text_lm)
    rows = read_samples(speech, needed=["id", "text"], optional=[], limit=12).to_pylist()
    spans = [span for row in rows for span in layouts_of(cache, tokenizer, row)[0][0]]
    heard = [span.end - span.begin for span in spans if span.is_speech]
    training = replaced(distill_arguments, "--frames", tmp_path / "cache")
    training = [*training, "--speech-encoder", encoder, "--limit", 12, "--dry-run", "-o", tmp_path / "stage1"]
    for steps, said in ((1, 1), (0, 0)):
        result = shell(*training, "--lexical-steps", steps)
        assert result.exit_code == 0, result.stderr
        notes = [row for row in result.stderr.splitlines() if "a lexical step hears" in row]
        assert len(notes) == said
        share = sum(heard) / sum(span.end - span.begin for span in spans)
        assert all(f" {share:.0%} of the words; give more --lexical-steps" in note for note in notes)


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_what_does_not_fit_is_refused_in_two_lines(
    encoder, line, speech, other_text_lm, distill_arguments, shell, tmp_path
):
    line = [*line, "--limit", 5]
    made(shell, line, speech, "-o", tmp_path / "cache")
    made(shell, replaced(line, "--tokenizer", other_text_lm), speech, "-o", tmp_path / "other")
    made(shell, [*line, "--max-length", 12], speech, "-o", tmp_path / "pieces")
    made(shell, line, speech, "--limit", 4, "-o", tmp_path / "part")
    training = [*distill_arguments, "--speech-encoder", encoder, "--limit", 5, "-o", tmp_path / "stage1"]

    def refused(*further, frames="cache"):
        result = shell(*replaced(training, "--frames", tmp_path / frames), *further)
        assert result.exit_code == 2
        lines = [line.strip() for line in result.stderr.splitlines()][-2:]
        assert [line.split(":")[0] for line in lines] == ["error", "fix"], result.stderr
        return " ".join(lines)

    shown = refused("--speech-words", 3, 7)
    assert "were drawn with --speech-words 3 6, and the training has --speech-words 3 7" in shown
    assert "--text-first 0.5, and the training has --text-first 0.25" in refused("--text-first", 0.25)
    assert "another tokenizer" in refused(frames="other")
    assert "no layouts of the text of row" in refused(frames="pieces")
    assert "--max-length" in refused(frames="pieces")
    assert "has no frames for row" in refused(frames="part")
    whole = shell(*line[: line.index("--layouts")], speech, "-o", tmp_path / "x")
    assert whole.exit_code == 2
    assert "--tokenizer without --layouts" in whole.stderr
    causal = shell("cache-speech", speech, "--layouts", 3, "--tokenizer", other_text_lm, "-o", tmp_path / "x")
    assert causal.exit_code == 2
    assert "does not look ahead" in causal.stderr


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_pieces_of_long_rows_have_layouts_of_their_own_and_rows_that_cannot_be_split_are_listed(
    encoder, line, speech, tokenizer, distill_arguments, teacher_cache, text_lm, world, shell, tmp_path
):
    line = [*line, speech, "--max-length", 12, "-o", tmp_path / "cache"]
    made(shell, line)
    cache = LayoutsCache(tmp_path / "cache")
    rows = read_samples(speech, needed=["id", "text"], optional=[]).to_pylist()
    assert not any(cache.has(row["id"], digest_tokens(tokenize(tokenizer, row["text"]).token_ids)) for row in rows[:5])
    training = replaced(replaced(distill_arguments, "--frames", tmp_path / "cache"), "--teacher", text_lm)
    training = [*replaced(training, "--max-steps", 2), "--speech-encoder", encoder, "--max-length", 12]
    result = shell(*training, "-o", tmp_path / "stage1")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["rows_split"] > 0


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
@pytest.mark.parametrize("window", [0, 160])
def test_every_pass_over_a_row_takes_the_next_of_its_layouts(encoder, line, speech, tokenizer, shell, tmp_path, window):
    made(shell, line, speech, "-o", tmp_path / "cache")
    front_end = open_front_end(SpeechEncoder(encoder=str(encoder)), device="cpu", dtype="float32")
    options = {"text_words": (4, 8), "speech_words": (3, 6)}
    settings = DistillSettings(data=("x",), max_steps=1, window=window, seed=7, **options)
    opened = partial(open_speech, WeightedPath(str(speech)), tokenizer, front_end, interleaving=settings)
    ahead, live = opened(frames_caches=[tmp_path / "cache"]), opened()
    layout = SequenceLayout(50, 4, looks_ahead=True)
    (stream,) = Phase([ahead], layout, settings, StepShape(1), 1, lexical=False).streams
    turns = {}
    windows = 3 * stream.blocks * stream.per_block if window else 3 * len(ahead)
    for number in range(windows):
        for drawn in stream.window(number)[0]:
            spans, _ = ahead.frames.spans(ahead.ids[drawn.row], ahead.texts[drawn.row], drawn.turn)
            assert (drawn.spans, drawn.length) == (spans, len(stream.drawing.example(drawn).sequence))
            turns.setdefault(drawn.row, []).append(drawn.turn)
    assert len(turns) > len(ahead) / 2
    assert all(found == sorted(set(found)) and set(found) <= {7, 8, 9} for found in turns.values())
    assert sum(found == [7, 8, 9] for found in turns.values()) > len(ahead) / 3
    (stream,) = Phase([live], layout, settings, StepShape(1), 1, lexical=False).streams
    for drawn in stream.window(0)[0]:
        short = drawn.length - len(stream.drawing.example(drawn).sequence)
        assert 0 <= short <= sum(span.is_speech for span in drawn.spans)


def test_layouts_need_a_tokenizer():
    with pytest.raises(SaladError, match="--layouts 3 without --tokenizer"):
        CacheSpeechSettings(layouts=3)


@pytest.mark.parametrize("encoder", ["hubert-base"], indirect=True)
def test_rows_that_cannot_be_used_are_listed(line, speech, shell, tmp_path):
    table = read_samples(speech, needed=["id", "text", "words", "audio"], optional=["duration"], limit=6)
    rows = table.to_pylist()
    rows[2]["audio"] = {"bytes": b"RIFF", "path": None}
    rows[4]["words"] = [word | {"start": None, "end": None} for word in rows[4]["words"]]  # it cannot be split
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / "bad.parquet")
    for options, left_out in ((line, [2]), ([*line, "--max-length", 12], [2, 4])):
        output = tmp_path / f"cache-{len(left_out)}"
        summary = made(shell, options, tmp_path / "bad.parquet", "-o", output)
        assert (summary["rows"], summary["skipped"]) == (6 - len(left_out), len(left_out))
        skipped = LayoutsCache(output).artefact.manifest["skipped"]
        assert [row["id"] for row in skipped] == [rows[place]["id"] for place in left_out]
