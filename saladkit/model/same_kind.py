"""Check that checkpoints are of one kind, so that a mean of their weights means something."""

from collections.abc import Sequence
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder, model_type
from saladkit.model.configuration import SaladConfig
from saladkit.model.loading import is_same_model, load_processor
from saladkit.rows.tokens import tokenizer_digest

# Entries of `config.json` that say nothing of the model's function, at any depth.
INCIDENTAL = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
ENCODER = (
    *("frozen_encoder", "stacked_frames"),
    *("speech_encoder", "num_mel_bins", "encoder_width", "encoder_layers", "encoder_fine_blocks"),
    "encoder_blocks",
)
ONE_START = "Give checkpoints that were trained from one start, such as Stage I and Stage II of one run."


def check_same_kind(checkpoints: Sequence[str | Path]) -> None:
    """Check that checkpoints differ in their weights alone.

    Raises:
        SaladError: a checkpoint cannot be read, or has another tokenizer, speech encoder, shape or text LLM than the
            first, or only one of two holds all weights.
    """
    first, *others = checkpoints
    expected, text_llm = _about(first)
    for other in others:
        found, its_text_llm = _about(other)
        for what, value in expected.items():
            if found[what] != value:
                raise SaladError(f"{other} has another {what} than {first}", ONE_START)
        # All weights have been trained, and do not tell from what: the names of the text LLMs are compared.
        if found["text LLM"] is None and not is_same_model(its_text_llm, text_llm):
            raise SaladError(f"{other} was made from {its_text_llm}, and {first} from {text_llm}", ONE_START)


def _about(name: str | Path) -> tuple[dict[str, object], str]:
    """Return what checkpoints of one kind share, and the name of the text LLM."""
    check_model_folder(name)
    if model_type(name) != "salad":
        raise SaladError(f"{name} is no folder of a speech-adapted checkpoint", "Give outputs of `distill` or `align`.")
    processor = load_processor(name)
    config: SaladConfig = processor.config
    shape = _essential(config.to_dict())
    encoder = {key: shape.pop(key) for key in ENCODER}
    if config.frozen_encoder is not None:
        del encoder["speech_encoder"]  # a path; the identity has the digest of the weights
    text_model, lora, template = (shape.pop(key) for key in ("text_model", "lora", "chat_template"))
    about = {
        "tokenizer": tokenizer_digest(processor.tokenizer),
        "speech encoder": encoder,
        "set of weights (all, or those that were trained)": text_model is None,
        "text LLM": text_model and text_model["digest"],
        "shape of LoRA": lora,
        "chat template": template,
        "shape": shape,
    }
    return about, config.text_config.name_or_path or ""


def _essential(config: dict) -> dict:
    kept = {key: value for key, value in config.items() if key not in INCIDENTAL}
    return {key: _essential(value) if isinstance(value, dict) else value for key, value in kept.items()}
