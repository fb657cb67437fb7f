import json
import random
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from piper import phoneme_ids

from saladkit.errors import SaladError
from saladkit.speech.voices.drawn_noise import NOISE, take_noise_as_input
from saladkit.speech.voices.voice import open_voice, unread_by

RATE = 16000
HOP = 256


def build_voice(path, *, reports_durations, speakers=None, noisy=False):
    """A Piper graph in which phoneme id k lasts one hop at the constant level k / 200, `noisy` on top of noise."""
    inputs = [
        onnx.helper.make_tensor_value_info("input", onnx.TensorProto.INT64, [1, None]),
        onnx.helper.make_tensor_value_info("input_lengths", onnx.TensorProto.INT64, [1]),
        onnx.helper.make_tensor_value_info("scales", onnx.TensorProto.FLOAT, [3]),
    ]
    if speakers:
        inputs.append(onnx.helper.make_tensor_value_info("sid", onnx.TensorProto.INT64, [1]))
    constants = [
        onnx.helper.make_tensor("step", onnx.TensorProto.FLOAT, [1], [1 / 200]),
        onnx.helper.make_tensor("hop", onnx.TensorProto.FLOAT, [1, 1, HOP], [1.0] * HOP),
        onnx.helper.make_tensor("zero", onnx.TensorProto.FLOAT, [1], [0.0]),
        onnx.helper.make_tensor("column", onnx.TensorProto.INT64, [3], [1, -1, 1]),
        onnx.helper.make_tensor("flat", onnx.TensorProto.INT64, [4], [1, 1, 1, -1]),
    ]
    nodes = [
        onnx.helper.make_node("Cast", ["input"], ["ids"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Mul", ["ids", "step"], ["levels"]),
        onnx.helper.make_node("Reshape", ["levels", "column"], ["levels_column"]),
        onnx.helper.make_node("Mul", ["levels_column", "hop"], ["frames"]),
        *([onnx.helper.make_node("RandomNormalLike", ["frames"], ["noise"], scale=0.1)] if noisy else []),
        onnx.helper.make_node("Add", ["frames", "noise" if noisy else "zero"], ["sound"]),
        onnx.helper.make_node("Reshape", ["sound", "flat"], ["output"]),
    ]
    outputs = [onnx.helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, [1, 1, 1, None])]
    if reports_durations:
        nodes += [
            onnx.helper.make_node("Mul", ["ids", "zero"], ["zeros"]),
            onnx.helper.make_node("Cos", ["zeros"], ["w_ceil"]),
        ]
        outputs.append(onnx.helper.make_tensor_value_info("w_ceil", onnx.TensorProto.FLOAT, [1, None]))
    graph = onnx.helper.make_graph(nodes, "voice", inputs, outputs, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    config = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "num_symbols": 256,
        "num_speakers": len(speakers or [None]),
        "speaker_id_map": speakers or {},
        "phoneme_id_map": phoneme_ids.DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
    }
    path.with_name(path.name + ".json").write_text(json.dumps(config))
    return f"piper:{path}"


@pytest.fixture
def voice(tmp_path):
    return open_voice(build_voice(tmp_path / "tiny.onnx", reports_durations=True))


def test_words_take_their_times_from_the_phonemes(voice):
    utterance = voice.speak("Hello world, it works.")
    assert utterance.sample_rate == RATE
    assert utterance.samples.dtype == np.float32
    assert [word.word for word in utterance.words] == ["Hello", "world,", "it", "works."]
    times = [time for word in utterance.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < len(utterance.samples) / RATE
    # the level of a phoneme is its id; Piper scales each sentence to a maximum of 1, here "ː"
    ids = phoneme_ids.DEFAULT_PHONEME_ID_MAP
    start = round(utterance.words[2].start * RATE)
    assert utterance.samples[start - 1] == 0  # padding behind the space
    assert utterance.samples[start] == pytest.approx(ids["ɪ"][0] / ids["ː"][0])


def test_times_run_on_over_sentences(voice):
    one, two = voice.speak("Go home."), voice.speak("Go home. Stay there.")
    assert two.words[0] == one.words[0]
    assert two.words[2].start > len(one.samples) / RATE


def test_words_spoken_as_one_or_as_several(voice):
    utterance = voice.speak("Most 1984 houses, 日 stay in the rain")
    times = {word.word: (word.start, word.end) for word in utterance.words}
    assert None not in times["1984"] + times["houses,"] + times["stay"] + times["rain"]
    assert times["1984"][1] - times["1984"][0] > 2 * (times["rain"][1] - times["rain"][0])
    # "in the" is one phonetic word of two plus two phonemes
    assert times["stay"][1] < times["in"][0] < times["in"][1] == times["the"][0] < times["the"][1] < times["rain"][0]


@pytest.mark.parametrize(
    "text, plain",
    [
        ("[[France]] is large", "France is large"),
        ("if [[ $a ]] go", "if $a go"),
        ("go [[[ there ]]] now", "go there now"),
        ("the [[ˈaɪ]] and [[cat]]", "the ˈaɪ and cat"),
        ("[[one", "one"),
    ],
)
def test_brackets_in_a_text_are_no_phonemes(voice, text, plain):
    utterance, expected = voice.speak(text), voice.speak(plain)
    assert np.array_equal(utterance.samples, expected.samples)
    assert [word.word for word in utterance.words] == text.split()
    timed = [word for word in utterance.words if any(map(str.isalnum, word.word))]
    assert [(word.start, word.end) for word in timed] == [(word.start, word.end) for word in expected.words]
    assert None not in [word.start for word in timed]


def test_letters_that_are_not_read_are_named_and_do_not_spoil_the_rest(voice):
    assert unread_by(voice, "say 你好 now") == ("你好", "Han") and unread_by(voice, "say 한국 now") is None
    spoken, expected = (voice.speak(f"the {word} word later banana") for word in ("ꦗꦮ", "  "))
    assert np.array_equal(spoken.samples, expected.samples)


def test_a_voice_without_durations_has_words_without_times(tmp_path):
    name = build_voice(tmp_path / "plain.onnx", reports_durations=False)
    utterance = open_voice(name).speak("Hello world.")
    assert [(word.word, word.start, word.end) for word in utterance.words] == [
        ("Hello", None, None),
        ("world.", None, None),
    ]


def test_noise_depends_on_voice_and_text_alone(tmp_path):
    voice = open_voice(build_voice(tmp_path / "noisy.onnx", reports_durations=True, noisy=True))
    first = voice.speak("Go home. Stay there.").samples
    voice.speak("Something else entirely.")
    assert np.array_equal(voice.speak("Go home. Stay there.").samples, first)
    assert np.array_equal(open_voice(voice.name).speak("Go home. Stay there.").samples, first)
    home = len(voice.speak("Go home.").samples)
    assert not np.array_equal(voice.speak("Go home.").samples, first[:home])  # each text has noise of its own


def test_noise_is_as_the_graph_draws_it(tmp_path):
    silent, noisy = (
        open_voice(build_voice(tmp_path / f"{kind}.onnx", reports_durations=True, noisy=kind == "noisy"))
        for kind in ("silent", "noisy")
    )
    text = "The rain in Spain stays mainly in the plain."
    levels = silent._session.run(None, silent_inputs := inputs_of(silent, text))[0].ravel()
    noise = noisy._session.run(None, silent_inputs)[0].ravel() - levels
    assert abs(noise.mean()) < 0.002 and noise.std() == pytest.approx(0.1, rel=0.02)  # scale=0.1 in `build_voice`
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.02
    drawn = noisy._session.run(None, silent_inputs)[0].ravel() - levels
    assert abs(np.corrcoef(noise, drawn)[0, 1]) < 0.02  # the next sentence of a text has other noise


def inputs_of(voice, text):
    ids = [id_ for sentence in voice._voice.phonemize(text) for id_ in voice._voice.phonemes_to_ids(sentence)]
    return {
        "input": np.array([ids], np.int64),
        "input_lengths": np.array([len(ids)], np.int64),
        "scales": np.ones(3, np.float32),
    }


def test_a_place_that_needs_more_noise_than_there_is_begins_again(tmp_path):
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("RandomNormalLike", ["x"], ["y"], mean=3.0, scale=2.0)],
        "noise",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, None])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, None])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 15)], ir_version=8)
    assert take_noise_as_input(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    noise = np.random.default_rng(0).standard_normal(7).astype(np.float32)
    (found,) = session.run(None, {"x": np.zeros((4, 5), np.float32), NOISE: noise})
    np.testing.assert_allclose(found, 3 + 2 * np.resize(noise, (4, 5)), rtol=1e-6)


def test_every_sentence_has_the_same_gain(tmp_path):
    voice = open_voice(build_voice(tmp_path / "plain.onnx", reports_durations=True))
    quiet, loud = voice.speak("It.").samples, voice.speak("Home.").samples
    assert quiet.max() == loud.max() == 1
    both = voice.speak("It. Home.").samples
    assert both[: len(quiet)].max() < 1 == both[len(quiet) :].max()  # no phoneme of "it" has the highest id


def test_what_is_a_range_is_drawn_and_named(tmp_path):
    name = build_voice(tmp_path / "many.onnx", reports_durations=True, speakers={f"s{i}": i for i in range(9)})
    ranging = open_voice(f"{name}#2..5@0.8..1.2,noise=0.1..0.3,noise-w=0.5")
    drawn = [ranging.narrowed(random.Random(seed)) for seed in range(40)]
    assert {voice.speaker for voice in drawn} == {f"{name}#{speaker}" for speaker in range(2, 6)}
    assert drawn[7].name == ranging.narrowed(random.Random(7)).name != drawn[8].name
    for voice in drawn:
        rate, noise, noise_w = re.fullmatch(r".*@([\d.]+),noise=([\d.]+),noise-w=([\d.]+)", voice.name).groups()
        assert 0.8 <= float(rate) <= 1.2 and 0.1 <= float(noise) <= 0.3 and noise_w == "0.5"
        config = voice._synthesis_config()
        assert (config.length_scale, config.noise_scale, config.noise_w_scale) == (
            *(1 / float(rate), float(noise), 0.5),
        )
        assert np.array_equal(open_voice(voice.name).speak("Hello.").samples, voice.speak("Hello.").samples)
    assert {open_voice(f"{name}#any").narrowed(random.Random(seed)).speaker for seed in range(99)} == {
        f"{name}#{speaker}" for speaker in range(9)
    }
    assert open_voice(name).narrowed(random.Random(1)).name == name


@pytest.mark.parametrize("settings", ["@0", "@5", "@fast", "@1.2..0.8", ",noise=-1", ",noise=nan", ",loud=3", "#"])
def test_settings_that_are_none_are_refused(tmp_path, settings):
    name = build_voice(tmp_path / "tiny.onnx", reports_durations=True)
    with pytest.raises(SaladError) as raised:
        open_voice(name + settings)
    assert raised.value.fix


def test_a_gpu_that_is_not_there_is_said(tmp_path):
    name = build_voice(tmp_path / "tiny.onnx", reports_durations=True)
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        assert len(open_voice(name, device="cuda").speak("Hello.").samples)
    else:
        with pytest.raises(SaladError, match="without CUDA"):
            open_voice(name, device="cuda")
    assert len(open_voice(name, device="auto").speak("Hello.").samples)


def test_speakers_by_name_and_by_number(tmp_path):
    name = build_voice(tmp_path / "two.onnx", reports_durations=True, speakers={"anna": 0, "bert": 1})
    for speaker in ("", "#bert", "#1"):
        assert len(open_voice(name + speaker).speak("Hello.").samples)
    for speaker in ("#carl", "#2", "#-1"):
        with pytest.raises(SaladError, match="no speaker"):
            open_voice(name + speaker)


def test_unspeakable_text_is_refused(voice):
    with pytest.raises(SaladError, match="nothing to speak"):
        voice.speak("  ")


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(SaladError, match="does not exist"):
        open_voice(f"piper:{tmp_path}/none.onnx")
    (tmp_path / "alone.onnx").write_bytes(b"")
    with pytest.raises(SaladError, match="alone.onnx.json"):
        open_voice(f"piper:{tmp_path}/alone.onnx")


@pytest.mark.parametrize("config", ["{}", "not json", None])
def test_files_of_another_kind_are_refused(tmp_path, config):
    path = tmp_path / "other.onnx"
    build_voice(path, reports_durations=True)
    if config is None:
        path.write_bytes(b"no graph")
    else:
        path.with_name("other.onnx.json").write_text(config)
    with pytest.raises(SaladError, match="no Piper voice"):
        open_voice(f"piper:{path}")
