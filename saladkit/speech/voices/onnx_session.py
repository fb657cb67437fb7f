"""An ONNX graph opened for speaking: on the device asked for, and the same figures wherever it runs on a CPU."""

import onnx
import onnxruntime

from saladkit.errors import SaladError

Provider = str | tuple[str, dict]


def providers_for(device: str) -> list[Provider]:
    """onnxruntime's providers for "cpu", "cuda", "cuda:1"..., or "auto": a GPU where onnxruntime is built for one.

    Raises:
        SaladError: a GPU is asked for by name, and onnxruntime here knows none.
    """
    kind, _, number = device.partition(":")
    there = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if kind == "cuda" and not there:
        raise SaladError("the onnxruntime that is installed is built without CUDA", "Run: pip install onnxruntime-gpu")
    on_gpu = [("CUDAExecutionProvider", {"device_id": int(number or 0)})] if there and kind in ("cuda", "auto") else []
    return [*on_gpu, "CPUExecutionProvider"]


def open_session(model: onnx.ModelProto, providers: list[Provider]) -> onnxruntime.InferenceSession:
    """A session of `model` on one thread."""
    options = onnxruntime.SessionOptions()
    # One process a core does more than one process with a thread a core, and sums in an order that never differs.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), sess_options=options, providers=providers)
