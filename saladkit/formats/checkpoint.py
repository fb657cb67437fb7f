"""Checkpoints: a model folder of transformers with our manifest, and in `stable/` the model before the decay.

Both have `config.json`, `model.safetensors`, `generation_config.json`, the tokenizer's files, `processor_config.json`
and the model card `README.md`; Stage I writes `stable/`, and so does Stage II with `--decay-fraction` below 1. During
training, `training/` holds the state to resume from. A TensorBoard log in `logs/` is not part of the artefact. A mean
of checkpoints (`saladkit average`) is a checkpoint without a log and without `stable/`; the manifest's settings have
the `weights` of its inputs.

`stable/moments.safetensors` holds the optimizer's moments, with which `align` goes on: for each trained parameter NAME
`exp_avg.NAME` and `exp_avg_sq.NAME`, of its shape, and `step.NAME`, its number of updates, all float32.

`metrics.jsonl` is the training log, with one line per logging step, over the steps since the line before:

- `step`, `learning_rate`, `grad_norm`
- `loss`, and its parts `distillation`, `nll`, `lexical` and `phoneme`: means in nats over the positions where they were
  computed.
  With a sampled teacher, `distillation` is the cross entropy: the divergence plus the teacher's entropy.
- `places_used`: share of the places of a batch that is not padding
- for each source, `rows of SOURCE`; `positions of SOURCE`, speech vectors included; `loss positions of SOURCE`, those
  with a loss; and `unread rows of SOURCE`, which fitted into no window of their pass
- with rollouts, for each source, and as `SOURCE (read)` for rollouts whose prompts were read: `divergence of SOURCE`;
  `teacher log-probability of SOURCE`, of the tokens of responses, mean and 5 % quantile; with the sampled loss `ratio`,
  `effective samples` and `clipped`, the ratios of student and writer, their effective sample size as a share, and the
  share out of bounds; with reverse-kl and a top-k cache `outside top k`, the student's probability there

The manifest counts these positions over the whole training, Stage I included in Stage II: `positions_read` all of them,
`positions_with_loss` the text positions; with `_before_decay`, up to the checkpoint in `stable/`.

After `from saladkit import SaladForCausalLM`, transformers' AutoConfig, AutoModelForCausalLM and AutoProcessor load
such a folder. With LoRA and `--save trained`, `model.safetensors` holds speech encoder, adapter and LoRA only;
`config.json` then has `lora` (rank, alpha, dropout, targets) and `text_model`: the `name` of the model that LoRA was
trained on, a path as given or a name on the Hub, and the `digest` of its `config.json` and weights, which is checked
before LoRA is merged. If text LLM or encoder have moved, write their new places there: `name` of `text_model` and
`speech_encoder` may be edited, and nothing else (`configurations` in the manifest's identity has the digests of the
rest).
"""

import math
import re
from pathlib import Path

from saladkit.errors import SaladError, first_line
from saladkit.formats.artefact import CONTINUE, MANIFEST, PLAN, digest_path, is_artefact
from saladkit.formats.digests import digest_json
from saladkit.formats.files import read_json
from saladkit.formats.intact import changed, check_intact
from saladkit.formats.json_text import parse_json
from saladkit.formats.records import damaged, read_record

SCHEMA, VERSION = "checkpoint", 2  # 2: the adapter's `length` has shape [1]
STAGES = {"distill": "Stage I", "align": "Stage II"}  # of the method, by the command that runs them
STABLE = "stable"
MOMENTS = "moments.safetensors"
METRICS = "metrics.jsonl"
TRAINING, TRAINER_STATE = "training", "trainer_state.json"  # what a training resumes from, until it is complete
# Counts of a manifest: all positions that the model read in training, tokens and speech vectors, and those of them from
# which text was predicted.
POSITIONS = ("positions_read", "positions_with_loss")
BEFORE_DECAY = "_before_decay"  # at the end of these names: of the steps whose checkpoint is in `stable/`
CONFIGURATIONS = "configurations"  # in the manifest's identity: digests of the checkpoint's configurations
CARD = "README.md"
LOGS = "logs"  # written by --report-to tensorboard; not part of the artefact


