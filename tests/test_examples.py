"""The scripts of examples/, on the tests' own checkpoint."""

import re
import subprocess

import numpy as np
import pytest
import soundfile

from saladkit.model.loading import load_processor, load_salad_model
from saladkit.speech.voices.voice import open_voice


@pytest.fixture(scope="module")
def question(workshop):
    """A question spoken by espeak, as a WAV file."""
    spoken = open_voice("espeak:en-us").speak("What is the tomato?")
    soundfile.write(workshop / "question.wav", spoken.samples, spoken.sample_rate)
    return workshop / "question.wav"


@pytest.fixture
def stream(loaded_python, repository):
    def run(*arguments):
        command = [loaded_python, repository / "examples" / "stream.py", *arguments, "--device", "cpu"]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    return run


def test_stream_prints_the_answer_to_a_recording_that_comes_in_pieces(stream, checkpoint, question):
    text, seconds = "Listen: <|audio|> The tomato is", soundfile.info(question).duration
    done = stream(checkpoint, question, "--text", text, "--max-new-tokens", 5)
    assert done.returncode == 0, done.stderr
    processor, model = load_processor(checkpoint), load_salad_model(checkpoint, dtype="float32", device="cpu").eval()
    inputs = processor(text=text, audio=str(question))
    ids = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert done.stdout == processor.decode(ids, skip_special_tokens=True) + "\n"
    assert f"{seconds:.2f} s heard, the end of the audio, after" in done.stderr
    assert re.fullmatch(r"the answer begins \d+ ms after the end of the audio:", done.stderr.splitlines()[-1])


def test_stream_in_real_time_takes_as_long_as_the_recording(stream, checkpoint, question):
    done = stream(checkpoint, question, "--realtime", "--max-new-tokens", 1)
    assert done.returncode == 0, done.stderr
    found = re.search(r"end of the audio, after +([\d.]+) s", done.stderr)
    assert float(found[1]) >= soundfile.info(question).duration - 0.01


def test_stream_refuses_what_it_cannot_read_in_two_lines(stream, checkpoint, text_lm, question, tmp_path):
    soundfile.write(tmp_path / "cut.flac", np.random.default_rng(0).normal(0, 0.1, 32_000), 16_000)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    for problem, *arguments in (
        ("not a speech-adapted one", text_lm, question),
        ("does not exist", checkpoint, question.with_name("nowhere.wav")),
        ("is damaged", checkpoint, tmp_path / "cut.flac"),
        ("2 places", checkpoint, question, "--text", "<|audio|> and <|audio|>"),
    ):
        done = stream(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr and done.stderr.splitlines()[-2].startswith("error: ")
        assert problem in done.stderr, done.stderr
