"""Tiny random encoders in the layout of the Hub: Mimi, and the kinds of wav2vec 2.0."""

from pathlib import Path

import torch
from transformers import (
    EncodecFeatureExtractor,
    HubertConfig,
    HubertModel,
    MimiConfig,
    MimiModel,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
)

SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
MODELS = {
    "wav2vec2-base": (Wav2Vec2Model, Wav2Vec2Config, {}),
    "wav2vec2-large": (Wav2Vec2Model, Wav2Vec2Config, LARGE | {"add_adapter": True}),
    "hubert-base": (HubertModel, HubertConfig, {}),
    "hubert-large": (HubertModel, HubertConfig, LARGE),
    "hubert-batch-norm": (HubertModel, HubertConfig, LARGE | {"conv_pos_batch_norm": True}),
    "wavlm-base": (WavLMModel, WavLMConfig, {}),
    "wavlm-large": (WavLMModel, WavLMConfig, LARGE),
}


def save_encoder(folder: Path, kind: str) -> Path:
    """Save one of `MODELS` at `folder` / `kind`, unless it is there, and return its folder."""
    path = folder / kind
    if path.exists():
        return path
    model_class, config_class, settings = MODELS[kind]
    torch.manual_seed(0)
    model = model_class(config_class(**SHAPE, **settings))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.bias.data.normal_()
    model.save_pretrained(path)
    large = settings != {}
    Wav2Vec2FeatureExtractor(do_normalize=large, return_attention_mask=large).save_pretrained(path)
    return path


def save_mimi(folder: Path, codebooks: int) -> Path:
    """Save Mimi's classes and rates with codebooks of 32 codes, random."""
    torch.manual_seed(0)
    config = MimiConfig(
        hidden_size=16,
        num_filters=4,
        num_hidden_layers=1,
        intermediate_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        codebook_size=32,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        num_quantizers=codebooks,
        upsample_groups=16,
    )
    codec = MimiModel(config)
    for name, buffer in codec.named_buffers():
        if name.endswith("embed_sum"):  # zeros at the start: every code would be the first
            buffer.normal_()
        elif name.endswith("cluster_usage"):
            buffer.uniform_(0.5, 2)
    codec.save_pretrained(folder)
    EncodecFeatureExtractor(sampling_rate=config.sampling_rate).save_pretrained(folder)
    return folder
