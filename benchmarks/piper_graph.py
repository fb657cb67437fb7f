"""Write a Piper voice with random weights that has the inputs, outputs and amount of work of a real medium voice.

The decoder is that of real voices (HiFi-GAN: 192 channels in, 256 before four transposed convolutions of 8, 8, 2 and 2,
each followed by three residual blocks), and takes nearly all of a voice's time. The layers before it are smaller.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

RATE, HOP, HIDDEN = 22_050, 256, 192
FRAMES_PER_PHONEME = 6
UPSAMPLINGS = ((8, 16), (8, 16), (2, 4), (2, 4))  # factor and kernel
BLOCKS = ((3, (1, 3)), (5, (1, 3)), (7, (1, 3)))  # kernel and dilations


class _Graph:
    """A graph while it is built: its nodes and weights. Every method returns the name of the tensor that it adds."""

    def __init__(self, scale: int):
        self.random = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.width = 256 // scale

    def tensor(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def convolution(self, x: str, given: int, made: int, kernel: int, dilation: int = 1) -> str:
        weights = self.random.standard_normal((made, given, kernel)) / np.sqrt(given * kernel)
        pads = [dilation * (kernel - 1) // 2] * 2
        w = self.tensor(weights.astype(np.float32))
        return self.node("Conv", x, w, kernel_shape=[kernel], dilations=[dilation], pads=pads)

    def upsampling(self, x: str, given: int, made: int, factor: int, kernel: int) -> str:
        weights = self.random.standard_normal((given, made, kernel)) / np.sqrt(given * kernel / factor)
        pads = [(kernel - factor) // 2] * 2
        w = self.tensor(weights.astype(np.float32))
        return self.node("ConvTranspose", x, w, kernel_shape=[kernel], strides=[factor], pads=pads)

    def leaky(self, x: str) -> str:
        return self.node("LeakyRelu", x, alpha=0.1)


def write_piper_voice(path: Path, *, scale: int = 1) -> None:
    """Write PATH.onnx and PATH.onnx.json; widths are divided by `scale`."""
    graph = _Graph(scale)
    table = graph.tensor(graph.random.standard_normal((256, HIDDEN)).astype(np.float32))
    encoded = graph.node("Transpose", graph.node("Gather", table, "input"), perm=[0, 2, 1])
    for _ in range(6):
        encoded = graph.node("Add", encoded, graph.leaky(graph.convolution(encoded, HIDDEN, HIDDEN, 5)))
    # all phonemes have the same duration: [1, T] of ones times the frames
    ones = graph.node("Cast", graph.node("Equal", "input", "input"), to=TensorProto.FLOAT)
    frames = graph.node("Mul", ones, graph.tensor(np.array([FRAMES_PER_PHONEME], np.float32)))
    durations = graph.node(
        "Ceil", graph.node("Mul", frames, graph.node("Gather", "scales", graph.tensor(np.array([1]))))
    )
    scales = graph.tensor(np.array([1, 1, FRAMES_PER_PHONEME], np.float32))
    x = graph.node("Resize", encoded, "", scales, mode="nearest")
    noise = graph.node("RandomNormalLike", x)
    x = graph.node("Add", x, graph.node("Mul", noise, graph.node("Gather", "scales", graph.tensor(np.array([0])))))
    width = graph.width
    x = graph.convolution(x, HIDDEN, width, 7)
    for factor, kernel in UPSAMPLINGS:
        x = graph.upsampling(graph.leaky(x), width, width // 2, factor, kernel)
        width //= 2
        x = _blocks(graph, x, width)
    sound = graph.node("Tanh", graph.convolution(graph.leaky(x), width, 1, 7))
    graph.nodes.append(helper.make_node("Unsqueeze", [sound, graph.tensor(np.array([1]))], ["output"]))
    graph.nodes.append(helper.make_node("Identity", [durations], ["w"]))
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, None])
    made = helper.make_graph(graph.nodes, "voice", inputs, [output], graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, path)
    config = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "num_symbols": 256,
        "num_speakers": 1,
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
    }
    Path(f"{path}.json").write_text(json.dumps(config))


def _blocks(graph: _Graph, x: str, width: int) -> str:
    """Add three residual blocks and their mean."""
    made = []
    for kernel, dilations in BLOCKS:
        block = x
        for dilation in dilations:
            inner = graph.convolution(graph.leaky(block), width, width, kernel, dilation)
            inner = graph.convolution(graph.leaky(inner), width, width, kernel)
            block = graph.node("Add", block, inner)
        made.append(block)
    total = graph.node("Sum", *made)
    return graph.node("Div", total, graph.tensor(np.array([len(made)], np.float32)))
