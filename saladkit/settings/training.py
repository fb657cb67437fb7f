"""Settings of training, shared by `distill` and `align`."""

from dataclasses import dataclass
from importlib.util import find_spec

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import (
    BadAudio,
    Columns,
    Decontamination,
    Device,
    Interleaving,
    Limit,
    MaxLength,
    Output,
    Seed,
    Temperature,
    Words,
)
from saladkit.settings.weighted_path import WeightedPath

DECAY = {"distill": 0.2, "align": 1.0}  # default of --decay-fraction


@dataclass(frozen=True, kw_only=True)
class LoraSettings(Settings):
    """LoRA, and how the checkpoint is saved."""

    lora_rank: int | None = setting(
        None,
        low=0,
        help="Train LoRA of this rank in the text LLM, at --learning-rate, and freeze its other weights; 0: train"
        " all weights.  [default: 0; align: as the checkpoint]",
    )
    lora_alpha: float | None = setting(
        None, above=0, help="LoRA's output is scaled by alpha / rank.  [default: twice the rank]"
    )
    lora_dropout: float = setting(0.0, low=0, below=1, help="Dropout on LoRA's inputs.")
    lora_targets: tuple[str, ...] = setting(
        (),
        metavar="NAME",
        help="Name of linear layers, or of experts' weights, that get LoRA, such as q_proj; repeat for more.  [default:"
        " all of the decoder]",
    )
    save: str = setting(
        "full",
        choices=("full", "trained"),
        help="full: save a complete checkpoint, with LoRA merged; trained: save only the trained weights, and the"
        " name of the text LLM.",
    )

    def check(self) -> None:
        """Raise a SaladError if there are settings of LoRA without a rank."""
        super().check()
        if not self.lora_rank and (self.lora_alpha is not None or self.lora_dropout or self.lora_targets):
            raise SaladError("settings of LoRA without LoRA", "Give the rank of LoRA with --lora-rank, such as 16.")


