"""What `distill` and `align` train on, how, and what is trained; and the model that `distill` makes."""

from collections.abc import Callable
from importlib.util import find_spec

import click

from saladkit import options
from saladkit.errors import SaladError


def _adapter_size(name: str, target: str, default: int, help_text: str) -> Callable:
    return click.option(
        f"--adapter-{name}", target, type=click.IntRange(min=1), default=default, show_default=True, help=help_text
    )


adapter = options.stack(
    _adapter_size("layers", "layers", 12, "Llama-style layers of the adapter."),
    _adapter_size("width", "width", 960, "Their width."),
    _adapter_size("mlp-width", "mlp_width", 2560, "The width of their MLPs."),
    _adapter_size("heads", "heads", 15, "Attention heads."),
    _adapter_size("kv-heads", "kv_heads", 5, "Key-value heads."),
)


def _installed(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if name != "none" and find_spec(name) is None:
        raise SaladError(f"--report-to {name}: the package {name} is not installed", f"pip install {name}")
    return name


lora = options.stack(
    click.option(
        "--lora-rank",
        type=click.IntRange(min=0),
        help="Train LoRA of this rank in the text LLM, at --learning-rate, and freeze the rest of it; 0: train all."
        "  [default: 0; align: as the checkpoint]",
    ),
    click.option(
        "--lora-alpha",
        type=options.Real(0, min_open=True),
        help="LoRA's scale is alpha / rank.  [default: twice the rank]",
    ),
    click.option(
        "--lora-dropout",
        type=options.Real(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        help="Dropout of LoRA's inputs.",
    ),
    click.option(
        "--lora-targets",
        multiple=True,
        metavar="NAME",
        help="Linear layers that get LoRA, such as q_proj; repeat.  [default: all of the decoder]",
    ),
    click.option(
        "--save",
        type=click.Choice(["full", "trained"]),
        default="full",
        show_default=True,
        help="full: a checkpoint that stands alone, LoRA merged; trained: what was trained, and the text LLM by name.",
    ),
)
training = options.stack(
    click.option(
        "--data",
        multiple=True,
        required=True,
        metavar="PATH[:WEIGHT]",
        help="Speech with its text and word times; repeat for a mix.",
    ),
    click.option(
        "--replay",
        multiple=True,
        metavar="PATH[:WEIGHT]",
        help="Text to read, so that nothing is forgotten; repeat for a mix.",
    ),
    click.option(
        "--frames", multiple=True, metavar="PATH", help="Frames caches (`cache-speech`); else audio is read every time."
    ),
    options.words,
    click.option("--max-steps", type=click.IntRange(min=1), required=True, help="Optimizer steps."),
    click.option(
        "--per-device-train-batch-size",
        type=click.IntRange(min=1),
        default=8,
        show_default=True,
        help="Rows a step and device.",
    ),
    click.option(
        "--gradient-accumulation-steps",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Batches a step.",
    ),
    click.option(
        "--batching",
        type=click.Choice(["auto", "packed", "padded"]),
        default="auto",
        show_default=True,
        help="A device's rows packed into one, or padded beside rows of about their length; auto packs on cuda.",
    ),
    click.option(
        "--learning-rate",
        type=options.Real(0),
        default=5e-5,
        show_default=True,
        help="Peak rate of the language model.",
    ),
    click.option(
        "--adapter-learning-rate",
        type=options.Real(0),
        default=1e-3,
        show_default=True,
        help="Peak rate of encoder and adapter.",
    ),
    click.option(
        "--weight-decay",
        type=options.Real(0),
        default=0.1,
        show_default=True,
        help="AdamW's; not on norms and biases.",
    ),
    click.option(
        "--warmup-steps", type=click.IntRange(min=0), default=500, show_default=True, help="Steps of linear warm-up."
    ),
    click.option(
        "--alpha",
        type=options.Real(0, 1),
        default=1.0,
        show_default=True,
        help="Loss = alpha * divergence + (1 - alpha) * NLL.",
    ),
    click.option(
        "--divergence",
        type=click.Choice(["forward-kl", "reverse-kl", "jsd"]),
        default="forward-kl",
        show_default=True,
        help="Of the student from the teacher; the paper's is KL(teacher || student).",
    ),
    options.temperature,
    click.option(
        "--replay-loss",
        type=click.Choice(["kl", "nll"]),
        default="kl",
        show_default=True,
        help="What replayed text is learnt from: the teacher, or the text alone, which needs no teacher.",
    ),
    options.max_length,
    click.option(
        "--lexical-weight",
        type=options.Real(0),
        default=0.0,
        show_default=True,
        help="Weight of the lexical warm-up (ours; the paper has none).",
    ),
    click.option(
        "--lexical-steps",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="First steps, of --max-steps, that learn from the lexical loss alone.",
    ),
    click.option(
        "--lexical-learning-rate",
        type=options.Real(0, min_open=True),
        default=None,
        help="Of encoder and adapter in those steps.  [default: --adapter-learning-rate]",
    ),
    options.spans,
    click.option(
        "--text-first",
        type=options.Real(0, 1),
        default=0.5,
        show_default=True,
        help="How often a row begins with text.",
    ),
    click.option(
        "--logging-steps",
        type=click.IntRange(min=1),
        default=10,
        show_default=True,
        help="Steps between two entries of metrics.jsonl.",
    ),
    click.option(
        "--save-steps",
        type=click.IntRange(min=1),
        default=500,
        show_default=True,
        help="Steps between two states to resume from.",
    ),
    click.option(
        "--resume-from-checkpoint",
        metavar="FOLDER",
        help="A saved state (OUTPUT/training/checkpoint-N) to go on from, where this output has none of its own yet.",
    ),
    click.option(
        "--attention",
        type=click.Choice(["sdpa", "eager", "flash_attention_2", "flex_attention"]),
        default="sdpa",
        show_default=True,
        help="How attention is computed; for packed rows on a GPU flash_attention_2 skips what is masked.",
    ),
    click.option("--bf16", is_flag=True, help="Mixed precision."),
    click.option(
        "--gradient-checkpointing",
        is_flag=True,
        help="Run layers again in the backward pass instead of keeping what they gave: less memory, more time.",
    ),
    click.option("--torch-compile", is_flag=True, help="Compile the model; the first steps take minutes."),
    click.option(
        "--report-to",
        type=click.Choice(["none", "tensorboard", "wandb", "trackio"]),
        default="none",
        show_default=True,
        callback=_installed,
        help="Also log there; TensorBoard's files go to OUTPUT/logs.",
    ),
)
