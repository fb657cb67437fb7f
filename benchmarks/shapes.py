"""The true shapes of Qwen2.5, with random weights; and small ones for the parts that do not depend on the shape."""

from dataclasses import asdict, dataclass

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM


@dataclass(frozen=True)
class Shape:
    """Qwen2Config's own names."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    vocab_size: int = 151_936
    tie_word_embeddings: bool = True


SHAPES = {
    "0.5b": Shape(896, 4864, 24, 14, 2),
    "3b": Shape(2048, 11_008, 36, 16, 2),
    "7b": Shape(3584, 18_944, 28, 28, 4, vocab_size=152_064, tie_word_embeddings=False),
    # A head as wide as the H200's target asks for.
    "h4096": Shape(4096, 11_008, 1, 32, 8, tie_word_embeddings=False),
    # The true vocabulary, and next to nothing before it: what a file holds does not depend on the width. Not tied, or
    # a single random layer would find the last token again the likeliest.
    "narrow": Shape(64, 128, 1, 2, 2, tie_word_embeddings=False),
    "small": Shape(256, 768, 4, 4, 2, vocab_size=3072),
    "tiny": Shape(32, 64, 2, 2, 2, vocab_size=512),
}


def configuration(shape: str, layers: int | None = None) -> Qwen2Config:
    """The shape's configuration, with fewer layers where they are given."""
    sizes = asdict(SHAPES[shape]) | ({} if layers is None else {"num_hidden_layers": layers})
    rotation = {"rope_type": "default", "rope_theta": 1e6}
    return Qwen2Config(**sizes, max_position_embeddings=32_768, rms_norm_eps=1e-6, rope_parameters=rotation)


def text_model(
    shape: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    layers: int | None = None,
    spread: float | None = None,
    attention: str = "sdpa",
) -> PreTrainedModel:
    """A causal LM from a random start.

    Args:
        spread: the standard deviation of its logits. The last norm's weight is set to bring it about; as they start,
            distributions are nearly flat, which no text LLM's are.
    """
    config = configuration(shape, layers)
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen2ForCausalLM._from_config(config, dtype=getattr(torch, dtype), attn_implementation=attention)
    if spread is not None:
        scale = spread / (config.initializer_range * config.hidden_size**0.5)
        torch.nn.init.constant_(model.model.norm.weight, scale)
    return model.eval()
