import json
import random
import shutil
import sys
import warnings

import kokoro_onnx
import numpy as np
import onnx
import pytest
from kokoro_onnx.config import DEFAULT_VOCAB, MAX_PHONEME_LENGTH

from saladkit.errors import SaladError
from saladkit.speech.voices.drawn_noise import NOISE, SeededSession, take_noise_as_input
from saladkit.speech.voices.kokoro import LAG
from saladkit.speech.voices.kokoro_phonemes import espeak_config
from saladkit.speech.voices.normal_noise import draw_all_normally
from saladkit.speech.voices.onnx_session import open_session
from saladkit.speech.voices.voice import VoiceFailed, open_voice

RATE = 24000
FRAME = 300  # samples
FRAMES = 8  # of a phoneme at speed 1
FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def number(name, value, kind=FLOAT):
    return onnx.helper.make_tensor(name, kind, np.shape(value), np.ravel(value).tolist())


def build_model(path, *, durations="hidden", noisy=False, speed_type=FLOAT, tokens="tokens"):
    """A Kokoro graph: token k lasts round(8 / speed) frames at the level k / 200, plus the sum of the style.

    `durations` are "reported", "hidden" (computed and rounded, as in the published graphs) or None.
    """
    info = onnx.helper.make_tensor_value_info
    inputs = [info(tokens, INT64, [1, None]), info("style", FLOAT, [1, 256]), info("speed", speed_type, [1])]
    constants = [
        number("step", 1 / 200),
        number("frames_at_1", float(FRAMES)),
        number("least", 1.0),
        number("frame", [FRAME], INT64),
        number("column", [-1, 1], INT64),
        number("flat", [-1], INT64),
        number("half", 0.5),
    ]
    node = onnx.helper.make_node
    nodes = [
        node("Cast", [tokens], ["ids"], to=FLOAT),
        node("Mul", ["ids", "step"], ["levels"]),
        node("ReduceSum", ["style"], ["tone"], keepdims=0),
        node("Cast", ["speed"], ["real_speed"], to=FLOAT),
        node("Div", ["frames_at_1", "real_speed"], ["exact_each"]),
        node("Shape", [tokens], ["size"]),
        node("Expand", ["exact_each", "size"], ["exact"]),
    ]
    if durations is None:
        nodes += [node("Add", ["exact", "half"], ["above"]), node("Floor", ["above"], ["frames"])]
    else:
        nodes += [node("Round", ["exact"], ["rounded"]), node("Clip", ["rounded", "least"], ["frames"])]
    nodes += [
        node("Cast", ["frames"], ["durations"], to=INT64),
        node("ReduceMax", ["durations"], ["one_each"], keepdims=0),
        node("Mul", ["one_each", "frame"], ["samples"]),
        node("Gather", ["size", "second"], ["count"]),
        node("Concat", ["count", "samples"], ["shape"], axis=0),
        node("Reshape", ["levels", "column"], ["levels_column"]),
        node("Expand", ["levels_column", "shape"], ["held"]),
        node("Add", ["held", "tone"], ["toned"]),
    ]
    constants.append(number("second", [1], INT64))
    sound = "toned"
    if noisy:
        nodes += [
            node("RandomNormalLike", ["toned"], ["breath"], scale=0.01),
            node("RandomUniform", [], ["phase"], shape=[1, 1], low=-0.1, high=0.1),
            node("RandomUniformLike", ["toned"], ["hiss"], high=0.01),
            node("Sum", ["toned", "breath", "phase", "hiss"], ["noisy"]),
        ]
        sound = "noisy"
    nodes.append(node("Reshape", [sound, "flat"], ["audio"]))
    outputs = [info("audio", FLOAT, [None])]
    if durations == "reported":
        nodes.append(node("Identity", ["durations"], ["duration"]))
        outputs.append(info("duration", INT64, [1, None]))
    graph = onnx.helper.make_graph(nodes, "kokoro", inputs, outputs, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def build_folder(folder, **of_the_model):
    folder.mkdir(exist_ok=True)
    build_model(folder / "kokoro-v9.onnx", **of_the_model)
    styles = {name: np.zeros((MAX_PHONEME_LENGTH, 1, 256), np.float32) for name in ("af_heart", "ff_siwis", "zf_xiao")}
    styles["bm_low"] = np.full((MAX_PHONEME_LENGTH, 1, 256), -0.05 / 256, np.float32)
    with open(folder / "voices-v9.bin", "wb") as file:
        np.savez(file, **styles, xx_odd=np.zeros(3, np.float32))
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return build_folder(tmp_path_factory.mktemp("kokoro"))


@pytest.fixture
def voice(folder):
    return open_voice(f"kokoro:{folder}/af_heart")


def level_of(phoneme):
    return pytest.approx(DEFAULT_VOCAB[phoneme] / 200, abs=1e-6)


@pytest.mark.parametrize("durations", ["reported", "hidden"])
@pytest.mark.parametrize("tokens", ["tokens", "input_ids"])
def test_words_take_their_times_from_the_phonemes(tmp_path, durations, tokens):
    voice = open_voice(f"kokoro:{build_folder(tmp_path, durations=durations, tokens=tokens)}/af_heart")
    text = "Hello  world, it works."
    utterance = voice.speak(text)
    assert utterance.sample_rate == RATE
    assert utterance.samples.dtype == np.float32
    assert [word.word for word in utterance.words] == text.split()
    times = [time for word in utterance.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= len(utterance.samples) / RATE
    assert times[0] == 0
    # "həlˈoʊ wˈɜːld, ɪt wˈɜːks."; this model sounds when its durations say, not ahead of them as Kokoro does
    for word, first, last in zip(utterance.words, "hwɪw", "ʊdts", strict=True):
        if word.start:
            assert utterance.samples[round((word.start + LAG) * RATE) + 1] == level_of(first)
        assert utterance.samples[round((word.end + LAG) * RATE) - 2] == level_of(last)


def test_times_are_those_of_the_speed(folder):
    text = "Hello world, it works."
    slow, plain = (open_voice(f"kokoro:{folder}/af_heart{speed}").speak(text) for speed in ("@0.5", ""))
    assert len(slow.samples) == pytest.approx(2 * len(plain.samples), rel=0.1)  # pauses and padding stay
    for one, other in zip(slow.words, plain.words, strict=True):
        if other.start:  # not moved to the beginning
            assert one.end - one.start == pytest.approx(2 * (other.end - other.start), rel=0.05)


def test_a_model_without_durations_has_words_without_times(tmp_path):
    utterance = open_voice(f"kokoro:{build_folder(tmp_path, durations=None)}/af_heart").speak("Hello world.")
    assert [(word.word, word.start, word.end) for word in utterance.words] == [
        ("Hello", None, None),
        ("world.", None, None),
    ]
    assert len(utterance.samples) > 10 * FRAMES * FRAME


def test_a_text_of_several_batches_keeps_its_words_apart(voice):
    text = " ".join(f"the tall men{mark} ate all" for mark in (",", ".", "", ";", "?") * 15)
    utterance = voice.speak(text)
    times = [time for word in utterance.words for time in (word.start, word.end)]
    assert len(utterance.words) == 5 * 75
    assert None not in times
    assert times == sorted(times)
    assert times[-1] <= len(utterance.samples) / RATE


def test_lines_foreign_words_and_numbers(folder):
    words = {}
    for name, text in (
        ("af_heart", "Say 1984\nor don't,\t\x01you\x00 \ud800there"),
        ("ff_siwis", "J'aime le football"),
    ):
        utterance = open_voice(f"kokoro:{folder}/{name}").speak(text)
        assert [word.word for word in utterance.words] == text.split()
        words |= {word.word: word for word in utterance.words}
    for word in ("Say", "1984", "or", "don't,", "J'aime", "le", "football"):
        assert words[word].start is not None, word
    assert words["1984"].end - words["1984"].start > 2 * (words["Say"].end - words["Say"].start)
    # eight phonemes and a mark of stress, but none of the "(en)" and "(fr)" around it: fˈʊtbɔːl
    assert words["football"].end - words["football"].start == pytest.approx(9 * FRAMES * FRAME / RATE, rel=0.12)


def test_the_first_letter_tells_the_language(folder):
    languages = {name: open_voice(f"kokoro:{folder}/{name}").language for name in ("af_heart", "bm_low", "ff_siwis")}
    assert languages == {"af_heart": "en-us", "bm_low": "en-gb", "ff_siwis": "fr-fr"}
    american, british = (
        open_voice(f"kokoro:{folder}/{name}").speak("dance").samples for name in ("af_heart", "bm_low")
    )
    assert not np.array_equal(american[: len(british)], british[: len(american)])


def test_speeds_are_drawn_and_named(folder):
    voice = open_voice(f"kokoro:{folder}/af_heart@0.8..1.2")
    assert voice.speaker == f"kokoro:{folder}/af_heart"
    one, other, again = (voice.narrowed(random.Random(seed)) for seed in (0, 1, 0))
    assert one.name == again.name != other.name
    assert one.name.startswith(f"{voice.speaker}@")
    assert one.speaker == voice.speaker
    assert np.array_equal(one.speak("Go on.").samples, open_voice(one.name).speak("Go on.").samples)
    plain = open_voice(voice.speaker)
    assert plain.narrowed(random.Random(0)).name == plain.name == voice.speaker


def test_a_noisy_model_gives_the_same_samples_whatever_was_spoken_before(tmp_path):
    folder = build_folder(tmp_path / "one", noisy=True)
    voice, other = open_voice(f"kokoro:{folder}/af_heart"), open_voice(f"kokoro:{folder}/bm_low@0.9")
    first = voice.speak("Go home.").samples
    other.speak("Something else!")
    voice.speak("And more of it.")
    assert np.array_equal(voice.speak("Go home.").samples, first)
    assert not np.array_equal(voice.speak("Go home!").samples, first)
    shutil.copytree(folder, tmp_path / "elsewhere")
    moved = open_voice(f"kokoro:{tmp_path}/elsewhere/af_heart")
    assert np.array_equal(moved.speak("Go home.").samples, first)
    assert moved.identity == voice.identity


def test_espeak_voices_stay_reproducible_beside_it(voice):
    espeak = open_voice("espeak:en-us+f3")
    first = espeak.speak("The quick brown fox.").samples
    voice.speak("Hello.")
    open_voice("espeak:fr").speak("Bonjour")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(espeak.speak("The quick brown fox.").samples, first)


def test_an_identity_is_of_the_model_and_of_this_voice_alone(tmp_path, folder):
    heart, low = (open_voice(f"kokoro:{folder}/{name}").identity for name in ("af_heart", "bm_low"))
    assert heart["style"] != low["style"]
    assert heart["model"] == low["model"]
    other = build_folder(tmp_path)
    with open(other / "voices-v9.bin", "wb") as file:
        np.savez(file, af_heart=np.zeros((MAX_PHONEME_LENGTH, 1, 256), np.float32))
    assert open_voice(f"kokoro:{other}/af_heart").identity == heart
    build_model(other / "kokoro-v9.onnx", noisy=True)
    changed = open_voice(f"kokoro:{other}/af_heart").identity
    assert {name for name in heart if heart[name] != changed[name]} == {"model"}


def test_a_model_may_have_symbols_of_its_own(tmp_path):
    other = build_folder(tmp_path)
    plain = open_voice(f"kokoro:{other}/af_heart")
    (other / "config.json").write_text(json.dumps({"model_type": "something else"}))
    assert open_voice(f"kokoro:{other}/af_heart").identity == plain.identity
    swapped = DEFAULT_VOCAB | {"a": DEFAULT_VOCAB["ɪ"], "ɪ": DEFAULT_VOCAB["a"]}
    shutil.copytree(other, tmp_path / "swapped")
    (tmp_path / "swapped" / "config.json").write_text(json.dumps({"vocab": swapped}))
    voice = open_voice(f"kokoro:{tmp_path}/swapped/af_heart")
    assert voice.identity["symbols"] != plain.identity["symbols"]
    assert not np.array_equal(voice.speak("It is.").samples, plain.speak("It is.").samples)


def test_the_folder_is_the_environments_or_the_current_one(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("KOKORO_HOME", raising=False)
    monkeypatch.chdir(folder)
    here = open_voice("kokoro:af_heart")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SaladError, match="needs a file kokoro"):
        open_voice("kokoro:af_heart")
    monkeypatch.setenv("KOKORO_HOME", str(folder))
    assert open_voice("kokoro:af_heart").identity == here.identity
    monkeypatch.chdir("/")
    assert len(here.speak("Hello.").samples)


def test_whole_speeds_alone_where_the_model_takes_no_others(tmp_path):
    folder = build_folder(tmp_path, speed_type=onnx.TensorProto.INT32)
    plain, fast = (open_voice(f"kokoro:{folder}/af_heart{speed}").speak("Go on.") for speed in ("", "@2"))
    assert len(plain.samples) > 1.5 * len(fast.samples)
    for speed in ("@1.5", "@0.5", "@1..2"):
        with pytest.raises(SaladError, match="whole speeds"):
            open_voice(f"kokoro:{folder}/af_heart{speed}")


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "\x01"])
def test_unspeakable_text_is_refused(voice, text):
    with pytest.raises(SaladError, match="nothing to speak"):
        voice.speak(text)


