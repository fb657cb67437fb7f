"""With LoRA the teacher needs no second copy: it is the student's own language model with its adapters off."""

import numpy as np
import torch
from transformers import PreTrainedModel

from saladkit.model.lora import adapters_off
from saladkit.teacher.distributions import Distributions
from saladkit.teacher.signals import LiveTeacher


class UnadaptedTeacher(LiveTeacher):
    """Runs the text LLM that the student's LoRA lies upon; its weights are frozen, so it never moves."""

    def __init__(self, language_model: PreTrainedModel):
        # Not LiveTeacher's: that would freeze the student.
        self.model = language_model

    def distributions(
        self, token_ids: list[np.ndarray], targets: list[np.ndarray], device: torch.device
    ) -> Distributions:
        """See TeacherSignal."""
        with adapters_off(self.model):
            return super().distributions(token_ids, targets, device)
