"""A small Kokoro model whose sound tells its phonemes, with style vectors of a few voices."""

import numpy as np
import onnx
from kokoro_onnx.config import MAX_PHONEME_LENGTH

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
