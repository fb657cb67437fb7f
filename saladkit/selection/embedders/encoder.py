"""Open a Hugging Face encoder as sentence-transformers' files beside it say: pooling, length, prompt."""

import json
from pathlib import Path

import torch
from transformers import AutoModel

from saladkit.errors import SaladError
from saladkit.model.loading import check_tokenizer_fits, load_tokenizer
from saladkit.selection.embedders.transformer import POOLINGS, TransformerEmbedder

POOLING_MODE = "pooling_mode_"  # what older files call a mode: `pooling_mode_cls_token: true`
OLDER_NAMES = {"cls_token": "cls", "mean_tokens": "mean", "lasttoken": "lasttoken"}
APPLIED = ("Transformer", "Pooling", "Normalize")


def open_encoder(folder: Path, *, device: str, dtype: str, batch_tokens: int) -> TransformerEmbedder:
    """An encoder in a local folder.

    Raises:
        SaladError: no such model, or one whose files ask for a pooling or a further layer that is not known here.
    """
    modules = {module["type"].rpartition(".")[2]: module["path"] for module in _json(folder / "modules.json", [])}
    for kind in modules:
        if kind not in APPLIED:
            raise SaladError(
                f"{folder} ends in a {kind} layer, which is not applied here",
                f"Give an encoder of {', '.join(APPLIED)}.",
            )
    whole, folder = folder, folder / modules.get("Transformer", "")
    tokenizer = load_tokenizer(folder)
    try:
        model = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device).eval()
    except Exception as error:  # transformers raises whatever the file at fault led to
        raise SaladError(f"{folder} cannot be loaded: {error}", "Give an encoder's folder, or lm:MODEL.") from error
    check_tokenizer_fits(model, tokenizer, folder)
    about = _json(folder / "sentence_bert_config.json", {})
    longest = [
        about.get("max_seq_length"),
        getattr(model.config, "max_position_embeddings", None),
        tokenizer.model_max_length,
    ]
    settings = _json(whole / "config_sentence_transformers.json", {})
    prompt = settings.get("prompts", {}).get(settings.get("default_prompt_name"), "")
    return TransformerEmbedder(
        model,
        tokenizer,
        POOLINGS[_pooling(whole / modules.get("Pooling", "1_Pooling"))],
        max_tokens=min(length for length in longest if length),
        batch_tokens=batch_tokens,
        prompt=prompt,
        lower_case=about.get("do_lower_case", False),
    )


def _pooling(folder: Path) -> str:
    settings = _json(folder / "config.json", {})
    mode = settings.get("pooling_mode")
    if mode is None:
        chosen = [name for name, value in settings.items() if name.startswith(POOLING_MODE) and value]
        names = [name.removeprefix(POOLING_MODE) for name in chosen] or ["mean_tokens"]
        mode = OLDER_NAMES.get(names[0]) if len(names) == 1 else None
    if mode not in POOLINGS:
        raise SaladError(f"{folder} pools in a way that is not known here", f"Give one of {', '.join(POOLINGS)}.")
    return mode


def _json(path: Path, default: dict | list) -> dict | list:
    if not path.is_file():
        return default
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise SaladError(f"{path} is not JSON: {error}", "Give a model folder that is whole.") from error
