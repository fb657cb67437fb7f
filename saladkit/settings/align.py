"""Settings of `align`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.training import DECAY, TrainingSettings
from saladkit.settings.weighted_path import WeightedPath


@dataclass(frozen=True, kw_only=True)
class AlignSettings(TrainingSettings):
    """Settings of Stage II; by default the learning rate falls linearly to 0 from the first step to the last."""

    data: tuple[str, ...] = setting(
        (),
        metavar="PATH[:WEIGHT]",
        recorded=False,
        help="Samples with speech, text and word times; repeat for a mixture, of which each source gets the share that"
        " its weight says. Weight 0: read only for the recordings of prompts of --rollouts, never trained on. Without"
        " --data, training is on --rollouts whose prompts were all read.",
    )
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
    def speech_sources(self) -> list[WeightedPath]:
        """The sources of speech with their weights, which may be 0."""
        return [WeightedPath.parse(text, least=0.0) for text in self.data]

    @property
    def rollout_sources(self) -> list[WeightedPath]:
        """The sources of rollouts with their weights."""
        return [WeightedPath.parse(text) for text in self.rollouts]

    def loss_of_rollouts(self) -> str:
        """Return the loss on rollouts."""
        return self.rollout_loss

    def check(self) -> None:
        """Raise a SaladError if nothing is trained on, or rollouts are to be joined or their loss does not fit."""
        super().check()
        self._check_data()
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

    def _check_data(self) -> None:
        trained_on = any(source.weight for source in self.speech_sources)
        if not trained_on and not self.rollouts:
            raise SaladError(
                "there is nothing to train on: no --data with a weight above 0, and no --rollouts",
                "Give --data SAMPLES, --rollouts ROLLOUTS, or both.",
            )
        if not trained_on and self.lexical_steps:
            raise SaladError(
                f"--lexical-steps {self.lexical_steps} read --data alone, and there is none with a weight above 0",
                "Leave --lexical-steps out, or give --data a weight.",
            )
        unread = [source.path for source in self.speech_sources if not source.weight]
        if unread and not self.rollouts:
            raise SaladError(
                f"the weight of {unread[0]} is 0, and there are no --rollouts whose prompts are heard there",
                "Give a positive number after the colon, or --rollouts.",
            )

    def decay_share(self) -> float:
        """Return the share of the steps, at the end, in which the learning rate falls linearly to 0."""
        return DECAY["align"] if self.decay_fraction is None else self.decay_fraction

    def keeps_stable(self) -> bool:
        """Return whether the checkpoint from before the decay is kept."""
        return self.decay_share() < 1
