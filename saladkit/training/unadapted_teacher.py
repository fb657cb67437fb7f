"""With LoRA the teacher needs no second copy: it is the student's own language model with its adapters off."""

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.model.lora import adapters_off
from saladkit.teacher.distributions import HiddenDistributions
from saladkit.teacher.signals import LiveTeacher


class UnadaptedTeacher(LiveTeacher):
    """Runs the text LLM that the student's LoRA lies upon; its weights are frozen, so it never moves."""

    def __init__(self, language_model: PreTrainedModel, temperature: float = 1.0, packed: bool = False):
        # Not LiveTeacher's: that would freeze the student.
        self.model, self.temperature, self.packed = language_model, temperature, packed

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> HiddenDistributions:
        """See TeacherSignal; the head, which is run later, has no LoRA."""
        with adapters_off(self.model):
            return super().distributions(token_ids, targets, device)
