"""Find, check and remove the states that a training run saves to resume from, `OUTPUT/training/checkpoint-N`."""

import json
import shutil
from pathlib import Path

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from saladkit.errors import SaladError
from saladkit.formats.artefact import PLAN
from saladkit.formats.checkpoint import TRAINING
from saladkit.formats.files import PARTIAL, read_json
from saladkit.machine import is_main_process, processes
from saladkit.settings.training import DECAY, TrainingSettings
from saladkit.training.learning_rates import decay_steps, stable_steps

STATES = TRAINING


def last_saved_state(folder: Path) -> Path | None:
    """Return the last state that was saved completely."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}") if _is_whole(path.parent)]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def _is_whole(state: Path) -> bool:
    """Return whether a state has all files: random states of other processes may come after `trainer_state.json`."""
    try:
        json.loads((state / TRAINER_STATE_NAME).read_text())
    except ValueError:
        return False
    count = processes()
    names = [f"rng_state_{rank}.pth" for rank in range(count)] if count > 1 else ["rng_state.pth"]
    return all((state / name).is_file() for name in names)


def discard_states(output: Path) -> None:
    """Remove the saved states, which a finished training run does not need."""
    shutil.rmtree(output / STATES, ignore_errors=True)


def check_state(settings: TrainingSettings) -> None:
    """Raise a SaladError unless --resume-from-checkpoint, if given, is a complete state with steps still to do."""
    folder = settings.resume_from_checkpoint
    if folder is None:
        return
    if not (Path(folder) / TRAINER_STATE_NAME).is_file():
        raise SaladError(
            f"{folder} is not a saved state of a training run: it has no {TRAINER_STATE_NAME}",
            "Give a folder such as OUTPUT/training/checkpoint-500.",
        )
    if _step_of(folder) >= settings.max_steps:
        raise SaladError(
            f"{folder} was saved after {_step_of(folder)} steps, and --max-steps is {settings.max_steps}",
            "Raise --max-steps, which counts the steps before the state too.",
        )


def is_past_stable(state: str | Path, settings: TrainingSettings) -> bool:
    """Return whether the learning rate had begun to fall: by these settings, or by those of the run that saved."""
    step, plan = _step_of(state), Path(state).parent.parent / PLAN
    if step > stable_steps(settings):
        return True
    if not plan.is_file():
        return False
    planned = read_json(plan)
    made, share = planned["settings"], planned["settings"].get("decay_fraction")
    share = DECAY[planned["verb"]] if share is None else share
    return step > made["max_steps"] - decay_steps(made["max_steps"], made["lexical_steps"], share)


def bring_stable(state: str | Path, folder: Path) -> None:
    """Copy the checkpoint from before the decay, which is beside the `training/` of `state`, to `folder`.

    The main process copies.

    Raises:
        SaladError: there is no such checkpoint.
    """
    if folder.exists():
        return
    stable = Path(state).parent.parent / folder.name
    if not (stable / "config.json").is_file():
        raise SaladError(
            f"{state} was saved when the learning rate had begun to fall, and no checkpoint from before is at {stable}",
            "Give an earlier state, or one that is still in its OUTPUT/training/.",
        )
    if is_main_process():
        aside = folder.with_name(f"{folder.name}{PARTIAL}")
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(stable, aside)
        aside.rename(folder)


def _step_of(state: str | Path) -> int:
    return TrainerState.load_from_json(str(Path(state) / TRAINER_STATE_NAME)).global_step
