"""Random operators of a graph, whose values are drawn outside the graph instead."""

import numpy as np
import onnx
import pytest
from kokoro_model import FLOAT

from saladkit.speech.voices.drawn_noise import NOISE, SeededSession, take_noise_as_input
from saladkit.speech.voices.normal_noise import draw_all_normally
from saladkit.speech.voices.onnx_session import open_session


def draw(node, *, seed=0, kind=FLOAT, opset=17):
    """Return the numbers that a graph of one random operator draws in our session, [100000]."""
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
