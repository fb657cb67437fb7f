"""Open the teacher of a training run: teacher caches, or a text LLM that runs live."""

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import is_artefact
from saladkit.formats.joined_teacher_caches import JoinedTeacherCaches
from saladkit.model.limits import compared_vocabulary, read_limits
from saladkit.model.loading import keeps_rows_apart, load_text_model, load_tokenizer
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.model_limits import ModelLimits
from saladkit.rows.tokens import tokenizer_digest
from saladkit.rows.training_rows import TrainingSource
from saladkit.rows.training_sources import check_teacher_covers
from saladkit.settings.training import TrainingSettings
from saladkit.teacher.encodings import vocabulary_of
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal
from saladkit.training.rollout_checks import check_loss_of_rollouts


def open_teacher(
    names: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    model: str,
    sources: list[TrainingSource],
    settings: TrainingSettings,
    vocabulary: int,
) -> TeacherSignal:
    """Open teacher caches that together hold every text of `sources`, or a text LLM.

    Args:
        names: as `check_teachers`.
        model: name of the model to train, for error messages; `tokenizer` is this model's.
        vocabulary: number of tokens that the head of this model scores.

    Raises:
        SaladError: a cache has another tokenizer, chat template or temperature, a text is in none, or a loss cannot be
            computed from what is kept; or the text LLM cannot be loaded.
    """
    if is_teacher_cache(names[0]):
        cache = JoinedTeacherCaches(names)
        _check_serves(cache, settings)
        _check_laid_out(cache, tokenizer, model, conversations=any(source.has_conversations for source in sources))
        check_teacher_covers(cache, sources)
        check_loss_of_rollouts(cache, sources, settings.loss_of_rollouts())
        return CachedTeacher(cache, compared_vocabulary(tokenizer, vocabulary, cache.identity["vocabulary"]))
    teacher = load_text_model(names[0], dtype="float32", device="cpu")
    shared = compared_vocabulary(tokenizer, vocabulary, vocabulary_of(teacher))
    packed = settings.batching != "padded" and keeps_rows_apart(teacher)
    return LiveTeacher(teacher, settings.temperature, packed, shared)


def check_teachers(names: Sequence[str]) -> None:
    """Raise a SaladError unless the teachers are teacher caches alone, or one text LLM alone."""
    live = [name for name in names if not is_teacher_cache(name)]
    if live and len(names) > 1:
        raise SaladError(
            f"{live[0]} is no teacher cache, and there are {len(names)} teachers",
            "Give teacher caches alone, or the text LLM alone.",
        )


def _check_laid_out(
    cache: JoinedTeacherCaches, tokenizer: PreTrainedTokenizerBase, model: str, *, conversations: bool
) -> None:
    """Check tokenizer and chat template of the caches; some may hold no conversations, but not all."""
    for one in cache.caches:
        one.check_tokenizer(tokenizer_digest(tokenizer), model)
    if conversations:
        with_template = [one for one in cache.caches if one.identity.get("chat_template") is not None]
        for one in with_template or cache.caches[:1]:
            one.check_chat_template(ChatTemplate(tokenizer).digest, model)


def is_teacher_cache(name: str) -> bool:
    """Return whether a teacher is given as a cache rather than as a text LLM."""
    return is_artefact(name) and not (Path(name) / "config.json").exists()


def limits_of_teacher(name: str, tokenizer: PreTrainedTokenizerBase, model: str) -> ModelLimits:
    """Return what a text LLM that runs beside the student can read.

    Args:
        model: name of the student, for error messages; `tokenizer` is the student's.

    Raises:
        SaladError: the text LLM cannot be read, or has another tokenizer.
    """
    if tokenizer_digest(load_tokenizer(name)) != tokenizer_digest(tokenizer):
        raise SaladError(f"{name} has another tokenizer than {model}", "Give the text LLM that the model started from.")
    return read_limits(name)


def _check_serves(cache: JoinedTeacherCaches, settings: TrainingSettings) -> None:
    """Raise a SaladError unless the loss can be computed from what the cache keeps."""
    if cache.identity["temperature"] != settings.temperature:
        raise SaladError(
            f"{cache.name} was made at temperature {cache.identity['temperature']}, and this training is at"
            f" {settings.temperature}",
            "Give both the same --temperature.",
        )
    if cache.sampled and settings.divergence != "forward-kl":
        raise SaladError(
            f"{cache.name} holds samples, from which --divergence {settings.divergence} cannot be computed without"
            " bias",
            "Use forward-kl, a cache made with --keep top-k, or the text LLM itself as --teacher.",
        )
