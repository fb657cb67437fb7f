"""Speech of the voice `phones` through the shell: spoken, cached, distilled, measured and asked."""

import json

from saladkit.model.loading import load_salad_model
from saladkit.speech.phone_frames import WIDTH


def test_the_voice_phones_goes_the_whole_way(shell, world, teacher_cache, distill_arguments, text_lm, tmp_path):
    def run(*line):
        done = shell(*line)
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    voices = ["--voice", "phones:en-us@230", "--voice", "phones:en-gb+f2@230"]
    spoken, asked, frames, stage1 = (tmp_path / name for name in ("spoken", "asked", "frames", "stage1"))
    made = run("synth", world / "natural.parquet", "-o", spoken, *voices)
    assert made["skipped"] == 0 and made["rows_by_words_source"] == {"phones": made["rows"]}
    run("synth", world / "questions.parquet", "-o", asked, *voices, "--limit", 4)
    cached = run("cache-speech", spoken, "-o", frames, "--speech-encoder", "phones")
    assert 25 * WIDTH * 2 <= cached["bytes_per_second_of_speech"] < 1.02 * 25 * WIDTH * 2  # a last frame is a whole one

    line = list(distill_arguments)
    for option, value in {"--data": spoken, "--frames": frames}.items():
        line[line.index(option) + 1] = str(value)
    del line[line.index("--mel-bins") : line.index("--mel-bins") + 2]
    run(*line, "--speech-encoder", "phones", "-o", stage1)
    run("gap", stage1, spoken, "-o", tmp_path / "gap", "--teacher", text_lm, "--limit", 4)
    answers = run("eval", stage1, asked, "-o", tmp_path / "eval", "--teacher", text_lm)
    assert answers["results"]["stage1"]["asked_speech"]["items"] == 4
    model = load_salad_model(stage1, dtype="float32", device="cpu")
    assert model.config.speech_encoder == "phones" and model.config.frames_per_vector == 2


def test_frames_of_other_speech_are_refused(shell, speech, frames_cache, distill_arguments, tmp_path):
    refused = shell(*distill_arguments, "--speech-encoder", "phones", "-o", tmp_path / "out")
    assert refused.exit_code == 2 and len(refused.stderr.strip().splitlines()[-2:]) == 2


def test_a_recording_of_sound_is_no_recording_of_phones(shell, speech, tmp_path):
    refused = shell("cache-speech", speech, "-o", tmp_path / "frames", "--speech-encoder", "phones")
    assert refused.exit_code == 2
    assert "phones" in refused.stderr and "--voice phones:" in refused.stderr
