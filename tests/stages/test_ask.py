"""`saladkit ask`: the answer to one recording is the one that `eval` gets after the same prompt."""

import io
import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.formats.results import read_predictions
from saladkit.formats.samples import iterate_rows
from saladkit.model.loading import load_processor, load_salad_model
from saladkit.scoring.asked_question import read_question
from saladkit.settings.ask import AskSettings
from saladkit.sources.samples import read_samples


@pytest.fixture(scope="module")
def asked(spoken_questions, tmp_path_factory):
    """(questions without word times and cue, as `ask` has them; the recording of each by id)."""
    folder = tmp_path_factory.mktemp("asked")
    table = read_samples(str(spoken_questions), needed=["id", "text", "audio", "choices", "answer"])
    table = table.drop_columns([name for name in ("words", "cue") if name in table.column_names]).slice(0, 3)
    pq.write_table(table, folder / "questions.parquet")
    recordings = {}
    for row in iterate_rows(table):
        recordings[row["id"]] = folder / f"{row['id'].replace('/', '-')}.wav"
        recordings[row["id"]].write_bytes(row["audio"]["bytes"])
    return folder / "questions.parquet", recordings


def asking(shell, *arguments, fails=False):
    done = shell("ask", *arguments, "--json", "--device", "cpu")
    assert (done.exit_code == 2) is fails, done.stderr
    return done.stderr if fails else json.loads(done.stdout)


def spoken_answers(folder, modality="speech"):
    return [row for row in read_predictions(folder) if row["modality"] == modality]


