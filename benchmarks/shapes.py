"""Make models with random weights in the true shapes of Qwen2.5, and small ones where the shape does not matter."""

from dataclasses import asdict, dataclass

import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM


@dataclass(frozen=True)
class Shape:
    """The shape of a model, by the names of Qwen2Config."""

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
    # The width of the head in the target for one H200.
    "h4096": Shape(4096, 11_008, 1, 32, 8, tie_word_embeddings=False),
    # The true vocabulary and almost no layers, because the files do not depend on the width. Embeddings are not tied:
    # with tied ones and one random layer, the last token would be the most likely one again.
    "narrow": Shape(64, 128, 1, 2, 2, tie_word_embeddings=False),
    "small": Shape(256, 768, 4, 4, 2, vocab_size=3072),
    "tiny": Shape(32, 64, 2, 2, 2, vocab_size=512),
}


def configuration(shape: str, layers: int | None = None) -> Qwen2Config:
    """Return the configuration of a shape, with `layers` layers if given."""
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
    """Make a causal LM with random weights.

    Args:
        spread: standard deviation of the logits, set by the weight of the last norm. Without it, random weights give
            nearly flat distributions, unlike those of any text LLM.
    """
    config = configuration(shape, layers)
    torch.manual_seed(0)
    with torch.device(device):
        model = Qwen2ForCausalLM._from_config(config, dtype=getattr(torch, dtype), attn_implementation=attention)
    if spread is not None:
        scale = spread / (config.initializer_range * config.hidden_size**0.5)
        torch.nn.init.constant_(model.model.norm.weight, scale)
    return model.eval()
