"""`align`: Stage II, train a checkpoint further on natural and selected speech (targeted alignment).

For forced alignment of speech with its words, see `saladkit timestamps`.
"""

from dataclasses import replace
from pathlib import Path

from saladkit.formats.checkpoint import check_model_folder, model_type, stable_or_final
from saladkit.job import Clock
from saladkit.model.loading import is_same_model, load_salad_model, load_tokenizer
from saladkit.settings.align import AlignSettings
from saladkit.training.moments import moments_for
from saladkit.training.saved_states import check_state
from saladkit.training.stage import Start, train_stage


def align(checkpoint: str, output: str | Path, settings: AlignSettings) -> dict:
    """Train `checkpoint` further, from its state before the decay if it has one, with the optimizer's moments of then.

    The teacher cache of rollouts is a further teacher, and their loss is one of their own (`teacher/rollout_loss.py`).

    Where these moments are taken the learning rate need not warm up, unless the settings say so. Moments of other
    trained weights (other LoRA) are left, and the optimizer is new.

    LoRA of a checkpoint saved with `--save trained` is trained further, unless `lora_rank` is given: LoRA is then
    merged into the language model first. If the teacher is the text LLM that LoRA was trained on, the student without
    its LoRA serves as the teacher, and no second copy is loaded.

    Returns:
        The summary, with the last logged losses.

    Raises:
        SaladError: the checkpoint, speech, rollouts, frames or teacher cannot be read or do not fit each other, or the
            training diverges.
    """
    clock = Clock()
    check_state(settings)
    check_model_folder(checkpoint)
    folder = stable_or_final(checkpoint)
    student = load_salad_model(folder, dtype="float32", device="cpu", merge_lora=settings.lora_rank is not None)
    moments, told = moments_for(student, folder, settings)
    if moments is not None and settings.warmup_steps is None:
        settings = replace(settings, warmup_steps=0)
    text_model = student.config.text_model
    adapted_llm = text_model["name"] if text_model else None  # the text LLM that LoRA was trained on
    start = Start(
        name=str(folder),
        tokenizer=load_tokenizer(folder),
        config=student.config,
        make_student=lambda: student,
        inputs={"checkpoint": folder},
        own_teacher=adapted_llm is not None
        and model_type(adapted_llm) != "salad"
        and len(settings.teacher) == 1
        and is_same_model(settings.teacher[0], adapted_llm),
        moments=moments,
        told=told,
    )
    return train_stage("align", output, settings, start, teachers=settings.teacher, clock=clock)
