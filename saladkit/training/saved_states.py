"""The states that a training saves to go on from, `training/checkpoint-N` of its output, until it is complete."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from saladkit.errors import SaladError
from saladkit.formats.artefact import PLAN
from saladkit.formats.files import PARTIAL, read_json
from saladkit.machine import is_main_process, processes
from saladkit.training.options import TrainingOptions

STATES = "training"


def last_saved_state(folder: Path) -> Path | None:
    """The last state that was saved whole."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}") if _is_whole(path.parent)]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def _is_whole(state: Path) -> bool:
    """Whether nothing is missing: a process's random state may come after `trainer_state.json`, else written last."""
    try:
        json.loads((state / TRAINER_STATE_NAME).read_text())
    except ValueError:
        return False
    count = processes()
    names = [f"rng_state_{rank}.pth" for rank in range(count)] if count > 1 else ["rng_state.pth"]
    return all((state / name).is_file() for name in names)


def discard_states(output: Path) -> None:
    """Remove what a complete training needs no more."""
    shutil.rmtree(output / STATES, ignore_errors=True)


def check_state(folder: str | Path, max_steps: int) -> None:
    """Raise a SaladError unless `folder` is a state that was saved whole, with steps of `max_steps` still to do."""
    if not (Path(folder) / TRAINER_STATE_NAME).is_file():
        raise SaladError(
            f"{folder} is no saved state of a training: it has no {TRAINER_STATE_NAME}",
            "Give a folder such as OUTPUT/training/checkpoint-500.",
        )
    if _step_of(folder) >= max_steps:
        raise SaladError(
            f"{folder} was saved after {_step_of(folder)} steps, and --max-steps is {max_steps}",
            "Give more steps than that: those before the state count.",
        )


def is_past_stable(state: str | Path, options: TrainingOptions) -> bool:
    """Whether a state holds weights of a falling learning rate: by these options, or by those it was saved under."""
    step, plan = _step_of(state), Path(state).parent.parent / PLAN
    if step > options.stable_steps:
        return True
    if not plan.is_file():
        return False
    settings = read_json(plan)["settings"]
    earlier = TrainingOptions(**{field.name: settings[field.name] for field in fields(TrainingOptions)})
    return step > earlier.stable_steps


def bring_stable(state: str | Path, folder: Path) -> None:
    """Let the main process copy the checkpoint from before the decay to `folder`.

    It stands beside the `training/` in which `state` was saved.

    Raises:
        SaladError: it is not there.
    """
    if folder.exists():
        return
    stable = Path(state).parent.parent / folder.name
    if not (stable / "config.json").is_file():
        raise SaladError(
            f"{state} was saved when the learning rate had begun to fall, and no checkpoint from before is at {stable}",
            "Give an earlier state, or one that still stands in its OUTPUT/training/.",
        )
    if is_main_process():
        aside = folder.with_name(f"{folder.name}{PARTIAL}")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(stable, aside)
        aside.rename(folder)


def _step_of(state: str | Path) -> int:
    return TrainerState.load_from_json(str(Path(state) / TRAINER_STATE_NAME)).global_step
