"""Open the front end of a speech encoder by the name given as `--speech-encoder`."""

from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.settings.shared import LOG_MEL
from saladkit.speech.audio.torchaudio import find_torchaudio
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.speech.front_end import FrontEnd

KINDS = ("mimi", "whisper", "wav2vec2", "hubert", "wavlm")


def open_front_end(
    name: str | Path,
    *,
    bins: int = 80,
    codebooks: int = 8,
    layer: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
) -> FrontEnd:
    """Open `log-mel`, or a Hugging Face model given by its folder or its name on the Hub.

    The model's `model_type` decides which front end reads it.

    Args:
        bins: number of mel bins, for `log-mel`.
        codebooks: number of codebooks, for Mimi.
        layer: the layer whose output becomes the frames, counted from 1, for the other models; None is the last.

    Raises:
        SaladError: the model does not exist, does not load, or is no speech encoder that is known here.
    """
    if name == LOG_MEL:
        return LogMelFrontEnd(bins=bins)
    check_model_folder(name, example="kyutai/mimi, or log-mel")
    find_torchaudio()  # before transformers looks for it
    from saladkit.speech.encoders.frozen import model_kind

    kind = model_kind(name)
    where = {"device": device, "dtype": dtype}
    if kind == "mimi":
        from saladkit.speech.encoders.mimi import MimiFrontEnd

        return MimiFrontEnd(name, codebooks=codebooks, **where)
    if kind == "whisper":
        from saladkit.speech.encoders.whisper import WhisperFrontEnd

        return WhisperFrontEnd(name, layer=layer, **where)
    if kind in ("wav2vec2", "hubert", "wavlm"):
        from saladkit.speech.encoders.wav2vec2 import Wav2Vec2FrontEnd

        return Wav2Vec2FrontEnd(name, layer=layer, **where)
    raise SaladError(
        f"{name} holds a {kind} model, which is no speech encoder that is known here",
        f"Give {LOG_MEL}, or a model of one of these kinds: {', '.join(KINDS)}.",
    )
