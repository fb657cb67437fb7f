"""Use the student's language model with LoRA switched off as the teacher, which saves a second copy of it."""

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.model.lora import adapters_off
from saladkit.teacher.distributions import HiddenDistributions
from saladkit.teacher.signals import LiveTeacher


class UnadaptedTeacher(LiveTeacher):
    """A live teacher: the frozen text LLM beneath the student's LoRA."""

    def __init__(self, language_model: PreTrainedModel, temperature: float = 1.0, packed: bool = False):
        # Without LiveTeacher's own initializer, which would freeze the student.
        self.model, self.temperature, self.packed = language_model, temperature, packed
        self.vocabulary = None  # one head

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> HiddenDistributions:
        """Return distributions as `TeacherSignal`; the head, which runs later, has no LoRA."""
        with adapters_off(self.model):
            return super().distributions(token_ids, targets, device)
