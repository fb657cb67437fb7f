"""Kokoro's ONNX graph, opened so that it tells how long each phoneme lasts and gives equal sounds for equal inputs."""

from pathlib import Path

import onnx
import onnxruntime

from saladkit.speech.voices.drawn_noise import SeededSession, take_noise_as_input
from saladkit.speech.voices.normal_noise import draw_all_normally
from saladkit.speech.voices.onnx_session import Provider, open_session

DURATION = "duration"  # what kokoro-onnx looks for among the outputs


class KokoroSession(SeededSession):
    """What kokoro-onnx asks of a session, with noise that `seed` begins."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path):
        super().__init__(session)
        self._model_path = str(path)
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_modelmeta = session.get_modelmeta


def open_kokoro_graph(path: Path, providers: list[Provider]) -> KokoroSession:
    """Open a graph as kokoro-onnx publishes or exports them.

    Raises:
        ValueError: the graph does not take what Kokoro takes.
        Exception: what onnx and onnxruntime raise of a file of another kind.
    """
    model = onnx.load(path)
    inputs = {given.name for given in model.graph.input}
    if not ({"style", "speed"} <= inputs and inputs & {"tokens", "input_ids"}):
        raise ValueError(f"its graph takes {', '.join(sorted(inputs))}, not tokens, style and speed")
    _report_durations(model)
    draw_all_normally(model)
    take_noise_as_input(model)
    return KokoroSession(open_session(model, providers), path)


def _report_durations(model: onnx.ModelProto) -> None:
    """Make the durations an output, in frames [1, tokens], where they are none yet and can be found.

    The published v1.0 graphs do not report them, but compute them: durations are the one thing in Kokoro that is
    rounded and then raised to at least 1 (frames; 600 samples each in v1.0, and they sum to the audio exactly).
    """
    if len(model.graph.output) != 1:
        return
    rounded = {node.output[0] for node in model.graph.node if node.op_type == "Round"}
    raised = [node for node in model.graph.node if node.op_type in ("Clip", "Max") and rounded & set(node.input)]
    if len(raised) == 1:
        model.graph.node.append(onnx.helper.make_node("Cast", raised[0].output, [DURATION], to=onnx.TensorProto.FLOAT))
        model.graph.output.append(onnx.helper.make_tensor_value_info(DURATION, onnx.TensorProto.FLOAT, None))
