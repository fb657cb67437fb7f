import json

import numpy as np
import onnx
import pytest
from piper import phoneme_ids

from saladkit.errors import SaladError
from saladkit.speech.synthesis import CHUNK, speakers
from saladkit.speech.voices.voice import open_voice

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
    assert times["in"] == times["the"] == (None, None)


def test_a_voice_without_durations_has_words_without_times(tmp_path):
    name = build_voice(tmp_path / "plain.onnx", reports_durations=False)
    utterance = open_voice(name).speak("Hello world.")
    assert [(word.word, word.start, word.end) for word in utterance.words] == [
        ("Hello", None, None),
        ("world.", None, None),
    ]


def test_a_noisy_voice_gives_the_same_samples_in_any_number_of_processes(tmp_path):
    name = build_voice(tmp_path / "noisy.onnx", reports_durations=True, noisy=True)
    rows = [(str(row), "Go home.", name) for row in range(2 * CHUNK + 3)]
    with speakers(1) as speak:
        alone, again = ({place: row["audio"]["bytes"] for place, row in speak(rows)} for _ in range(2))
    with speakers(2) as speak:
        shared = {place: row["audio"]["bytes"] for place, row in speak(rows)}
    assert alone == again == shared
    assert sorted(alone) == list(range(len(rows)))
    assert len(set(alone.values())) == CHUNK  # the noise runs on within a chunk


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
