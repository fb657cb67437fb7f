"""The model. Importing any of this room makes it known to transformers' Auto classes, whole."""

from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor

from saladkit.model.configuration import SaladConfig
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM

AutoConfig.register(SaladConfig.model_type, SaladConfig)
AutoModelForCausalLM.register(SaladConfig, SaladForCausalLM)
AutoProcessor.register(SaladConfig, SaladProcessor)