def check_model_folder(name: str | Path, example: str = "Qwen/Qwen2.5-3B") -> None:
    """Check that `name` is a finished model folder, or could be the name of a model on the Hub.

    Args:
        example: a name for the message.

    Raises:
        SaladError: it is neither, or a file of one of our checkpoints is damaged.
    """
    path = Path(name)
    if not path.exists():
        if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", str(name)):
            return
        raise SaladError(f"{name} does not exist", f"Give a model folder or a name such as {example}.")
    if not (path / "config.json").is_file():
        raise SaladError(
            f"{name} is not a checkpoint: it has no config.json", "Give a folder with config.json and weights."
        )
    if (path / PLAN).exists() and not (path / MANIFEST).exists():
        raise SaladError(f"{name} is not finished", CONTINUE)
    _check_intact(path)


def _check_intact(folder: Path) -> None:
    """Check the files that a model is loaded from, if the folder is one of our checkpoints, or the `stable/` of one."""
    free = {"config.json", CARD, METRICS, MOMENTS}  # the moments are checked where they are read
    artefact, stored = _stored_files(folder)
    check_intact(artefact, [name for name in stored if Path(name).name not in free])
    written = read_record(artefact / MANIFEST, ("identity",))["identity"].get(CONFIGURATIONS, {}) if stored else {}
    for name in stored:
        if name in written and _configuration_digest(artefact / name) != written[name]:
            raise changed(artefact, name, "more has changed than where its text LLM and its encoder are")


def configurations(folder: Path) -> dict[str, str]:
    """Return the digest of each `config.json` of a checkpoint, as its manifest has them; without what may be edited."""
    names = [name for name in ("config.json", f"{STABLE}/config.json") if (folder / name).is_file()]
    return {name: _configuration_digest(folder / name) for name in names}


def _configuration_digest(path: Path) -> str:
    """Return the digest of a `config.json` without the names of encoder and text LLM, which may have moved."""
    config = {name: value for name, value in read_json(path).items() if name != "speech_encoder"}
    if isinstance(config.get("text_model"), dict):
        config["text_model"] = {name: value for name, value in config["text_model"].items() if name != "name"}
    return digest_json(config)


def check_moments(folder: Path) -> None:
    """Check the optimizer's moments in the `stable/` of one of our checkpoints.

    Raises:
        SaladError: they are damaged.
    """
    artefact, stored = _stored_files(folder)
    check_intact(artefact, [name for name in stored if Path(name).name == MOMENTS])


def _stored_files(folder: Path) -> tuple[Path, list[str]]:
    """Return the artefact that a model folder is, or is the `stable/` of, and its files there; none of another one."""
    for artefact, below in ((folder, Path()), (folder.parent, Path(STABLE))):
        if artefact / below == folder and (artefact / MANIFEST).is_file() and is_artefact(artefact):
            manifest = read_record(artefact / MANIFEST, ("schema", "files"))
            names = manifest["files"] if manifest["schema"] == SCHEMA else ()
            return artefact, [name for name in names if Path(name).parent == below]
    return folder, []


def model_type(name: str | Path) -> str | None:
    """Return the model type in a local folder's config.json; None without such a folder.

    Raises:
        SaladError: config.json is not JSON.
    """
    config = Path(name) / "config.json"
    if not config.is_file():
        return None
    try:
        described = parse_json(config.read_text())
        return described.get("model_type")
    except (ValueError, AttributeError) as error:
        raise SaladError(f"{config} is no JSON object: {error}", "Give a complete model folder.") from error


def model_digest(name: str | Path) -> str:
    """Return the digest of a model's configuration and weights, or of the name alone for a model on the Hub.

    Weights in PyTorch's format count unless the same weights are there as safetensors, which transformers prefers.
    """
    path = Path(name)
    if not path.is_dir():
        return digest_json(str(name))
    patterns = ["config.json", "*.safetensors", "*.safetensors.index.json"]
    if not any((path / weights).is_file() for weights in ("model.safetensors", "model.safetensors.index.json")):
        patterns += ["*.bin", "*.bin.index.json"]
    no_weights = ("training_args.bin", MOMENTS)
    files = sorted(file for pattern in patterns for file in path.glob(pattern))
    return digest_json([[file.name, digest_path(file)] for file in files if file.name not in no_weights])


