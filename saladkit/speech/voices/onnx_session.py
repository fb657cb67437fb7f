"""Open ONNX graphs for speech: on the requested device, with equal results in every run on a CPU."""

import onnx
import onnxruntime

from saladkit.errors import SaladError

Provider = str | tuple[str, dict]


def providers_for(device: str) -> list[Provider]:
    """Return onnxruntime's providers for "cpu", "cuda", "cuda:1"..., or "auto": a GPU if onnxruntime supports one.

    Raises:
        SaladError: `device` is a GPU, and the installed onnxruntime does not support GPUs.
    """
    kind, _, number = device.partition(":")
    has_gpu = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if kind == "cuda" and not has_gpu:
        raise SaladError("the onnxruntime that is installed is built without CUDA", "Run: pip install onnxruntime-gpu")
    on_gpu = (
        [("CUDAExecutionProvider", {"device_id": int(number or 0)})] if has_gpu and kind in ("cuda", "auto") else []
    )
    return [*on_gpu, "CPUExecutionProvider"]


def open_session(model: onnx.ModelProto, providers: list[Provider]) -> onnxruntime.InferenceSession:
    """Open a session of `model` on one thread."""
    options = onnxruntime.SessionOptions()
    # One process per core is faster than one process with a thread per core, and it always sums in the same order.
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), sess_options=options, providers=providers)
