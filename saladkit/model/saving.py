"""A model saved as a checkpoint that stands alone, at the end and before the decay."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM


@dataclass(frozen=True)
class CheckpointSaver:
    """What is saved beside the weights."""

    processor: SaladProcessor

    def save(self, model: SaladForCausalLM, folder: Path) -> None:
        """Save in Hugging Face's layout; the manifest, written later, says that it is complete."""
        model.save_pretrained(folder)
        self.processor.save_pretrained(folder)


class KeepStableCheckpoint(TrainerCallback):
    """Save the model as it is before the learning rate begins to fall: where Stage II starts from."""

    def __init__(self, folder: Path, step: int, saver: CheckpointSaver):
        self.folder, self.step, self.saver = folder, step, saver

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: SaladForCausalLM | None = None,
        **kwargs: object,
    ) -> None:
        """Called by the trainer."""
        if state.global_step == self.step and state.is_world_process_zero:
            # Aside first: a run that is cut off here leaves no half of it in its place.
            aside = Path(args.output_dir) / self.folder.name
            self.saver.save(model, aside)
            shutil.rmtree(self.folder, ignore_errors=True)
            aside.rename(self.folder)