def stable_or_final(checkpoint: str | Path) -> Path:
    """Return where Stage II starts: the checkpoint before the decay if there is one, else the checkpoint itself."""
    stable = Path(checkpoint) / STABLE
    return stable if (stable / "config.json").is_file() else Path(checkpoint)


def read_metrics(checkpoint: str | Path) -> list[dict]:
    """Read the training log: one entry per logging step; empty without a log.

    Raises:
        SaladError: the log is damaged.
    """
    path = Path(checkpoint) / METRICS
    if not path.is_file():
        return []
    try:
        rows = [parse_json(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise damaged(path, first_line(error)) from error
    if not all(map(_is_entry, rows)):
        raise damaged(path, "an entry has no step, or positions that are no number")
    return rows


def verb_of_plan(folder: str | Path) -> str | None:
    """Return the command that has begun a folder without completing it; None if no plan can be read there."""
    try:
        return read_record(Path(folder) / PLAN).get("verb")
    except SaladError:
        return None


def read_metrics_so_far(checkpoint: str | Path) -> list[dict]:
    """Read the training log of a checkpoint that is not finished, from its last saved state; empty without one."""
    states = (Path(checkpoint) / TRAINING).glob(f"*/{TRAINER_STATE}")
    logs = [_logged(state) for state in states]
    return max(logs, key=lambda log: log[-1]["step"] if log else -1, default=[])


def _logged(state: Path) -> list[dict]:
    """Return the entries with a loss in a state of transformers' Trainer; none if it is just being written."""
    try:
        entries = parse_json(state.read_text()).get("log_history", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [entry for entry in entries if _is_entry(entry) and "loss" in entry]


def _is_entry(row: object) -> bool:
    """Whether a value is an entry of the log: the numbers that are counted are numbers."""
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return False
    counted = [value for name, value in row.items() if "positions of " in name]
    return all(isinstance(value, int | float) and math.isfinite(value) for value in counted)


def positions_trained_on(checkpoint: Path, stable_steps: int, start: dict | None) -> dict[str, int]:
    """Count the positions that a checkpoint was trained on, in total and before the decay.

    Args:
        stable_steps: number of steps before the decay.
        start: the manifest's entry of the checkpoint that training started from; None for a text LLM.

    Returns:
        The counts of `POSITIONS`, and the same with `BEFORE_DECAY` at the end of their names. They include the
        positions of the start, and are empty if those are unknown.
    """
    before = trained_positions(start["path"]) if start else dict.fromkeys(POSITIONS, 0)
    if before is None:
        return {}
    seen = [(row["step"], _positions(row)) for row in read_metrics(checkpoint)]
    found = {}
    for name in POSITIONS:
        found[name] = before[name] + sum(counts[name] for _, counts in seen)
        early = sum(counts[name] for step, counts in seen if step <= stable_steps)
        found[f"{name}{BEFORE_DECAY}"] = before[name] + early
    return found


def trained_positions(checkpoint: str | Path) -> dict[str, int] | None:
    """Return the counts of `POSITIONS` that a checkpoint, or its `stable/`, was trained on; None if unknown."""
    path = Path(checkpoint)
    for manifest, suffix in ((path / MANIFEST, ""), (path.parent / MANIFEST, BEFORE_DECAY)):
        if manifest.is_file() and (not suffix or path.name == STABLE):
            counts = read_record(manifest).get("counts", {})
            known = {name: counts.get(f"{name}{suffix}") for name in POSITIONS}
            return None if None in known.values() else known
    return None


def _positions(row: dict) -> dict[str, int]:
    """Return the counts of `POSITIONS` in an entry of the log."""
    begins = {"positions_read": "positions of ", "positions_with_loss": "loss positions of "}
    return {
        count: sum(int(value) for name, value in row.items() if name.startswith(begin))
        for count, begin in begins.items()
    }
