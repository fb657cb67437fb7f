"""Settings of `cache-teacher`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import (
    BatchTokens,
    Columns,
    Device,
    Dtype,
    Files,
    MaxLength,
    Seed,
    Shards,
    Temperature,
)


@dataclass(frozen=True, kw_only=True)
class CacheTeacherSettings(Temperature, MaxLength, BatchTokens, Seed, Columns, Device, Dtype, Shards, Files):
    """Settings of `cache-teacher`: the text LLM, and what is kept of its distributions."""

    model: str = setting(recorded=False, help="The text LLM: a folder or a name on the Hugging Face Hub.")
    keep: str = setting(
        "top-k",
        choices=("top-k", "sampled"),
        help="top-k: store the most likely tokens, and the total probability of all others; sampled: store tokens"
        " drawn at random.",
    )
    top_k: int = setting(
        32, low=1, applies=lambda own: own.keep == "top-k", help="Number of most likely tokens stored per position."
    )
    draws: int = setting(
        50,
        low=1,
        high=255,
        applies=lambda own: own.keep == "sampled",
        help="Number of tokens drawn per position, for --keep sampled.",
    )
    reuse: tuple[str, ...] = setting(
        (),
        metavar="CACHE",
        recorded=False,
        help="Copy distributions from an earlier cache of the same teacher; repeat for more.",
    )
    verify: int = setting(
        0,
        low=0,
        recorded=False,
        help="Recompute this many random texts afterwards and report their KL divergence from the cache.",
    )

    @property
    def kept(self) -> dict:
        """What is kept of each distribution, as in the cache's identity."""
        if self.keep == "top-k":
            return {"keep": self.keep, "top_k": self.top_k}
        return {"keep": self.keep, "draws": self.draws, "seed": self.seed}

    def recorded(self) -> dict:
        """Return the settings that a manifest records; the seed only if tokens are drawn."""
        found = super().recorded()
        return found if self.keep == "sampled" else {name: found[name] for name in found if name != "seed"}
