"""The name that transformers gives to the cache of keys and values, as an argument and as an output."""

from dataclasses import fields

from transformers.modeling_outputs import CausalLMOutputWithPast

_OUTPUTS = {field.name for field in fields(CausalLMOutputWithPast)}
CACHE = "cache" if "cache" in _OUTPUTS else "past_key_values"  # renamed in transformers 5.24
