"""Names, files and devices that no Kokoro voice can be opened with."""

import shutil
import sys

import numpy as np
import onnx
import pytest
from kokoro_model import FLOAT, build_folder

from saladkit.errors import SaladError
from saladkit.speech.voices.voice import VoiceFailed, open_voice


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
def test_names_of_no_voice_are_refused(kokoro_folder, description, problem):
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{description.format(folder=kokoro_folder)}")
    assert problem in raised.value.problem
    assert raised.value.fix


def test_a_voice_that_is_not_there_is_answered_with_those_that_are(kokoro_folder):
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{kokoro_folder}/af_hart")
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
    """Voices that only unpickling could read, so they must be refused."""
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


def test_a_gpu_that_onnxruntime_does_not_know_is_refused(kokoro_folder):
    for device in ("cuda", "cuda:1"):
        with pytest.raises(SaladError, match="built without CUDA"):
            open_voice(f"kokoro:{kokoro_folder}/af_heart", device=device)
    assert open_voice(f"kokoro:{kokoro_folder}/af_heart", device="auto").name == f"kokoro:{kokoro_folder}/af_heart"


def test_a_missing_extra_is_named(monkeypatch, kokoro_folder):
    monkeypatch.delitem(sys.modules, "saladkit.speech.voices.kokoro", raising=False)
    monkeypatch.setitem(sys.modules, "kokoro_onnx", None)
    with pytest.raises(SaladError) as raised:
        open_voice(f"kokoro:{kokoro_folder}/af_heart")
    assert "'kokoro_onnx'" in raised.value.problem
    assert "pip install 'saladkit[kokoro]'" in raised.value.fix
