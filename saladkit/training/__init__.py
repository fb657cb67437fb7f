"""Training: settings, trainer, saved states, checkpoints."""

from saladkit.speech.audio.torchaudio import find_torchaudio

find_torchaudio()  # before transformers looks for it
