"""saladkit: close the text-speech understanding gap of speech-adapted language models (SALAD)."""

__version__ = "0.1.0"

from saladkit.registration import register_with_transformers

register_with_transformers()
