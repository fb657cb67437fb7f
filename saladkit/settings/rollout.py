"""Settings of `rollout`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.shared import BadAudio, Columns, Device, Dtype, Files, Seed, Shards, Words


@dataclass(frozen=True, kw_only=True)
class RolloutSettings(Words, BadAudio, Columns, Seed, Device, Dtype, Shards, Files):
    """Settings of `rollout`: what the model is given, and how it writes."""

    prompt_modality: tuple[str, ...] = setting(
        ("speech",),
        choices=("speech", "text"),
        help="How the model gets each prompt; repeat for both. A text LLM gets text alone.",
    )
    prompt_words: tuple[int, int] = setting(
        (8, 40),
        help="Smallest and largest number of first words of a row that are its prompt; a shorter row is a prompt as a"
        " whole. The prompt of a conversation (messages) is all before the assistant's last turn.",
    )
    samples: int = setting(1, low=1, help="Number of responses to each prompt.")
    max_new_tokens: int = setting(64, low=1, help="Longest response, in tokens.")
    greedy: bool = setting(False, recorded=False, help="Take the most likely token each time, instead of drawing one.")
    temperature: float = setting(1.0, above=0, help="Divide the logits by this before a token is drawn.")
    top_p: float = setting(
        1.0,
        above=0,
        high=1,
        applies=lambda own: not own.greedy,
        help="Draw from the fewest most likely tokens that together have this probability; 1 draws from all.",
    )
    frames: tuple[str, ...] = setting(
        (),
        metavar="CACHE",
        recorded=False,
        help="Frames cache (from `cache-speech`), read instead of the audio; repeat for more.",
    )
    batch_size: int = setting(
        16,
        low=1,
        help="Responses that are written at once; their log-probabilities depend on it in the last digits.",
    )

    def check(self) -> None:
        """Raise a SaladError if the range of lengths is invalid, or if all samples would be the same."""
        super().check()
        low, high = self.prompt_words
        if not 1 <= low <= high:
            raise SaladError(
                f"--prompt-words {low} {high} is not a range of lengths",
                "Give the shortest length, which is at least 1, and then the longest.",
            )
        if self.greedy and self.samples > 1:
            raise SaladError(
                f"--greedy with --samples {self.samples}, which would all be the same",
                "Leave one of them out.",
            )
        if self.greedy and (self.temperature, self.top_p) != (1.0, 1.0):
            raise SaladError(
                "--greedy draws nothing, so --temperature and --top-p mean nothing", "Leave --greedy or these out."
            )
        if not self.prompt_modality or len(set(self.prompt_modality)) < len(self.prompt_modality):
            given = " and ".join(self.prompt_modality) or "empty"
            raise SaladError(f"--prompt-modality is {given}", "Give speech, text or both, each once.")

    def recorded(self) -> dict:
        """Return the settings that a manifest records; greedy responses have temperature 0 there."""
        return super().recorded() | ({"temperature": 0.0} if self.greedy else {})
