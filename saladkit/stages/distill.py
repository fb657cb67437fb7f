"""`distill`: Stage I, adapt a text LLM to speech by distillation on natural speech."""

from pathlib import Path

from saladkit.job import Clock
from saladkit.machine import is_main_process
from saladkit.model.front_ends import configuration_of
from saladkit.model.loading import is_same_model, load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import say
from saladkit.settings.distill import FREE, DistillSettings
from saladkit.training.saved_states import check_state
from saladkit.training.stage import Start, train_stage


def distill(model: str, output: str | Path, settings: DistillSettings) -> dict:
    """Adapt the text LLM `model` to speech.

    The teacher is `model` itself, run during training, unless the settings name another. With LoRA, the student without
    its LoRA serves as this teacher, and no second copy is loaded.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: the model, speech, frames or teacher cannot be read or do not fit each other, or the training
            diverges.
    """
    clock = Clock()
    check_state(settings)
    tokenizer = load_tokenizer(model)
    config, codebooks = configuration_of(settings)
    if config.adapter_length == FREE and settings.lexical_weight > 0 and is_main_process():
        say(
            "note: the lexical loss compares directions only, so speech vectors of free length grow far beyond the text"
            " embeddings; give --adapter-length learned"
        )

    def make_student() -> SaladForCausalLM:
        language_model = load_text_model(model, dtype="float32", device="cpu")
        student = SaladForCausalLM.from_text_model(language_model, config)
        if codebooks is not None:
            student.speech_encoder.get_buffer("codebooks").copy_(codebooks)
        return student

    teacher = settings.teacher or model
    start = Start(
        name=model,
        tokenizer=tokenizer,
        config=config,
        make_student=make_student,
        inputs={"model": model, "speech encoder": settings.encoder_model()},
        own_teacher=bool(settings.lora_rank) and is_same_model(teacher, model),
    )
    return train_stage("distill", output, settings, start, teachers=(teacher,), clock=clock)
