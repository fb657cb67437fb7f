"""Open the front end of a speech encoder by the name given as `--speech-encoder`."""

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import check_model_folder
from saladkit.settings.shared import LOG_MEL, PHONES, SpeechEncoder
from saladkit.speech.audio.torchaudio import find_torchaudio
from saladkit.speech.encoders.log_mel import LogMelFrontEnd
from saladkit.speech.encoders.phones import PhonesFrontEnd
from saladkit.speech.front_end import FrontEnd

KINDS = ("mimi", "whisper", "wav2vec2", "hubert", "wavlm")


def open_front_end(settings: SpeechEncoder, *, device: str, dtype: str) -> FrontEnd:
    """Open `log-mel`, `phones`, or a Hugging Face model given by its folder or its name on the Hub.

    The model's `model_type` decides which front end reads it.

    Raises:
        SaladError: the model does not exist, does not load, or is of another kind than `KINDS`.
    """
    name = settings.encoder
    if name == LOG_MEL:
        return LogMelFrontEnd(bins=settings.bins)
    if name == PHONES:
        return PhonesFrontEnd()
    check_model_folder(name, example="kyutai/mimi, or log-mel")
    find_torchaudio()  # before transformers looks for it
    from saladkit.speech.encoders.frozen import model_kind

    kind = model_kind(name)
    where = {"device": device, "dtype": dtype}
    if kind == "mimi":
        from saladkit.speech.encoders.mimi import MimiFrontEnd

        return MimiFrontEnd(name, settings.codebooks, **where)
    if kind == "whisper":
        from saladkit.speech.encoders.whisper import WhisperFrontEnd

        return WhisperFrontEnd(name, settings.layer, settings.silence, **where)
    if kind in ("wav2vec2", "hubert", "wavlm"):
        from saladkit.speech.encoders.wav2vec2 import Wav2Vec2FrontEnd

        return Wav2Vec2FrontEnd(name, settings.layer, **where)
    raise SaladError(
        f"{name} holds a {kind} model, which is no speech encoder that saladkit reads",
        f"Give {LOG_MEL}, or a model of one of these kinds: {', '.join(KINDS)}.",
    )
