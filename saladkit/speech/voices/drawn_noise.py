"""Make the noise that an ONNX graph draws an input of the graph, so that equal inputs give equal outputs.

onnxruntime seeds random operators once per session, and they continue from run to run: the sound of a text would depend
on the texts before it. VITS (Piper) draws noise by RandomNormalLike, in two places.
"""

import numpy as np
import onnx
import onnxruntime

NOISE = "saladkit_noise"
# The largest prime below 2^18. An operator that needs more values (13 s of speech at 192 channels and 86 frames a
# second) starts again from the first value, which then falls on another channel.
_VALUES = 262_139


def take_noise_as_input(model: onnx.ModelProto) -> bool:
    """Replace every RandomNormalLike of `model` by values of a new input, float32 [n]; return whether there was one."""
    drawing = [node for node in model.graph.node if node.op_type == "RandomNormalLike"]
    for number, node in enumerate(drawing):
        begin = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for further, replacement in enumerate(_same_shape_of_noise(node, f"{NOISE}_{number}", number)):
            model.graph.node.insert(begin + further, replacement)
    if drawing:
        model.graph.input.append(onnx.helper.make_tensor_value_info(NOISE, onnx.TensorProto.FLOAT, [None]))
    return bool(drawing)


def _same_shape_of_noise(node: onnx.NodeProto, name: str, number: int) -> list[onnx.NodeProto]:
    """Return nodes that compute mean + scale * noise[(i + number * 1009) mod n] in the shape of the node's input."""
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}

    def constant(suffix: str, value: object, kind: type) -> onnx.NodeProto:
        return onnx.helper.make_node(
            "Constant", [], [f"{name}_{suffix}"], value=onnx.numpy_helper.from_array(np.array(value, kind))
        )

    def step(kind: str, inputs: list[str], output: str) -> onnx.NodeProto:
        return onnx.helper.make_node(kind, inputs, [output if output == node.output[0] else f"{name}_{output}"])

    def inner(*suffixes: str) -> list[str]:
        return [f"{name}_{suffix}" for suffix in suffixes]

    return [
        constant("zero", 0, np.int64),
        constant("one", 1, np.int64),
        constant("offset", number * 1009, np.int64),
        constant("mean", given.get("mean", 0.0), np.float32),
        constant("scale", given.get("scale", 1.0), np.float32),
        step("Shape", [node.input[0]], "shape"),
        step("Size", [node.input[0]], "size"),
        step("Size", [NOISE], "values"),
        step("Range", inner("zero", "size", "one"), "places"),
        step("Add", inner("places", "offset"), "moved"),
        step("Mod", inner("moved", "values"), "turned"),
        step("Gather", [NOISE, f"{name}_turned"], "flat"),
        step("Reshape", inner("flat", "shape"), "normal"),
        step("Mul", inner("normal", "scale"), "scaled"),
        step("Add", inner("scaled", "mean"), node.output[0]),
    ]


class SeededSession:
    """An onnxruntime session whose noise starts at `seed`."""

    def __init__(self, session: onnxruntime.InferenceSession):
        self._session = session
        self._takes_noise = NOISE in {given.name for given in session.get_inputs()}
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart the noise from this seed."""
        self._random = np.random.default_rng(seed)

    def run(self, outputs: list[str] | None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Run the graph; the noise continues from call to call until the next `seed`."""
        noise = {NOISE: self._random.standard_normal(_VALUES, np.float32)} if self._takes_noise else {}
        return self._session.run(outputs, inputs | noise)
