"""The configuration of a speech-adapted language model, saved and loaded by transformers."""

from typing import Any, cast

from transformers import AutoConfig, LlamaConfig, PretrainedConfig

from saladkit.settings.distill import LEARNED, AdapterSettings, DistillSettings
from saladkit.settings.shared import LOG_MEL, SpeechEncoder


class SaladConfig(PretrainedConfig):
    """The shape of speech encoder, adapter and language model.

    Attributes:
        text_config: configuration of the language model.
        adapter_config: Llama configuration of the adapter's layers (in the paper, arXiv 2510.13632: 12 layers, width
            960, MLP 2560, 15 heads, 5 KV heads).
        adapter_length: `free` or `learned` (`speech_adapter.py`); checkpoints without this entry have a learned length.
        speech_encoder: `log-mel`, an encoder that is trained from scratch; or folder or Hub name of a frozen encoder.
        num_mel_bins: log-mel bins, at 100 frames/s; for `log-mel` only, like the next four.
        encoder_width: width of the encoder's vectors.
        encoder_layers: causal convolutions of stride 2; three of them reduce 100 frames/s to 12.5 vectors/s.
        encoder_fine_blocks, encoder_blocks: residual convolutions before the last of these, and after it.
        frozen_encoder: identity of a frozen encoder's front end (family, settings, rates, digest of the weights).
        stacked_frames: number of a frozen encoder's frames that make one vector.
        phonemes: names of the phonemes that a head on the encoder's vectors tells apart in the lexical steps; None
            without this head.
        modality_tokens: whether a learned vector stands before speech, and before text after speech.
        chat_template: SHA-256 of the chat template by which conversations were laid out in training, if there were any.
        lora, text_model: shape of LoRA, and name and digest of the model that it belongs to, if the checkpoint holds
            only what was trained (`model/trained_part.py`).
    """

    model_type = "salad"
    sub_configs = {"text_config": AutoConfig, "adapter_config": LlamaConfig}

    # The constructor also takes None, the default that transformers needs here, and the dicts of a `config.json`;
    # `__post_init__` makes configurations of both.
    text_config: PretrainedConfig = cast(PretrainedConfig, None)
    adapter_config: LlamaConfig = cast(LlamaConfig, None)
    adapter_length: str = LEARNED
    speech_encoder: str = LOG_MEL
    num_mel_bins: int = SpeechEncoder.bins
    encoder_width: int = DistillSettings.encoder_width
    encoder_layers: int = 3
    encoder_fine_blocks: int = DistillSettings.encoder_fine_blocks
    encoder_blocks: int = DistillSettings.encoder_blocks
    frozen_encoder: dict | None = None
    stacked_frames: int = 1
    phonemes: list[str] | None = None
    modality_tokens: bool = False
    chat_template: str | None = None
    lora: dict | None = None
    text_model: dict | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if isinstance(self.text_config, dict):
            values = dict(self.text_config)
            self.text_config = AutoConfig.for_model(values.pop("model_type", "qwen2"), **values)
        elif self.text_config is None:
            self.text_config = AutoConfig.for_model("qwen2")
        if isinstance(self.adapter_config, dict):
            self.adapter_config = LlamaConfig(**self.adapter_config)
        elif self.adapter_config is None:
            self.adapter_config = adapter_configuration(AdapterSettings())
        super().__post_init__(**kwargs)

    @property
    def frames_per_vector(self) -> int:
        """Number of front-end frames that make one vector of the encoder."""
        return 2**self.encoder_layers if self.frozen_encoder is None else self.stacked_frames

    @property
    def vector_width(self) -> int:
        """Width of the encoder's vectors."""
        if self.frozen_encoder is None:
            return self.encoder_width
        return self.stacked_frames * self.frozen_encoder["width"]


def adapter_configuration(settings: AdapterSettings) -> LlamaConfig:
    """Return the configuration of the adapter's layers."""
    return LlamaConfig(
        vocab_size=1,  # the adapter reads vectors, never token ids
        bos_token_id=None,
        eos_token_id=None,
        num_hidden_layers=settings.adapter_layers,
        hidden_size=settings.adapter_width,
        intermediate_size=settings.adapter_mlp_width,
        num_attention_heads=settings.adapter_heads,
        num_key_value_heads=settings.adapter_kv_heads,
    )