@pytest.mark.parametrize(
    "description, problem",
    [
        ("", "does not describe"),
        ("/", "does not describe"),
        ("{folder}/", "does not describe"),
        ("{folder}/af_heart@", "does not describe"),
        ("{folder}/af_heart@1@2", "does not describe"),
        ("{folder}/af_heart@fast", "the speed 'fast'"),
        ("{folder}/af_heart@0.4", "the speed '0.4'"),
        ("{folder}/af_heart@1..2.1", "the speed '1..2.1'"),
        ("{folder}/af_nobody", "has no voice 'af_nobody'"),
        ("{folder}/zf_xiao", "speaks Mandarin"),
        ("{folder}/jf_alpha", "speaks Japanese"),
        ("{folder}/xx_odd", "names no language"),
        ("{folder}/none/af_heart", "needs a file kokoro*.onnx in"),
    ],
)
def test_names_of_no_voice_are_refused(folder, description, problem):
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{description.format(folder=folder)}")
    assert problem in raised.value.problem
    assert raised.value.fix


def test_a_voice_that_is_not_there_is_answered_with_those_that_are(folder):
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{folder}/af_hart")
    assert raised.value.fix == "Use one of: af_heart, bm_low, ff_siwis, xx_odd, zf_xiao."


def test_missing_and_ambiguous_files_are_refused_with_where_they_are(tmp_path):
    folder = build_folder(tmp_path)
    shutil.copy(folder / "kokoro-v9.onnx", folder / "kokoro-v8.onnx")
    with pytest.raises(SaladError, match="has kokoro-v8.onnx, kokoro-v9.onnx"):
        open_voice(f"kokoro:{folder}/af_heart")
    (folder / "kokoro-v8.onnx").unlink()
    (folder / "voices-v9.bin").unlink()
    with pytest.raises(SaladError, match=r"needs a file voices\*.bin") as raised:
        open_voice(f"kokoro:{folder}/af_heart")
    for part in ("kokoro-v1.0.onnx", "voices-v1.0.bin", "kokoro-onnx/releases", "KOKORO_HOME"):
        assert part in raised.value.fix


