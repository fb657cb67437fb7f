"""Open Kokoro's ONNX graph so that it reports durations, and gives equal samples for equal inputs."""

from pathlib import Path

import onnx
import onnxruntime

from saladkit.speech.voices.drawn_noise import SeededSession, take_noise_as_input
from saladkit.speech.voices.normal_noise import draw_all_normally
from saladkit.speech.voices.onnx_session import Provider, open_session

DURATION = "duration"  # the output's name for kokoro-onnx


class KokoroSession(SeededSession):
    """A session as kokoro-onnx uses it, whose noise starts at `seed`."""

    def __init__(self, session: onnxruntime.InferenceSession, path: Path):
        super().__init__(session)
        self._model_path = str(path)
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_modelmeta = session.get_modelmeta


def open_kokoro_graph(path: Path, providers: list[Provider]) -> KokoroSession:
    """Open a graph that kokoro-onnx published or exported.

    Raises:
        ValueError: the graph lacks Kokoro's inputs.
        Exception: any error that onnx and onnxruntime raise for a file of another kind.
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
    """Add the durations, in frames [1, tokens], to the outputs if they can be found and are no output yet.

    The published v1.0 graphs compute durations without reporting them. Durations are the only value in Kokoro that is
    rounded and then raised to at least 1. They are in frames, 600 samples each in v1.0, and add up to the audio.
    """
    if len(model.graph.output) != 1:
        return
    rounded = {node.output[0] for node in model.graph.node if node.op_type == "Round"}
    raised = [node for node in model.graph.node if node.op_type in ("Clip", "Max") and rounded & set(node.input)]
    if len(raised) == 1:
        model.graph.node.append(onnx.helper.make_node("Cast", raised[0].output, [DURATION], to=onnx.TensorProto.FLOAT))
        model.graph.output.append(onnx.helper.make_tensor_value_info(DURATION, onnx.TensorProto.FLOAT, None))
