"""What the frozen encoders share: their weights are loaded once, never trained, and known by their digest."""

import re
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, PreTrainedModel
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor

from saladkit.errors import SaladError
from saladkit.formats.digests import digest_bytes, digest_json

Network = TypeVar("Network", bound=torch.nn.Module)
_WHOLE = "Give a folder that holds the whole model, or the name of one that can be downloaded."
# The embedding of masked frames is of use in training only, and left out of many checkpoints.
_NEEDLESS = re.compile(r"(^|\.)masked_spec_embed$")


def model_kind(name: str | Path) -> str:
    """The `model_type` of a folder or of a name on the Hub.

    Raises:
        SaladError: it has no configuration that transformers knows.
    """
    try:
        return AutoConfig.from_pretrained(name).model_type
    except Exception as error:  # transformers and the Hub client raise whatever the file at fault led to
        raise _not_loaded(name, "a speech encoder", error) from error


def load_network(name: str | Path) -> PreTrainedModel:
    """The model at a folder or a name on the Hub, in float32 on the CPU.

    Raises:
        SaladError: it does not load, or lacks weights.
    """
    try:
        network, notes = AutoModel.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # transformers and safetensors raise whatever the file at fault led to
        raise _not_loaded(name, "a speech encoder", error) from error
    missing = sorted(key for key in notes["missing_keys"] if not _NEEDLESS.search(key))
    if missing:
        raise SaladError(f"{name} lacks weights: {', '.join(missing[:3])}", _WHOLE)
    return network


def load_feature_extractor(name: str | Path) -> SequenceFeatureExtractor:
    """What a Hugging Face model says about the audio that it hears (`preprocessor_config.json`).

    Raises:
        SaladError: there is none.
    """
    try:
        return AutoFeatureExtractor.from_pretrained(name)
    except Exception as error:
        raise _not_loaded(name, "a speech encoder with its feature extractor", error) from error


def _not_loaded(name: str | Path, kind: str, error: Exception) -> SaladError:
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return SaladError(f"{name} cannot be loaded as {kind}: {first_line}", _WHOLE)


def cut_layers(encoder: torch.nn.Module, layer: int | None, name: str | Path, *, normed_last: bool) -> int:
    """Leave a transformer encoder its first `layer` layers, so that no more is computed; returns how many it has then.

    Args:
        layer: from 1; None leaves all.
        normed_last: whether `encoder.layer_norm` follows the last layer; what is no longer the last has no norm.

    Raises:
        SaladError: there are fewer layers.
    """
    layers = cast(torch.nn.ModuleList, encoder.layers)
    total = len(layers)
    if layer is None or layer == total:
        return total
    if layer > total:
        raise SaladError(f"{name} has {total} layers, not {layer}", f"Give --encoder-layer from 1 to {total}.")
    del layers[layer:]
    if normed_last:
        encoder.layer_norm = torch.nn.Identity()
    return layer


def frozen(network: Network, device: str, dtype: str) -> Network:
    """The network on its device, in its type, never to be trained."""
    network.to(device, getattr(torch, dtype))
    return network.eval().requires_grad_(False)


def weights_digest(network: torch.nn.Module) -> str:
    """Digest of a float32 network's weights, wherever they lie and whatever they are called.

    Names are left out: they differ between versions of transformers. Take it before the type is changed.
    """
    tensors = [tensor for key, tensor in network.state_dict().items() if not _NEEDLESS.search(key)]
    stored = [(list(tensor.shape), digest_bytes(tensor.contiguous().numpy().tobytes())) for tensor in tensors]
    return digest_json(sorted(stored))


def padded(recordings: list[np.ndarray]) -> torch.Tensor:
    """float32 [recordings, longest], with zeros behind the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(samples) for samples in recordings], batch_first=True)


def as_float16(frames: torch.Tensor, name: str | Path) -> np.ndarray:
    """Frames as they are stored.

    Raises:
        SaladError: some are not finite.
    """
    stored = frames.float().cpu().numpy().astype(np.float16)
    if not np.isfinite(stored).all():
        raise SaladError(
            f"{name} gives frames that are not finite in float16", "Try --dtype float32, or another layer."
        )
    return stored
