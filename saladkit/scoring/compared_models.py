"""Name the models of an evaluation, and check that they can be compared."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import WORKING
from saladkit.formats.results import ORIGINAL
from saladkit.model.loading import load_tokenizer
from saladkit.rows.tokens import tokenizer_digest
from saladkit.scoring.models import is_speech_model
from saladkit.settings.evaluate import EvalSettings


def compared_models(model: str, settings: EvalSettings) -> dict[str, str]:
    """Return the folder of each model by its label: `model`, those of `--compare`, and the text LLM last.

    Raises:
        SaladError: two models have the same label, a text LLM would be given speech input, `--teacher` is not a text
            LLM, or tokenizers differ.
    """
    models: dict[str, str] = {}
    for path in (model, *settings.compare):
        label = Path(path).resolve().name
        if label in models or label in (ORIGINAL, WORKING):
            problem = f"two models are called '{label}'" if label in models else f"'{label}' is a reserved name"
            raise SaladError(problem, "Rename a folder: models are called after their folders.")
        models[label] = path
    for path in models.values():
        if not is_speech_model(path) and "speech" in settings.modalities:
            raise SaladError(
                f"{path} is a text LLM without speech input", "Give --modality text, or a speech-adapted checkpoint."
            )
    if settings.teacher is None:
        return models
    if is_speech_model(settings.teacher):
        raise SaladError(
            f"{settings.teacher} is a speech-adapted checkpoint", "Give the text LLM that it was made from."
        )
    models[ORIGINAL] = settings.teacher
    _check_tokenizers(models)
    return models


def _check_tokenizers(models: dict[str, str]) -> None:
    digests = {label: tokenizer_digest(load_tokenizer(path)) for label, path in models.items()}
    for label, digest in digests.items():
        if digest != digests[ORIGINAL]:
            raise SaladError(
                f"{models[ORIGINAL]} has another tokenizer than {models[label]}",
                "Give the text LLM that it was made from.",
            )
