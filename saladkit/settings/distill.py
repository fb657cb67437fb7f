"""Settings of `distill`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import SpeechEncoder
from saladkit.settings.training import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class DistillSettings(SpeechEncoder, TrainingSettings):
    """Stage I: the shape of encoder and adapter, and how they are trained."""

    teacher: str | None = setting(
        None, recorded=False, help="Teacher cache, or a text LLM to run live.  [default: MODEL, live]"
    )
    decay_fraction: float = setting(
        0.2, low=0, high=1, help="Share of the steps, the last ones, in which the learning rate falls to 0."
    )
    adapter_layers: int = setting(12, low=1, help="Llama-style layers of the adapter.")
    adapter_width: int = setting(960, low=1, help="Width of the adapter's layers.")
    adapter_mlp_width: int = setting(2560, low=1, help="Width of the adapter's MLPs.")
    adapter_heads: int = setting(15, low=1, help="Attention heads of the adapter.")
    adapter_kv_heads: int = setting(5, low=1, help="Key-value heads of the adapter.")
    encoder_width: int = setting(160, low=1, help="Width of the log-mel encoder.")
    modality_token: bool = setting(False, help="Mark where speech begins and where text goes on with learned vectors.")

    def decay_share(self) -> float:
        """The share of the steps, the last ones, in which the learning rate falls linearly to 0."""
        return self.decay_fraction