@pytest.mark.parametrize("way", ["--also-generate", "--generate"])
def test_the_answer_is_that_of_eval(way, shell, checkpoint, asked, tmp_path):
    questions, recordings = asked
    length = ["--max-new-tokens", 7]
    line = ["eval", checkpoint, questions, "--modality", "speech", way, "--template", "continuation", *length]
    done = shell(*line, "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    rows = spoken_answers(tmp_path / "out")
    assert len(rows) == 3 and any(row["response"].strip() for row in rows)
    for row in rows:
        options = [word for choice in row["choices"] for word in ("--option", choice)]
        scored = way == "--also-generate"
        found = asking(shell, checkpoint, recordings[row["id"]], *length, *(options if scored else []))
        assert found["response"] == row["response"]
        assert ("choice" in found) is scored
        if scored:
            likelihoods = [option["log_likelihood"] for option in found["options"]]
            assert likelihoods == pytest.approx(row["log_likelihoods"], abs=1e-4)
            per_character = [option["per_character"] for option in found["options"]]
            assert found["choice"] == row["choices"][int(np.argmax(per_character))]
            assert (found["choice"] == row["choices"][row["answer"]]) == row["acc_norm"]


def test_the_text_llm_answers_the_transcript_as_in_a_cascade(shell, checkpoint, text_lm, asked, tmp_path):
    questions, recordings = asked
    cascade = ["--teacher", text_lm, "--asr", "sphinx"]
    line = ["eval", checkpoint, questions, "--modality", "cascade", *cascade, "--generate"]
    length = ["--max-new-tokens", 7]
    done = shell(*line, *length, "--template", "continuation", "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    row = spoken_answers(tmp_path / "out", "cascade")[0]
    found = asking(shell, checkpoint, recordings[row["id"]], *cascade, *length)
    assert found["teacher"]["response"] == row["response"]
    assert found["transcript"] and row["context"] == found["transcript"]
    done = shell("ask", checkpoint, recordings[row["id"]], *cascade, *length, "--device", "cpu")
    assert done.stdout == f"{found['answer']}\n"  # the answer alone
    assert found["transcript"] in done.stderr and "the text LLM to that" in done.stderr


def test_any_rate_channels_and_format_are_read_and_standard_input(shell, checkpoint, asked, tmp_path, monkeypatch):
    recording = next(iter(asked[1].values()))
    expected = asking(shell, checkpoint, recording, "--max-new-tokens", 5)["response"]

    class Piped:
        buffer = io.BytesIO(recording.read_bytes())

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stdin", Piped())
    row, (samples, rate) = read_question("-", ())
    assert rate == soundfile.info(recording).samplerate and row["audio"]["bytes"] == recording.read_bytes()
    stereo = tmp_path / "stereo.flac"
    soundfile.write(stereo, np.stack([samples, samples], axis=1), rate)
    assert asking(shell, checkpoint, stereo, "--max-new-tokens", 5)["response"] == expected
    half = tmp_path / "half.ogg"
    soundfile.write(half, samples[::2], rate // 2)
    assert "answer" in asking(shell, checkpoint, half, "--max-new-tokens", 5)
    assert asking(shell, checkpoint, f"{recording}#t=0.2,0.9", "--max-new-tokens", 5)["seconds_of_speech"] == 0.7


def written(path, samples, rate=8000):
    soundfile.write(path, samples, rate)
    return path


NOISE = np.random.default_rng(0).normal(0, 0.1, 8000)


@pytest.mark.parametrize(
    "samples, named",
    [
        (None, "does not exist"),
        (b"", "empty file"),
        (b"no audio at all", "does not decode"),
        (np.zeros(8000), "is silent"),
        (NOISE / 1000, "is silent"),
        (NOISE[:400], "less than a word"),
        (np.zeros(601 * 8000), "a question may last 600 s"),
    ],
    ids=["missing", "empty", "text", "silent", "faint", "short", "long"],
)
def test_what_is_no_question_is_refused(samples, named, tmp_path):
    path = tmp_path / "question.wav"
    if isinstance(samples, bytes):
        path.write_bytes(samples)
    elif samples is not None:
        written(path, samples)
    with pytest.raises(SaladError, match=named) as caught:
        read_question(str(path), ())
    assert "row" not in caught.value.problem and "row" not in caught.value.fix
    assert "question.wav" in caught.value.problem


@pytest.mark.parametrize("content, named", [(b"", "standard input is empty"), (None, "nothing is piped")])
def test_standard_input_without_a_recording_is_refused(content, named, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(content or b"")

        def isatty(self):
            return content is None

    monkeypatch.setattr(sys, "stdin", Stdin())
    with pytest.raises(SaladError, match=named):
        read_question("-", ())


def test_a_recording_longer_than_the_model_reads_is_refused(shell, checkpoint, tmp_path):
    long = written(tmp_path / "long.wav", np.tile(NOISE, 300))
    assert "is longer than" in asking(shell, checkpoint, long, fails=True)


def test_models_of_the_wrong_kind_are_refused(shell, checkpoint, text_lm, asked):
    recording = next(iter(asked[1].values()))
    assert "a text LLM without speech input" in asking(shell, text_lm, recording, fails=True)
    line = [checkpoint, recording, "--teacher", checkpoint, "--asr", "sphinx"]
    assert "is a speech-adapted checkpoint" in asking(shell, *line, fails=True)


@pytest.mark.parametrize("given", [{"teacher": "lm"}, {"option": ("one",)}, {"option": ("one", " ")}], ids=str)
def test_settings_that_contradict_each_other_are_refused(given):
    with pytest.raises(SaladError):
        AskSettings(**given)


def test_text_is_read_behind_the_question_or_around_it(shell, checkpoint, asked):
    recording = next(iter(asked[1].values()))
    processor, model = load_processor(checkpoint), load_salad_model(checkpoint, dtype="float32", device="cpu").eval()
    for given, whole in (
        ("The tomato is", "<|audio|> The tomato is"),
        ("Listen: <|audio|> One word.", "Listen: <|audio|> One word."),
    ):
        inputs = processor(text=whole, audio=str(recording))
        assert inputs["speech_mask"].any() and not inputs["speech_mask"].all()
        ids = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        found = asking(shell, checkpoint, recording, "--text", given, "--max-new-tokens", 5)
        assert found["response"] == processor.decode(ids, skip_special_tokens=True)
    twice = "<|audio|> or <|audio|>"
    assert "several places" in asking(shell, checkpoint, recording, "--text", twice, fails=True)


def test_a_system_prompt_has_a_place_only_in_a_conversation(shell, checkpoint, asked):
    recording = next(iter(asked[1].values()))
    said = asking(shell, checkpoint, recording, "--system-prompt", "Be brief.", fails=True)
    assert "--system-prompt" in said and "--apply-chat-template" in said


def lay_recorder(folder, body):
    """A program in the place of ALSA's arecord, which is the system's and not ours."""
    program = folder / "arecord"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def test_a_question_is_recorded_from_the_microphone(shell, checkpoint, asked, tmp_path, monkeypatch):
    recording = next(iter(asked[1].values()))
    expected = asking(shell, checkpoint, recording, "--max-new-tokens", 5)
    lay_recorder(tmp_path, f'for wav; do :; done; echo "$@" > {tmp_path}/asked; cp {recording} "$wav"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = asking(shell, checkpoint, "--microphone", 3, "--max-new-tokens", 5)
    assert (found["response"], found["seconds_of_speech"]) == (expected["response"], expected["seconds_of_speech"])
    assert "-r 16000 -d 3" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    "body, said",
    [("echo no card >&2; exit 1", "no card"), ("exit 0", "it ended with 0"), (None, "no program that records")],
)
def test_without_a_microphone_it_says_what_to_do(body, said, shell, checkpoint, tmp_path, monkeypatch):
    if body:
        lay_recorder(tmp_path, body)
    monkeypatch.setenv("PATH", str(tmp_path) if body is None else f"{tmp_path}:/usr/bin:/bin")
    assert said in asking(shell, checkpoint, "--microphone", 1, fails=True)


@pytest.mark.parametrize("both", [(), ("question.wav", "--microphone", 1)], ids=["none", "two"])
def test_there_is_exactly_one_question(both, shell, checkpoint):
    assert "not exactly one question" in asking(shell, checkpoint, *both, fails=True)
