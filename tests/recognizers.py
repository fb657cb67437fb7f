"""Speech recognizers with random weights for tests, of the kinds that Hugging Face has and in the layout of the Hub."""

import json
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "|"]


def save_ctc_model(
    folder: Path, tokens: str = LETTERS, network: type = Wav2Vec2ForCTC, *, masked: bool = False, layers: int = 1
) -> Path:
    """A small random wav2vec 2.0 with a frame of 20 ms, in the layout of the Hub; returns `folder`.

    The base model's norms, which see what a recording is filled up with; or `masked`, as the large models are.
    """
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *tokens])}
    config = Wav2Vec2Config(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        feat_extract_norm="layer" if masked else "group",
        do_stable_layer_norm=masked,
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
    Wav2Vec2FeatureExtractor(return_attention_mask=masked).save_pretrained(folder)
    return folder


def save_whisper(folder: Path) -> Path:
    """A small random Whisper with all of its special tokens and windows of 30 s; returns `folder`."""
    letters = {letter: index for index, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    end = "<|endoftext|>"
    tokenizer = WhisperTokenizer(vocab=letters, merges=[], unk_token=end, bos_token=end, eos_token=end)
    names = [
        "startoftranscript",
        "en",
        "translate",
        "transcribe",
        "startoflm",
        "startofprev",
        "nospeech",
        "notimestamps",
    ]
    times = [f"{index * 0.02:.2f}" for index in range(1501)]
    tokenizer.add_tokens([end, *(f"<|{name}|>" for name in [*names, *times])], special_tokens=True)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ["endoftext", *names]}
    torch.manual_seed(1)
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        init_std=0.5,
        pad_token_id=ids["endoftext"],
        bos_token_id=ids["endoftext"],
        eos_token_id=ids["endoftext"],
        decoder_start_token_id=ids["startoftranscript"],
    )
    model = WhisperForConditionalGeneration(config)
    settings = model.generation_config
    settings._from_model_config = False
    settings.no_timestamps_token_id, settings.lang_to_id = ids["notimestamps"], {"<|en|>": ids["en"]}
    settings.task_to_id = {"transcribe": ids["transcribe"], "translate": ids["translate"]}
    settings.is_multilingual, settings.return_timestamps = True, False
    settings.max_initial_timestamp_index, settings.max_length = 50, 40
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    return folder
