"""Settings of `align`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.training import DECAY, TrainingSettings
from saladkit.settings.weighted_path import WeightedPath


@dataclass(frozen=True, kw_only=True)
class AlignSettings(TrainingSettings):
    """Settings of Stage II; by default the learning rate falls linearly to 0 from the first step to the last."""

    teacher: tuple[str, ...] = setting(
        metavar="PATH",
        recorded=False,
        help="The teacher: a teacher cache (from `cache-teacher`), or the text LLM, to run during training. Repeat for"
        " more caches, such as one of --data and one of --rollouts.",
    )
    rollouts: tuple[str, ...] = setting(
        (),
        metavar="PATH[:WEIGHT]",
        recorded=False,
        help="Rollouts (from `rollout`): what a checkpoint has written behind prompts of --data; repeat for a mixture.",
    )
    rollout_loss: str = setting(
        "forward-kl",
        choices=("forward-kl", "reverse-kl", "jsd", "sampled"),
        applies=lambda own: bool(own.rollouts),
        help="Loss on --rollouts: a divergence between teacher and student, or sampled, the policy gradient of"
        " reverse-kl by the tokens that were written.",
    )
    fresh_optimizer: bool = setting(
        False, help="Begin with a new optimizer, also if the checkpoint has the moments of its optimizer."
    )

    @property
    def rollout_sources(self) -> list[WeightedPath]:
        """The sources of rollouts with their weights."""
        return [WeightedPath.parse(text) for text in self.rollouts]

    def loss_of_rollouts(self) -> str:
        """Return the loss on rollouts."""
        return self.rollout_loss

    def check(self) -> None:
        """Raise a SaladError if rollouts are to be joined, or their sampled loss is at another temperature than 1."""
        super().check()
        for text in self.rollouts:
            WeightedPath.parse(text)
        if self.rollouts and self.window_context == "window":
            raise SaladError(
                "--rollouts with --window-context window, in which a response would follow other rows than it did",
                "Give --window-context row.",
            )
        if self.rollouts and self.rollout_loss == "sampled" and self.temperature != 1:
            raise SaladError(
                f"--rollout-loss sampled at --temperature {self.temperature:g}, and tokens are drawn at 1",
                "Leave --temperature out, or give another --rollout-loss.",
            )

    def decay_share(self) -> float:
        """Return the share of the steps, at the end, in which the learning rate falls linearly to 0."""
        return DECAY["align"] if self.decay_fraction is None else self.decay_fraction

    def keeps_stable(self) -> bool:
        """Return whether the checkpoint from before the decay is kept."""
        return self.decay_share() < 1
