"""Open an embedder by its name."""

from pathlib import Path

import huggingface_hub

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.formats.regions import LM_PREFIX
from saladkit.selection.embedders.embedder import Embedder
from saladkit.selection.embedders.language_model import LanguageModelEmbedder
from saladkit.selection.embedders.sentence_encoder import SentenceEncoder
from saladkit.selection.embedders.static import StaticEmbedder, is_static
from saladkit.settings.regions import RegionsSettings

FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]  # no code, and no pickles


def open_embedder(name: str, *, device: str, dtype: str, batch_tokens: int) -> Embedder:
    """Open a sentence encoder or static embeddings, or with `lm:MODEL` a text LLM.

    Args:
        name: a local folder or a name on the Hugging Face Hub, for a text LLM behind `lm:`.
        dtype: of the weights, "float32" or "bfloat16".
        batch_tokens: most tokens of a batch, padding included.

    Raises:
        SaladError: the model does not exist or cannot be loaded as an embedder.
    """
    if name.startswith(LM_PREFIX):
        text_llm = name.removeprefix(LM_PREFIX)
        return LanguageModelEmbedder(text_llm, device=device, dtype=dtype, batch_tokens=batch_tokens)
    folder = _local_folder(name)
    if is_static(folder):
        return StaticEmbedder(folder)
    return SentenceEncoder(folder, device=device, dtype=dtype, batch_tokens=batch_tokens)


def _local_folder(name: str) -> Path:
    if not (Path(name) / "modules.json").is_file():
        check_model_folder(name, RegionsSettings.embedder)
    if Path(name).is_dir():
        return Path(name)
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the Hub client raises many kinds: not found, offline, gated
        raise SaladError(
            f"{name} is not a folder, and could not be loaded from the Hub: {type(error).__name__}: {error}",
            "Check the name, or give a folder, or lm:MODEL.",
        ) from error
