"""The options of the training commands, sorted into what the stages take."""

from dataclasses import fields

from saladkit.errors import SaladError
from saladkit.machine import resolve_device
from saladkit.model.lora import LoraOptions
from saladkit.rows.interleaving import InterleavingOptions
from saladkit.rows.training_sources import WeightedPath
from saladkit.speech.encoders.registry import LOG_MEL
from saladkit.training.options import TrainingOptions


def training_settings(settings: dict) -> dict:
    """Options as click gives them -> keyword arguments of `distill` and `align`."""
    settings = dict(settings)
    interleaving = InterleavingOptions(*(settings.pop(name) for name in ("text_words", "speech_words", "text_first")))
    batching, device = settings.pop("batching"), settings["device"]
    settings["packed"] = batching == "packed" or (batching == "auto" and resolve_device(device) == "cuda")
    names = [field.name for field in fields(TrainingOptions) if field.name in settings]
    options = TrainingOptions(**{name: settings.pop(name) for name in names})
    settings["lora"] = _lora(*(settings.pop(f"lora_{name}") for name in ("rank", "alpha", "dropout", "targets")))
    settings["data"] = [WeightedPath.parse(path) for path in settings["data"]]
    settings["replay"] = [WeightedPath.parse(path) for path in settings["replay"]]
    settings["frames"], settings["words"] = list(settings["frames"]), list(settings["words"])
    return settings | {"options": options, "interleaving": interleaving}


def _lora(rank: int | None, alpha: float | None, dropout: float, targets: tuple[str, ...]) -> LoraOptions | None:
    if not rank and (alpha is not None or dropout or targets):
        raise SaladError("settings of LoRA without LoRA", "Give its rank with --lora-rank, 16 for example.")
    return None if rank is None else LoraOptions(rank, alpha, dropout, tuple(targets))


def adapter_settings(settings: dict) -> tuple[dict, dict]:
    """Split off the shape of the adapter and of the encoder: (the rest, {"adapter": ..., "encoder": ...})."""
    settings = dict(settings)
    adapter = {name: settings.pop(name) for name in ("layers", "width", "mlp_width", "heads", "kv_heads")}
    name, of_log_mel = settings.pop("encoder"), {"num_mel_bins": settings.pop("bins")}
    of_log_mel["encoder_width"] = settings.pop("encoder_width")
    of_others = {"codebooks": settings.pop("codebooks"), "layer": settings.pop("layer")}
    encoder = {"speech_encoder": name} | (of_log_mel if name == LOG_MEL else of_others)
    return settings, {"adapter": adapter, "encoder": encoder}
