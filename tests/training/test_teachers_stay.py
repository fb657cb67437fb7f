"""The teacher never changes with the student: after training, its distributions are those of the untouched text LLM."""

import numpy as np
import pytest
import torch

from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import front_end_of, layout_of
from saladkit.model.limits import limits_of
from saladkit.model.loading import load_text_model
from saladkit.model.lora import LoraShape
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.readers import Readers
from saladkit.settings.distill import DistillSettings
from saladkit.teacher.signals import CachedTeacher, LiveTeacher
from saladkit.training.inputs import open_inputs
from saladkit.training.loop import train
from saladkit.training.saving import CheckpointSaver
from saladkit.training.unadapted_teacher import UnadaptedTeacher

CPU = torch.device("cpu")
STEPS = {"max_steps": 4, "per_device_train_batch_size": 4, "warmup_steps": 0, "logging_steps": 1, "save_steps": 2}
RATES = {"learning_rate": 1e-2, "adapter_learning_rate": 1e-2}


@pytest.fixture
def new_student(salad_model, text_lm):
    """Makes students around the text LLM, each the same."""

    def make():
        names = ("num_mel_bins", "encoder_width", "encoder_layers", "encoder_blocks", "adapter_config")
        config = SaladConfig(**{name: getattr(salad_model.config, name) for name in names})
        torch.manual_seed(0)
        return SaladForCausalLM.from_text_model(load_text_model(text_lm, dtype="float32", device="cpu"), config)

    return make


@pytest.fixture
def student(new_student):
    """One of them."""
    return new_student()


@pytest.fixture
def settings(speech, frames_cache, world):
    """Four steps on speech and replay."""
    read = {"data": (f"{speech}:2",), "replay": (str(world / "pool.parquet"),), "frames": (str(frames_cache),)}
    return DistillSettings(**read, **STEPS, **RATES, text_words=(2, 5), speech_words=(2, 5))


@pytest.fixture
def opened(settings, student, tokenizer):
    """Speech and replay."""
    front_end = front_end_of(student.config, device="cpu")
    readers = Readers(limits_of(student.config, "student"), None, layout_of(student.config, front_end))
    return open_inputs(settings, tokenizer, readers, front_end)


@pytest.fixture
def trained(settings, opened, tokenizer, tmp_path):
    """Train a student for four steps."""

    def run(student, teacher):
        schedule = opened.schedule(settings)
        saver = CheckpointSaver(SaladProcessor(tokenizer, student.config), trained=False)
        train(student, saver, schedule, teacher, settings, tmp_path, packed=True, device="cpu", keep_stable=False)
        return student

    return run


def with_lora(student, text_lm):
    student.add_lora(LoraShape(4, None, 0.1, ()), {"name": str(text_lm), "digest": ""})
    return student


def said(teacher, texts, targets):
    """A teacher's tensors by name."""
    found = teacher.distributions(texts, targets, CPU)
    return {name: value.clone() for name, value in vars(found.piece(0, len(found))).items()}


@pytest.mark.parametrize("kind", ["cached", "live", "the student without its LoRA"])
def test_a_teacher_stays_where_it_is(kind, student, trained, opened, text_lm, teacher_cache):
    if kind == "cached":
        teacher = CachedTeacher(TeacherCache(teacher_cache))
    elif kind == "live":
        teacher = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
    else:
        teacher = UnadaptedTeacher(with_lora(student, text_lm).language_model)
    texts = [text.token_ids for text in opened.sources[1].texts[:5]]
    targets = [np.arange(1, len(tokens)) for tokens in texts]
    before = said(teacher, texts, targets)
    learns = [parameter.requires_grad for parameter in student.parameters()]
    start = {name: value.clone() for name, value in student.named_parameters()}
    trained(student, teacher)
    moved = {name for name, value in student.named_parameters() if not torch.equal(value, start[name])}
    assert any(name.startswith("language_model.") for name in moved)
    assert learns == [parameter.requires_grad for parameter in student.parameters()]
    after = said(teacher, texts, targets)
    assert all(torch.equal(after[name], before[name]) for name in before)
    if kind != "cached":
        untouched = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
        assert torch.equal(after["log_probs"], said(untouched, texts, targets)["log_probs"])


def test_the_student_without_its_lora_teaches_what_a_second_copy_of_the_text_llm_teaches(new_student, trained, text_lm):
    live = LiveTeacher(load_text_model(text_lm, dtype="float32", device="cpu"))
    by_a_copy = trained(with_lora(new_student(), text_lm), live)
    own = with_lora(new_student(), text_lm)
    by_itself = dict(trained(own, UnadaptedTeacher(own.language_model)).named_parameters())
    assert all(torch.equal(by_itself[name], value) for name, value in by_a_copy.named_parameters())
