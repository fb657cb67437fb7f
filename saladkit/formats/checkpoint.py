"""Checkpoints: a Hugging Face model folder with our manifest, and `stable/` from before the decay.

`config.json`, `model.safetensors`, `generation_config.json`, the tokenizer's files, `processor_config.json` and the
model card `README.md`, here and in `stable/` (after Stage I only). A TensorBoard log in `logs/` is no part of it. While
training works, the state to resume from is in `training/`.

`metrics.jsonl` is the training log, one line per logged step, each over the steps since the line before: `step`,
`loss`, its parts `distillation`, `nll` and `lexical` (means in nats, each where it was computed; from samples
`distillation` is the cross entropy: the divergence and the teacher's entropy together), `learning_rate`, `grad_norm`,
`places_used` (the share of the batches' places that was no padding), and the mix: `rows of SOURCE` and `positions of
SOURCE`, text positions.

After `from saladkit import SaladForCausalLM` transformers' AutoConfig, AutoModelForCausalLM and AutoProcessor load such
a folder. With `--save trained` after LoRA, `model.safetensors` holds speech encoder, adapter and LoRA alone;
`config.json` then has `lora` (rank, alpha, dropout, targets) and `text_model`: the `name` of the model beneath, a path
as it was given or a name on the Hub, and the `digest` of its `config.json` and weights, which is checked before LoRA is
merged into it.
"""

import json
import re
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, PLAN, digest_path
from saladkit.formats.digests import digest_json
from saladkit.formats.files import read_json

SCHEMA, VERSION = "checkpoint", 2  # 2: the vectors' length is of one dimension
STABLE = "stable"
METRICS = "metrics.jsonl"
CARD = "README.md"
LOGS = "logs"  # what --report-to tensorboard writes; no part of the artefact


def check_model_folder(name: str | Path, example: str = "Qwen/Qwen2.5-3B") -> None:
    """Raise a SaladError unless `name` is a Hugging Face model folder, or could be the name of a model on the Hub."""
    path = Path(name)
    if not path.exists():
        if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", str(name)):
            return
        raise SaladError(f"{name} does not exist", f"Give a model folder or a name such as {example}.")
    if not (path / "config.json").is_file():
        raise SaladError(f"{name} is not a checkpoint: it has no config.json", "Give a model folder.")
    if (path / PLAN).exists() and not (path / MANIFEST).exists():
        raise SaladError(f"{name} is not finished", "Run the command that makes it again: it goes on where it stopped.")


def model_type(name: str | Path) -> str | None:
    """The model type that a local folder's config.json states; None for what is not a local folder."""
    config = Path(name) / "config.json"
    if not config.is_file():
        return None
    try:
        return json.loads(config.read_text()).get("model_type")
    except ValueError as error:
        raise SaladError(f"{config} is not JSON: {error}", "Give a model folder that is whole.") from error


def model_digest(name: str | Path) -> str:
    """Digest of a model's configuration and weights; of the name alone for a model on the Hub."""
    path = Path(name)
    if not path.is_dir():
        return digest_json(str(name))
    files = sorted([*path.glob("*.safetensors"), *path.glob("*.safetensors.index.json"), path / "config.json"])
    return digest_json([[file.name, digest_path(file)] for file in files])


def stable_or_final(checkpoint: str | Path) -> Path:
    """Where Stage II starts: the checkpoint from before the decay if there is one, else the checkpoint itself."""
    stable = Path(checkpoint) / STABLE
    return stable if (stable / "config.json").is_file() else Path(checkpoint)


def read_metrics(checkpoint: str | Path) -> list[dict]:
    """The training log: one entry per logged step."""
    path = Path(checkpoint) / METRICS
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def positions_trained_on(checkpoint: Path, stable_steps: int, start: dict | None) -> dict[str, int]:
    """Text positions that a training has seen by its log, and before its decay, with those of its start.

    Args:
        start: the manifest's entry of the checkpoint that it went on from; nothing is known where it does not tell.
    """
    before = trained_positions(start["path"]) if start else 0
    if before is None:
        return {}
    seen = [(row["step"], _positions(row)) for row in read_metrics(checkpoint)]
    return {
        "positions": before + sum(count for _, count in seen),
        "positions_before_decay": before + sum(count for step, count in seen if step <= stable_steps),
    }


def trained_positions(checkpoint: str | Path) -> int | None:
    """Text positions that a checkpoint, or what stands in its `stable/`, has seen; None where no manifest tells."""
    path = Path(checkpoint)
    for manifest, name in ((path / MANIFEST, "positions"), (path.parent / MANIFEST, "positions_before_decay")):
        if manifest.is_file() and (name == "positions" or path.name == STABLE):
            return read_json(manifest).get("counts", {}).get(name)
    return None


def _positions(row: dict) -> int:
    return sum(int(count) for name, count in row.items() if name.startswith("positions of "))
