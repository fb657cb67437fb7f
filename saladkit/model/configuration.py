"""The configuration of a speech-adapted language model, in Hugging Face's layout."""

from transformers import AutoConfig, LlamaConfig, PretrainedConfig

from saladkit.settings.distill import AdapterSettings, DistillSettings
from saladkit.settings.shared import LOG_MEL, SpeechEncoder


class SaladConfig(PretrainedConfig):
    """Speech encoder -> adapter -> language model.

    `text_config` is the language model's own configuration, `adapter_config` a Llama configuration whose layers
    make the adapter (the paper: 12 layers, width 960, MLP 2560, 15 heads, 5 KV heads). The speech encoder is named by
    `speech_encoder`. `log-mel` is trained from scratch: causal strided convolutions over `num_mel_bins` log-mel bins at
    100 frames/s, each halving the rate, down to 12.5 vectors/s, then `encoder_blocks` residual ones at that rate.
    Any other name is the folder, or the name on the Hub, of a frozen encoder: `frozen_encoder` is its front end's
    identity (family, settings, rates, digest of its weights), and `stacked_frames` of its frames make one vector.

    `modality_tokens`: whether a learned vector stands where speech begins, and where text begins again.

    `lora` and `text_model` are set where the language model is LoRA upon a model that stands elsewhere
    (`model/trained_part.py`).
    """

    model_type = "salad"
    sub_configs = {"text_config": AutoConfig, "adapter_config": LlamaConfig}

    text_config: dict | PretrainedConfig | None = None
    adapter_config: dict | PretrainedConfig | None = None
    speech_encoder: str = LOG_MEL
    num_mel_bins: int = SpeechEncoder.bins
    encoder_width: int = DistillSettings.encoder_width
    encoder_layers: int = 3
    encoder_blocks: int = 2
    frozen_encoder: dict | None = None
    stacked_frames: int = 1
    modality_tokens: bool = False
    lora: dict | None = None
    text_model: dict | None = None

    def __post_init__(self, **kwargs):
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
        """How many front-end frames make one vector of the encoder."""
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
