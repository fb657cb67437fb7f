"""A CTC recognizer of the Hugging Face kind for tests: random, in the layout of the Hub."""

import json
from pathlib import Path

import torch
from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "|"]


def save_ctc_model(folder: Path, tokens: str = LETTERS, network: type = Wav2Vec2ForCTC) -> Path:
    """A small random wav2vec 2.0 with a frame of 20 ms, in the layout of the Hub; returns `folder`."""
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *tokens])}
    config = Wav2Vec2Config(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        pad_token_id=0,
        initializer_range=0.5,
    )
    torch.manual_seed(1)
    network(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    return folder
