"""The model. Importing any module of this room registers its classes with transformers' Auto classes."""

from saladkit.speech.audio.torchaudio import find_torchaudio

find_torchaudio()  # first of all: one that does not load would break the imports below

from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMultimodalLM, AutoProcessor

from saladkit.model.configuration import SaladConfig
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM

AutoConfig.register(SaladConfig.model_type, SaladConfig)
AutoModelForCausalLM.register(SaladConfig, SaladForCausalLM)
AutoModelForMultimodalLM.register(SaladConfig, SaladForCausalLM)  # for the pipeline "any-to-any"
AutoProcessor.register(SaladConfig, SaladProcessor)
