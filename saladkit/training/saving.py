"""Save all weights of a model as a checkpoint, or the trained ones alone, at the end and before the decay."""

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from saladkit.machine import is_main_process
from saladkit.model.lora import merged_state
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.trained_part import trained_state
from saladkit.training.moments import save_moments
from saladkit.training.sharding import whole_state


@dataclass(frozen=True)
class CheckpointSaver:
    """Saves checkpoints; `trained` leaves out the weights beneath LoRA.

    Without LoRA all weights are trained, and saved.
    """

    processor: SaladProcessor
    trained: bool

    def save(self, model: SaladForCausalLM, folder: Path) -> None:
        """Save in Hugging Face's layout, with LoRA merged unless `trained`; `model` itself does not change.

        All processes call this, and the main one writes. The manifest, which is written later, marks the checkpoint as
        complete.
        """
        state = whole_state(model)
        if not is_main_process():
            return
        only_trained = self.trained and model.config.lora is not None
        model.save_pretrained(folder, state_dict=trained_state(state) if only_trained else merged_state(model, state))
        if model.config.lora is not None and not only_trained:
            merged = copy.deepcopy(model.config)
            merged.lora = merged.text_model = None
            merged.save_pretrained(folder)
        self.processor.save_pretrained(folder)


class KeepStableCheckpoint(TrainerCallback):
    """Save the model, and Adam's moments if wanted, before the learning rate begins to fall, where Stage II starts."""

    def __init__(self, folder: Path, step: int, saver: CheckpointSaver, *, keep_moments: bool):
        self.folder, self.step, self.saver, self.keep_moments = folder, step, saver, keep_moments

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Save the model if the run resumes from another run's state, saved at exactly this step."""
        if not self.folder.exists():
            self.on_step_end(args, state, control, **kwargs)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Save the model if this is the step; `kwargs` hold it and the optimizer."""
        if state.global_step != self.step:
            return
        # Written elsewhere first: a run that is cut off here leaves no incomplete checkpoint.
        states = Path(cast(str, args.output_dir))  # transformers has replaced None by a default
        aside, model = states / self.folder.name, cast(SaladForCausalLM, kwargs["model"])
        self.saver.save(model, aside)
        if self.keep_moments:
            save_moments(model, kwargs["optimizer"], aside)
        if is_main_process():
            shutil.rmtree(self.folder, ignore_errors=True)
            aside.rename(self.folder)