@dataclass(frozen=True, kw_only=True)
class Foresight(Output):
    """What `--dry-run` predicts of a training."""

    measured: str | None = setting(
        None,
        metavar="FOLDER",
        recorded=False,
        help="With --dry-run: finished training of the same model on the same kind of machine, from whose speed and"
        " memory the plan is computed.",
    )
    for_processes: int | None = setting(
        None,
        low=1,
        recorded=False,
        help="With --dry-run: number of processes (GPUs) to plan for.  [default: those that run]",
    )

    def check(self) -> None:
        """Raise a SaladError if there is something to predict and no dry run."""
        super().check()
        for name, given in (("--measured", self.measured), ("--for-processes", self.for_processes)):
            if given is not None and not self.dry_run:
                raise SaladError(f"{name} without --dry-run", f"Give --dry-run, or leave {name} out.")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(
    Words,
    Temperature,
    MaxLength,
    Interleaving,
    LoraSettings,
    BadAudio,
    Decontamination,
    Columns,
    Seed,
    Device,
    Limit,
    Foresight,
):
    """Settings of training, named as in transformers.TrainingArguments where that has them."""

    replay: tuple[str, ...] = setting(
        (),
        metavar="PATH[:WEIGHT]",
        recorded=False,
        help="Samples of which only the text is read, so that the model does not forget what it knows; repeat for a"
        " mixture.",
    )
    frames: tuple[str, ...] = setting(
        (),
        metavar="PATH",
        recorded=False,
        help="Frames or layouts cache of --data (from `cache-speech`); without it, audio is encoded at every step."
        " Repeat for more.",
    )
    mix: str = setting(
        "positions",
        choices=("positions", "rows"),
        help="What the weights of --data and --replay are shares of: positions (tokens and speech vectors), or rows.",
    )
    window: int = setting(
        0,
        low=0,
        help="Join rows of one source to windows of at most this many positions, over which text and speech spans go on"
        " from row to row; 0: rows alone.",
    )
    window_context: str = setting(
        "row",
        choices=("row", "window"),
        applies=lambda own: own.window > 0,
        help="row: the rows of a window do not see each other; window: they are one text, for the teacher too, which"
        " then cannot be a cache.",
    )
    max_steps: int = setting(low=1, help="Number of optimizer steps.")
    per_device_train_batch_size: int = setting(8, low=1, help="Rows, or windows, per batch on each device.")
    gradient_accumulation_steps: int = setting(1, low=1, help="Batches per optimizer step.")
    batching: str = setting(
        "auto",
        choices=("auto", "packed", "padded"),
        help="packed: put several rows of a batch on one line; padded: pad each row; auto: packed, where the text LLM"
        " can keep rows of a line apart. The same rows weigh the same.",
    )
    learning_rate: float = setting(5e-5, low=0, help="Peak learning rate of the text LLM.")
    adapter_learning_rate: float = setting(1e-3, low=0, help="Peak learning rate of encoder and adapter.")
    weight_decay: float = setting(
        0.1, low=0, help="Weight decay of AdamW, except on embeddings, the head, norms and biases."
    )
    adam_beta1: float = setting(0.9, low=0, below=1, help="Decay rate of AdamW's mean of gradients.")
    adam_beta2: float = setting(0.999, low=0, below=1, help="Decay rate of AdamW's mean of squared gradients.")
    adam_epsilon: float = setting(1e-8, above=0, help="What AdamW adds to the root of the mean square.")
    max_grad_norm: float = setting(
        1.0, low=0, help="Scale a step's gradient down to this norm if its norm is larger; 0: never."
    )
    warmup_steps: int | None = setting(
        None,
        low=0,
        help="Number of steps in which the learning rate rises linearly.  [default: 500; align with the checkpoint's"
        " moments: 0]",
    )
    decay_fraction: float | None = setting(
        None,
        low=0,
        high=1,
        help="Share of the steps, at the end, in which the learning rate falls to 0. Below 1, `align` also keeps the"
        " checkpoint from before in OUTPUT/stable, where the next `align` starts.  [default: 0.2; align: 1]",
    )
    stable_moments: str = setting(
        "keep",
        choices=("keep", "drop"),
        applies=lambda own: own.keeps_stable(),
        help="Whether OUTPUT/stable keeps the optimizer's moments, with which `align` goes on; they are twice as large"
        " as the trained weights.",
    )
    alpha: float = setting(1.0, low=0, high=1, help="Loss = alpha * divergence + (1 - alpha) * NLL.")
    divergence: str = setting(
        "forward-kl",
        choices=("forward-kl", "reverse-kl", "jsd"),
        help="Divergence between teacher and student; forward-kl, the paper's, is KL(teacher || student).",
    )
    replay_loss: str = setting(
        "kl",
        choices=("kl", "nll"),
        help="Loss on --replay: kl, from the teacher's distributions; nll, of the text itself, which needs no teacher.",
    )
    lexical_weight: float = setting(
        0.0,
        low=0,
        help="Weight of the lexical loss, which pulls the speech vector of a token towards the token's embedding"
        " (not in the paper).",
    )
    lexical_steps: int = setting(
        0, low=0, help="Number of first steps, of --max-steps, that train on the lexical loss alone."
    )
    lexical_learning_rate: float | None = setting(
        None,
        above=0,
        help="Learning rate of encoder and adapter in the lexical steps.  [default: --adapter-learning-rate]",
    )
    logging_steps: int = setting(10, low=1, help="Number of steps between entries of metrics.jsonl.")
    save_steps: int = setting(
        500, low=1, help="Number of steps between saved states, from which a training can resume."
    )
    resume_from_checkpoint: str | None = setting(
        None,
        metavar="FOLDER",
        recorded=False,
        help="Resume from this saved state (OUTPUT/training/checkpoint-N) of another run, if this run has none yet.",
    )
    attention: str = setting(
        "sdpa",
        choices=("sdpa", "eager", "flash_attention_2", "flex_attention"),
        recorded=False,
        help="Attention implementation. On a GPU with packed rows, flash_attention_2 does not compute what is masked.",
    )
    bf16: bool = setting(
        False,
        help="Train in bfloat16 mixed precision; faster on GPUs, and for matrix products on CPUs with AVX-512 BF16.",
    )
    gradient_checkpointing: bool = setting(
        False, help="Recompute layers in the backward pass instead of storing their outputs: less memory, more time."
    )
    torch_compile: bool = setting(False, help="Compile the model; the first steps take minutes.")
    report_to: str = setting(
        "none",
        choices=("none", "tensorboard", "wandb", "trackio"),
        recorded=False,
        help="Also log to this tool; TensorBoard's files are in OUTPUT/logs.",
    )

    @property
    def speech_sources(self) -> list[WeightedPath]:
        """The sources of speech with their weights: those of --data, which `distill` and `align` have."""
        return []

    @property
    def text_sources(self) -> list[WeightedPath]:
        """The sources of replayed text with their weights."""
        return [WeightedPath.parse(text) for text in self.replay]

    @property
    def warm_up(self) -> int:
        """Number of steps in which the learning rate rises: `warmup_steps`, or its default."""
        return 500 if self.warmup_steps is None else self.warmup_steps

    @property
    def rollout_sources(self) -> list[WeightedPath]:
        """The sources of rollouts with their weights."""
        return []

    def loss_of_rollouts(self) -> str:
        """Return the loss on rollouts, where there are any."""
        return self.divergence

    def keeps_moments(self) -> bool:
        """Return whether the checkpoint from before the decay has the optimizer's moments."""
        return self.stable_moments == "keep"

    def phoneme_loss_weight(self) -> float:
        """Return the weight of the phoneme loss in the lexical steps."""
        return 0.0

    def spoken_language(self) -> str:
        """Return the language whose phonemes are named, where there is a phoneme loss."""
        return ""

    def decay_share(self) -> float:
        """Return the share of the steps, at the end, in which the learning rate falls linearly to 0."""
        return DECAY["distill"] if self.decay_fraction is None else self.decay_fraction

    def keeps_stable(self) -> bool:
        """Return whether the checkpoint from before the decay is kept."""
        return True

    def learns_from_text_alone(self, replay: bool) -> bool:
        """Return whether rows, of replay or not, are trained on their own next tokens, without a teacher."""
        return replay and self.replay_loss == "nll"

    def check(self) -> None:
        """Raise a SaladError if a weight is invalid, steps do not fit each other, or a logger is not installed."""
        super().check()
        _ = self.speech_sources, self.text_sources, self.rollout_sources  # each raises where a weight is invalid
        if self.save_steps % self.logging_steps:
            raise SaladError(
                f"--save-steps {self.save_steps} is not a multiple of --logging-steps {self.logging_steps}",
                "Give a multiple of --logging-steps, so that a resumed run logs the same as an uninterrupted one.",
            )
        if self.lexical_steps and not (self.lexical_weight > 0 and self.lexical_steps < self.max_steps):
            raise SaladError(
                f"--lexical-steps {self.lexical_steps} with --lexical-weight {self.lexical_weight} "
                f"and --max-steps {self.max_steps}",
                "Give a --lexical-weight above 0, and fewer --lexical-steps than --max-steps.",
            )
        self._check_window()
        if self.report_to != "none" and find_spec(self.report_to) is None:
            raise SaladError(
                f"--report-to {self.report_to}: the package {self.report_to} is not installed",
                f"Run `pip install {self.report_to}`.",
            )

    def _check_window(self) -> None:
        longest = max(*self.text_words, *self.speech_words)
        if 0 < self.window < longest:
            raise SaladError(
                f"--window {self.window} is shorter than a span of {longest} words",
                f"Give a --window of at least {longest}, or shorter --text-words and --speech-words.",
            )
        if self.window_context == "window" and not self.window:
            raise SaladError(
                "--window-context window without windows", "Give --window, such as 2048, or leave --window-context out."
            )