def _an_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def _objects(path):
    """What only unpickling could read, and must be refused."""
    with open(path, "wb") as file:
        np.savez(file, af_heart=np.array([{"pickled": 1}], dtype=object))


def _odd_styles(path):
    with open(path, "wb") as file:
        np.savez(file, af_heart=np.zeros((256,), np.float32))


def _another_graph(path):
    node = onnx.helper.make_node("Identity", ["input"], ["output"])
    ends = [onnx.helper.make_tensor_value_info(name, FLOAT, [1]) for name in ("input", "output")]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", ends[:1], ends[1:]), ir_version=8), path)


@pytest.mark.parametrize(
    "file, write",
    [
        ("voices-v9.bin", _an_array),
        ("voices-v9.bin", _objects),
        ("voices-v9.bin", _odd_styles),
        ("voices-v9.bin", lambda path: path.write_bytes(b"no voices")),
        ("voices-v9.bin", lambda path: path.write_bytes(b"")),
        ("kokoro-v9.onnx", lambda path: path.write_bytes(b"no graph")),
        ("kokoro-v9.onnx", lambda path: path.write_bytes(b"")),
        ("kokoro-v9.onnx", lambda path: path.write_bytes(path.read_bytes()[:-100])),
        ("kokoro-v9.onnx", _another_graph),
        ("config.json", lambda path: path.write_text("no json")),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, file, write):
    write(build_folder(tmp_path) / file)
    with pytest.raises(SaladError, match="are no Kokoro model with its voices"):
        open_voice(f"kokoro:{tmp_path}/af_heart")


def test_a_style_that_does_not_fit_the_model_fails_when_it_speaks(tmp_path):
    folder = build_folder(tmp_path)
    with open(folder / "voices-v9.bin", "wb") as file:
        np.savez(file, af_heart=np.zeros((510, 1, 128), np.float32), bm_loud=np.full((510, 1, 256), np.nan, np.float32))
    with pytest.raises(VoiceFailed, match="af_heart failed: "):
        open_voice(f"kokoro:{folder}/af_heart").speak("Hello.")
    with pytest.raises(VoiceFailed, match="failed|gave no sound"):
        open_voice(f"kokoro:{folder}/bm_loud").speak("Hello.")


def test_a_gpu_that_onnxruntime_does_not_know_is_refused(folder):
    for device in ("cuda", "cuda:1"):
        with pytest.raises(SaladError, match="built without CUDA"):
            open_voice(f"kokoro:{folder}/af_heart", device=device)
    assert open_voice(f"kokoro:{folder}/af_heart", device="auto").name == f"kokoro:{folder}/af_heart"


def test_a_missing_extra_is_named(monkeypatch, folder):
    monkeypatch.delitem(sys.modules, "saladkit.speech.voices.kokoro", raising=False)
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{folder}/af_heart")
    assert "'kokoro_onnx'" in raised.value.problem
    assert "pip install 'saladkit[kokoro]'" in raised.value.fix


def test_the_library_alone_gives_the_same_sound(folder, voice):
    """Nothing but phonemes, noise and durations is ours."""
    kokoro = kokoro_onnx.Kokoro.from_session(
        voice._kokoro.sess, str(folder / "voices-v9.bin"), espeak_config=espeak_config()
    )
    samples, rate = kokoro.create("Hello world, it works.", "af_heart")
    assert rate == RATE
    assert np.array_equal(samples, voice.speak("Hello world, it works.").samples)


def draw(node, *, seed=0, kind=FLOAT, opset=17):
    """What a graph of one random operator draws, [100000], by our session."""
    info = onnx.helper.make_tensor_value_info
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    ends = info("like", kind, [None]), info("drawn", given.get("dtype", kind), None)
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)
    draw_all_normally(model)
    assert take_noise_as_input(model)
    assert NOISE in [given.name for given in model.graph.input]
    session = SeededSession(open_session(model, ["CPUExecutionProvider"]))
    like = np.zeros(100_000, onnx.helper.tensor_dtype_to_np_dtype(kind))
    session.seed(seed)
    (drawn,) = session.run(None, {"like": like})
    session.seed(seed)
    assert np.array_equal(session.run(None, {"like": like})[0], drawn)
    session.seed(seed + 1)
    assert not np.array_equal(session.run(None, {"like": like})[0], drawn)
    return drawn


