"""Rewrite random operators of an ONNX graph as RandomNormalLike, which `drawn_noise` turns into an input.

StyleTTS 2 (Kokoro) draws the noise of its breath by RandomNormalLike, and the initial phases of its harmonics by
RandomUniform or RandomUniformLike, depending on the export.
"""

from typing import Any

import numpy as np
import onnx

_KINDS = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")


def draw_all_normally(model: onnx.ModelProto) -> None:
    """Replace each random operator of `model` by nodes with the same distribution that draw by RandomNormalLike alone.

    A normal number z becomes a uniform number by its distribution function, in float32:
    low + (high - low) * (1 + erf(z / sqrt 2)) / 2.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    for number, node in enumerate([node for node in model.graph.node if node.op_type in _KINDS]):
        begin = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for further, replacement in enumerate(_drawing_normally(node, f"saladkit_random_{number}", opset)):
            model.graph.node.insert(begin + further, replacement)


def _drawing_normally(node: onnx.NodeProto, name: str, opset: int) -> list[onnx.NodeProto]:
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    nodes: list[onnx.NodeProto] = []

    def constant(value: object, kind: type) -> str:
        array = onnx.numpy_helper.from_array(np.array(value, kind))
        return step("Constant", value=array)

    def step(kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{name}_{len(nodes)}"
        nodes.append(onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    like = node.input[0] if node.input else step("ConstantOfShape", constant(given["shape"], np.int64))
    drawn = step("RandomNormalLike", like, dtype=onnx.TensorProto.FLOAT)
    if node.op_type.startswith("RandomUniform"):
        low, high = given.get("low", 0.0), given.get("high", 1.0)
        drawn = step("Erf", step("Mul", drawn, constant(0.5**0.5, np.float32)))
        drawn = step("Mul", drawn, constant((high - low) / 2, np.float32))
        drawn = step("Add", drawn, constant((high + low) / 2, np.float32))
    else:
        drawn = step("Mul", drawn, constant(given.get("scale", 1.0), np.float32))
        drawn = step("Add", drawn, constant(given.get("mean", 0.0), np.float32))
    if "dtype" in given or not node.input:
        step("Cast", drawn, to=given.get("dtype", onnx.TensorProto.FLOAT))
    elif opset >= 15:
        step("CastLike", drawn, like)
    nodes[-1].output[0] = node.output[0]
    return nodes
