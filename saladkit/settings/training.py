"""Settings of training, shared by `distill` and `align`."""

from dataclasses import dataclass
from importlib.util import find_spec

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Files, MaxLength, Seed, Spans, Temperature, Words
from saladkit.settings.weighted_path import WeightedPath


@dataclass(frozen=True, kw_only=True)
class LoraSettings(Settings):
    """Which part of the text LLM is trained, and how the checkpoint is saved."""

    lora_rank: int | None = setting(
        None,
        low=0,
        help="Train LoRA of this rank in the text LLM, at --learning-rate, and freeze the rest of it; 0 trains all. "
        " [default: 0; align: as the checkpoint]",
    )
    lora_alpha: float | None = setting(None, above=0, help="LoRA is scaled by alpha / rank.  [default: twice the rank]")
    lora_dropout: float = setting(0.0, low=0, below=1, help="Dropout on LoRA's inputs.")
    lora_targets: tuple[str, ...] = setting(
        (),
        metavar="NAME",
        help="Linear layers that get LoRA, such as q_proj; repeat for more.  [default: all of the decoder]",
    )
    save: str = setting(
        "full",
        choices=("full", "trained"),
        help="full: a checkpoint that stands alone, LoRA merged; trained: only the trained weights and the text"
        " LLM's name.",
    )

    def check(self) -> None:
        """Raise a SaladError where LoRA is described and not asked for."""
        super().check()
        if not self.lora_rank and (self.lora_alpha is not None or self.lora_dropout or self.lora_targets):
            raise SaladError("settings of LoRA without LoRA", "Give its rank with --lora-rank, 16 for example.")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Words, Temperature, MaxLength, Spans, LoraSettings, Columns, Seed, Device, Files):
    """What a training reads, how it learns, and what it saves; names as in transformers.TrainingArguments."""

    data: tuple[str, ...] = setting(
        metavar="PATH[:WEIGHT]", recorded=False, help="Speech with its text and word times; repeat for a mix."
    )
    replay: tuple[str, ...] = setting(
        (),
        metavar="PATH[:WEIGHT]",
        recorded=False,
        help="Text to read, so that the model does not forget; repeat for a mix.",
    )
    frames: tuple[str, ...] = setting(
        (),
        metavar="PATH",
        recorded=False,
        help="Frames caches (`cache-speech`); without them audio is encoded at every step.",
    )
    max_steps: int = setting(low=1, help="Optimizer steps.")
    per_device_train_batch_size: int = setting(8, low=1, help="Rows per step and device.")
    gradient_accumulation_steps: int = setting(1, low=1, help="Batches per step.")
    batching: str = setting(
        "auto",
        choices=("auto", "packed", "padded"),
        help="Pack a device's rows into one, or pad rows of about the same length; auto packs on cuda.",
    )
    learning_rate: float = setting(5e-5, low=0, help="Peak learning rate of the text LLM.")
    adapter_learning_rate: float = setting(1e-3, low=0, help="Peak learning rate of encoder and adapter.")
    weight_decay: float = setting(0.1, low=0, help="AdamW's weight decay; not on norms and biases.")
    warmup_steps: int = setting(500, low=0, help="Steps of linear warm-up.")
    alpha: float = setting(1.0, low=0, high=1, help="Loss = alpha * divergence + (1 - alpha) * NLL.")
    divergence: str = setting(
        "forward-kl",
        choices=("forward-kl", "reverse-kl", "jsd"),
        help="Divergence of the student from the teacher; the paper's is KL(teacher || student).",
    )
    replay_loss: str = setting(
        "kl",
        choices=("kl", "nll"),
        help="Train replayed text on the teacher's distributions, or on the text alone, which needs no teacher.",
    )
    lexical_weight: float = setting(0.0, low=0, help="Weight of the lexical warm-up (ours; the paper has none).")
    lexical_steps: int = setting(
        0, low=0, help="How many of --max-steps come first and train on the lexical loss alone."
    )
    lexical_learning_rate: float | None = setting(
        None,
        above=0,
        help="Learning rate of encoder and adapter in the lexical steps.  [default: --adapter-learning-rate]",
    )
    text_first: float = setting(0.5, low=0, high=1, help="Probability that a row begins with text.")
    logging_steps: int = setting(10, low=1, help="Steps between two entries of metrics.jsonl.")
    save_steps: int = setting(500, low=1, help="Steps between two states to resume from.")
    resume_from_checkpoint: str | None = setting(
        None,
        metavar="FOLDER",
        recorded=False,
        help="Go on from this saved state (OUTPUT/training/checkpoint-N) where the output has none of its own yet.",
    )
    attention: str = setting(
        "sdpa",
        choices=("sdpa", "eager", "flash_attention_2", "flex_attention"),
        recorded=False,
        help="Attention implementation; for packed rows on a GPU flash_attention_2 skips what is masked.",
    )
    bf16: bool = setting(False, help="Train in bfloat16 mixed precision.")
    gradient_checkpointing: bool = setting(
        False, help="Recompute layers in the backward pass instead of keeping their outputs: less memory, more time."
    )
    torch_compile: bool = setting(False, help="Compile the model; the first steps take minutes.")
    report_to: str = setting(
        "none",
        choices=("none", "tensorboard", "wandb", "trackio"),
        recorded=False,
        help="Also log there; TensorBoard's files go to OUTPUT/logs.",
    )

    @property
    def speech_sources(self) -> list[WeightedPath]:
        """The sources of speech with their weights."""
        return [WeightedPath.parse(text) for text in self.data]

    @property
    def text_sources(self) -> list[WeightedPath]:
        """The sources of replayed text with their weights."""
        return [WeightedPath.parse(text) for text in self.replay]

    @property
    def packed(self) -> bool:
        """Whether each device's rows are packed into one; `auto` has been decided before training begins."""
        return self.batching == "packed"

    def decay_share(self) -> float:
        """The share of the steps, the last ones, in which the learning rate falls linearly to 0."""
        return 1.0

    def learns_from_text_alone(self, replay: bool) -> bool:
        """Whether rows, of replay or not, are trained on their own text without a teacher."""
        return replay and self.replay_loss == "nll"

    def check(self) -> None:
        """Raise a SaladError where a weight is invalid, steps do not fit each other, or a logger is not installed."""
        super().check()
        for text in (*self.data, *self.replay):
            WeightedPath.parse(text)
        if self.save_steps % self.logging_steps:
            raise SaladError(
                f"--save-steps {self.save_steps} is no multiple of --logging-steps {self.logging_steps}",
                "Make it one: a resumed run then logs what an undisturbed one would have logged.",
            )
        if self.lexical_steps and not (self.lexical_weight > 0 and self.lexical_steps < self.max_steps):
            raise SaladError(
                f"--lexical-steps {self.lexical_steps} with --lexical-weight {self.lexical_weight} "
                f"and --max-steps {self.max_steps}",
                "Give a weight above 0, and fewer lexical steps than steps.",
            )
        if self.report_to != "none" and find_spec(self.report_to) is None:
            raise SaladError(
                f"--report-to {self.report_to}: the package {self.report_to} is not installed",
                f"pip install {self.report_to}",
            )
