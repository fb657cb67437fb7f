"""Open an embedder by its name."""

from pathlib import Path

import huggingface_hub

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.formats.regions import LM_PREFIX
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.selection.embedders.embedder import Embedder
from saladkit.selection.embedders.encoder import open_encoder
from saladkit.selection.embedders.static import StaticEmbedder, is_static
from saladkit.selection.embedders.transformer import TransformerEmbedder, mean_of_tokens

LM_MAX_TOKENS = 512  # as most encoders
FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
DEFAULT = "BAAI/bge-large-en-v1.5"  # the paper's


def open_embedder(name: str, *, device: str, dtype: str, batch_tokens: int) -> Embedder:
    """`lm:MODEL`: the mean of a text LLM's last hidden states. Else an encoder or static embeddings: folder or name.

    Raises:
        SaladError: no such model, or one that cannot be used as an embedder.
    """
    if name.startswith(LM_PREFIX):
        folder = name.removeprefix(LM_PREFIX)
        return TransformerEmbedder(
            load_text_model(folder, dtype=dtype, device=device).get_decoder().eval(),
            load_tokenizer(folder),
            mean_of_tokens,
            max_tokens=LM_MAX_TOKENS,
            batch_tokens=batch_tokens,
        )
    folder = _local_folder(name)
    if is_static(folder):
        return StaticEmbedder(folder)
    return open_encoder(folder, device=device, dtype=dtype, batch_tokens=batch_tokens)


def _local_folder(name: str) -> Path:
    check_model_folder(name, DEFAULT)
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the Hub client raises many kinds: not found, offline, gated
        raise SaladError(
            f"no such folder, and {name} could not be loaded: {type(error).__name__}: {error}",
            "Check the name, or give a folder, or lm:MODEL.",
        ) from error
