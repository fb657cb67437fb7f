"""Check that rollouts belong to the model that is trained, and that their loss can be computed from the teacher."""

import numpy as np
from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.checkpoint import model_digest
from saladkit.formats.joined_teacher_caches import JoinedTeacherCaches
from saladkit.formats.rollouts import SCHEMA, VERSION
from saladkit.formats.teacher_cache import TopKRow
from saladkit.rows.rollout_identity import check_tokens_are_of
from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.training import TrainingSettings
from saladkit.sources.digests import digest_source
from saladkit.teacher.rollout_loss import SAMPLED

# With fewer kept tokens the gradient of the reverse KL is wrong: the student is only told what it gives to all tokens
# outside the top k together.
LEAST_TOP_K = 128
DRAWN = {"temperature": 1.0, "top_p": 1.0}  # how tokens must have been drawn for the sampled loss


def are_laid_out(sources: list[TrainingSource]) -> bool:
    """Return whether there are rollouts whose prompts a chat template has laid out."""
    return any(s.is_rollouts and _manifest(s)["identity"].get("chat_template") for s in sources)


def check_rollouts(
    sources: list[TrainingSource],
    settings: TrainingSettings,
    tokenizer: PreTrainedTokenizerBase,
    template: str | None,
    model: str,
) -> None:
    """Check that rollouts have the model's tokenizer and chat template, and were drawn as their loss needs it.

    Args:
        template: digest of the model's chat template; needed if rollouts were laid out by one.
        model: name of the model, for messages.

    Raises:
        SaladError: they have another tokenizer or template, or the sampled loss is wrong for how they were drawn.
    """
    for source in (source for source in sources if source.is_rollouts):
        check_tokens_are_of(source.name, tokenizer, template, model)
        drawn = _manifest(source)["settings"]
        other = [name for name, value in DRAWN.items() if drawn.get(name, value) != value]
        if settings.loss_of_rollouts() == SAMPLED and other:
            greedy = drawn["temperature"] == 0
            said = "--greedy" if greedy else " and ".join(f"--{n.replace('_', '-')} {drawn[n]:g}" for n in other)
            raise SaladError(
                f"--rollout-loss sampled, and {source.name} was drawn with {said}: the model itself would not have"
                " drawn these tokens",
                "Make the rollouts with --temperature 1 --top-p 1, or give another --rollout-loss.",
            )


def notes_on_origin(sources: list[TrainingSource], model: str, data: list[str]) -> list[str]:
    """Return a note for each rollouts that another checkpoint than `model` has written, or behind other samples.

    Args:
        data: the sources of speech, in which prompts are found by their ids.
    """
    rollouts = [source for source in sources if source.is_rollouts]
    if not rollouts:
        return []
    digest, known = model_digest(model), {digest_source(path) for path in data}
    notes = []
    for source in rollouts:
        manifest = _manifest(source)
        writer, inputs = manifest["identity"]["checkpoint"], manifest["inputs"]
        if writer != digest:
            by = inputs.get("checkpoint", {}).get("path", writer[:12])
            notes.append(
                f"note: {source.name} was written by {by}, and training starts from {model}; a `saladkit rollout` of"
                " that folder would be on-policy"
            )
        others = [entry for role, entry in inputs.items() if role.startswith("samples")]
        notes += [
            f"note: {source.name} was written behind prompts of {entry['path']}, whose content is that of no --data:"
            " prompts of the same id may sound otherwise now"
            for entry in others
            if entry["digest"] not in known and source.frames is not None
        ]
    return notes


def _manifest(source: TrainingSource) -> dict:
    return Artefact.open(source.name, SCHEMA, VERSION).manifest


def check_loss_of_rollouts(cache: JoinedTeacherCaches, sources: list[TrainingSource], loss: str) -> None:
    """Check that a loss of rollouts can be computed from teacher caches.

    Raises:
        SaladError: it cannot, or would be wrong.
    """
    rollouts = [source for source in sources if source.is_rollouts]
    if not rollouts or loss == "forward-kl":
        return
    if cache.sampled:
        raise SaladError(
            f"{cache.name} holds samples, from which --rollout-loss {loss} cannot be computed",
            "Use forward-kl, a cache made with --keep top-k, or the text LLM itself as --teacher.",
        )
    if loss == "reverse-kl" and cache.identity["top_k"] < LEAST_TOP_K:
        raise SaladError(
            f"{cache.identity['top_k']} tokens are kept in {cache.name}, and --rollout-loss reverse-kl needs"
            f" {LEAST_TOP_K}",
            f"Make the cache with --top-k {LEAST_TOP_K} or more, or give the text LLM itself as --teacher.",
        )
    if loss == SAMPLED:
        _check_tokens_are_kept(cache, rollouts)


def _check_tokens_are_kept(cache: JoinedTeacherCaches, rollouts: list[TrainingSource]) -> None:
    """Raise a SaladError if a token of a response is outside the teacher's top k: its probability is unknown."""
    unknown = total = 0
    for source in rollouts:
        for text in source.texts:
            assert text.learned is not None and text.following is not None
            targets = np.flatnonzero(text.learned)
            labels = np.append(text.token_ids, text.following)[targets]
            row = cache.row(text.token_ids)
            assert isinstance(row, TopKRow)
            unknown += int((~(row.kept_ids[targets - 1] == labels[:, None]).any(axis=1)).sum())
            total += len(targets)
    if unknown:
        raise SaladError(
            f"--rollout-loss sampled needs the probabilities of {unknown} of {total} tokens of the responses that are"
            f" outside the top {cache.identity['top_k']} of {cache.name}",
            "Give the text LLM itself as --teacher, a cache with a larger --top-k, or another --rollout-loss.",
        )
