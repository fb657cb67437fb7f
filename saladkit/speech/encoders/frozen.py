"""Load frozen speech encoders: their weights are never trained, and a digest identifies them."""

import re
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, PreTrainedModel
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor

from saladkit.errors import SaladError, first_line
from saladkit.formats.digests import digest_bytes, digest_json

Network = TypeVar("Network", bound=torch.nn.Module)
_COMPLETE_MODEL = "Give the folder of a complete model, or the name of a model on the Hugging Face Hub."
# Only training uses the embedding of masked frames; many checkpoints leave it out.
_TRAINING_ONLY = re.compile(r"(^|\.)masked_spec_embed$")


def model_kind(name: str | Path) -> str:
    """Return the `model_type` of a model, given by its folder or its name on the Hub.

    Raises:
        SaladError: the model has no configuration that transformers knows.
    """
    try:
        return AutoConfig.from_pretrained(name).model_type
    except Exception as error:  # transformers and the Hub client raise errors of many types
        raise _not_loaded(name, "a speech encoder", error) from error


def load_network(name: str | Path) -> PreTrainedModel:
    """Load a model from a folder or the Hub, in float32 on the CPU.

    Raises:
        SaladError: the model does not load, or lacks weights.
    """
    try:
        network, notes = AutoModel.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # transformers and safetensors raise errors of many types
        raise _not_loaded(name, "a speech encoder", error) from error
    missing = sorted(key for key in notes["missing_keys"] if not _TRAINING_ONLY.search(key))
    if missing:
        raise SaladError(f"{name} lacks weights: {', '.join(missing[:3])}", _COMPLETE_MODEL)
    return network


def load_feature_extractor(name: str | Path) -> SequenceFeatureExtractor:
    """Load the feature extractor of a Hugging Face model (`preprocessor_config.json`).

    Raises:
        SaladError: the model has no feature extractor.
    """
    try:
        return AutoFeatureExtractor.from_pretrained(name)
    except Exception as error:
        raise _not_loaded(name, "a speech encoder with its feature extractor", error) from error


def _not_loaded(name: str | Path, kind: str, error: Exception) -> SaladError:
    return SaladError(f"{name} cannot be loaded as {kind}: {first_line(error)}", _COMPLETE_MODEL)


def cut_layers(encoder: torch.nn.Module, layer: int | None, name: str | Path, *, normed_last: bool) -> int:
    """Remove the layers of a transformer encoder after `layer`, and return how many layers are left.

    Args:
        layer: the last layer to keep, counted from 1; None keeps all.
        normed_last: whether `encoder.layer_norm` follows the last layer. It is removed together with the last layer.

    Raises:
        SaladError: the encoder has fewer layers.
    """
    layers = cast(torch.nn.ModuleList, encoder.layers)
    total = len(layers)
    if layer is None or layer == total:
        return total
    if layer > total:
        raise SaladError(f"{name} has {total} layers, not {layer}", f"Set --encoder-layer to at most {total}.")
    del layers[layer:]
    if normed_last:
        encoder.layer_norm = torch.nn.Identity()
    return layer


def frozen(network: Network, device: str, dtype: str) -> Network:
    """Return the network on `device` in the type `dtype`, in evaluation mode and without gradients."""
    network.to(device, getattr(torch, dtype))
    return network.eval().requires_grad_(False)


def weights_digest(network: torch.nn.Module) -> str:
    """Return a digest of the weights of a float32 network on the CPU.

    Names are left out, because they differ between versions of transformers. Call it before the type is changed.
    """
    tensors = [tensor for key, tensor in network.state_dict().items() if not _TRAINING_ONLY.search(key)]
    stored = [(list(tensor.shape), digest_bytes(tensor.contiguous().numpy().tobytes())) for tensor in tensors]
    return digest_json(sorted(stored))


def looks_ahead(name: str | Path) -> SaladError:
    """Return the error that an encoder cannot be given a recording in pieces."""
    return SaladError(
        f"{name} looks ahead: its frames depend on later audio, so speech cannot be read while it comes in",
        "Give the whole recording, or use a checkpoint with a causal encoder: log-mel, Mimi or phones.",
    )


def padded(recordings: list[np.ndarray]) -> torch.Tensor:
    """Stack recordings to float32 [recordings, longest]; zeros fill the shorter recordings."""
    return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(samples) for samples in recordings], batch_first=True)


def as_float16(frames: torch.Tensor, name: str | Path) -> np.ndarray:
    """Return frames as they are stored, float16.

    Raises:
        SaladError: some values are not finite.
    """
    stored = frames.float().cpu().numpy().astype(np.float16)
    if not np.isfinite(stored).all():
        raise SaladError(
            f"{name} gives frames that are not finite in float16", "Try --dtype float32, or another --encoder-layer."
        )
    return stored