@pytest.mark.parametrize("opset", [13, 17])
@pytest.mark.parametrize("kind, inputs, given", [("", [], {"shape": [100_000]}), ("Like", ["like"], {})])
def test_uniform_and_normal_numbers_stay_what_they_are(kind, inputs, given, opset):
    uniform = draw(
        onnx.helper.make_node(f"RandomUniform{kind}", inputs, ["drawn"], low=2.0, high=5.0, **given), opset=opset
    )
    assert uniform.shape == (100_000,)
    assert 2 <= uniform.min() < 2.001 < 4.999 < uniform.max() <= 5
    counts, _ = np.histogram(uniform, 10, (2, 5))
    assert np.abs(counts - 10_000).max() < 500  # five standard deviations
    normal = draw(onnx.helper.make_node(f"RandomNormal{kind}", inputs, ["drawn"], mean=3.0, scale=2.0, **given))
    assert normal.mean() == pytest.approx(3, abs=0.03)
    assert normal.std() == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("given", [{}, {"dtype": onnx.TensorProto.DOUBLE}])
def test_numbers_keep_the_type_they_had(given):
    node = onnx.helper.make_node("RandomUniformLike", ["like"], ["drawn"], **given)
    assert draw(node, kind=onnx.TensorProto.FLOAT16).dtype == (np.float64 if given else np.float16)
