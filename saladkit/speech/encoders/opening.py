"""Open a speech encoder's front end by the name that `--speech-encoder` gives."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.speech.front_end import FrontEnd

LOG_MEL = "log-mel"
KINDS = ("mimi",)


def open_front_end(
    name: str | Path,
    *,
    bins: int = 80,
    codebooks: int = 8,
    layer: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> FrontEnd:
    """`log-mel`, or a Hugging Face model by its folder or its name on the Hub, told apart by its `model_type`.

    Args:
        bins: of `log-mel`.
        codebooks: of Mimi.
        layer: of the others: whose output the frames are, from 1; None is the last.

    Raises:
        SaladError: no such model, one of another kind, or one that is not whole.
    """
    if name == LOG_MEL:
        return LogMelFrontEnd(bins=bins)
    check_model_folder(name, example="kyutai/mimi")
    kind = _kind(name)
    where = {"device": device, "dtype": dtype}
    if kind == "mimi":
        from saladkit.speech.encoders.mimi import MimiFrontEnd

        return MimiFrontEnd(name, codebooks=codebooks, **where)
    raise SaladError(
        f"{name} holds a {kind} model, which is no speech encoder that is known here",
        f"Give {LOG_MEL} or a model of the kind {', '.join(KINDS)}.",
    )


def _kind(name: str | Path) -> str:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name).model_type
    except Exception as error:  # transformers and the Hub client raise whatever the file at fault led to
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SaladError(
            f"{name} cannot be opened as a speech encoder: {first_line}", "Give a whole checkpoint."
        ) from error
