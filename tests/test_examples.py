"""The scripts of examples/, on the tests' own checkpoint."""

import json
import subprocess
import sys

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
def ask(repository):
    def run(*arguments):
        command = [sys.executable, repository / "examples" / "ask.py", *arguments, "--device", "cpu"]
        return subprocess.run(list(map(str, command)), capture_output=True, text=True)

    return run


def test_ask_prints_an_answer_to_a_recording(ask, checkpoint, question):
    done = ask(checkpoint, question, "--text", "The tomato is", "--max-new-tokens", 5)
    assert done.returncode == 0, done.stderr
    processor, model = load_processor(checkpoint), load_salad_model(checkpoint, dtype="float32", device="cpu").eval()
    inputs = processor(text="<|audio|> The tomato is", audio=str(question))
    assert inputs["speech_mask"].any() and not inputs["speech_mask"].all()
    ids = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert json.loads(done.stdout) == {"answer": processor.decode(ids, skip_special_tokens=True).strip()}


def test_invalid_checkpoints_and_recordings_end_with_two_lines(ask, checkpoint, text_lm, question):
    for arguments in ([text_lm, question], [checkpoint, question.with_name("nowhere.wav")]):
        done = ask(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "Traceback" not in done.stderr
        assert str(arguments[0] if arguments[0] == text_lm else arguments[1]) in done.stderr.splitlines()[-2]
