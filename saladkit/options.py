"""Options that mean the same in every command, spelled once."""

import math
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec

import click

from saladkit.errors import SaladError
from saladkit.formats.columns import ColumnNames


class Real(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number = super().convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", parameter, context)
        return number


class Several(click.Choice):
    """One of some names, or several with commas between them."""

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> list[str]:
        parts = value if isinstance(value, list) else str(value).split(",")
        return [super(Several, self).convert(part, parameter, context) for part in parts]


def _flat(context: click.Context, parameter: click.Parameter, values: tuple[list[str], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in values for name in value))


def stack(*options: Callable) -> Callable:
    """Several options as one decorator, shown in the order given."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


output = click.option("-o", "--output", required=True, help="Where the artefact goes: a new or empty folder.")
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="The same seed gives the same bytes.",
)
limit = click.option("--limit", type=click.IntRange(min=1), help="Read at most so many rows of each input.")
overwrite = click.option("--overwrite", is_flag=True, help="Throw away what is in the output folder.")
dry_run = click.option("--dry-run", is_flag=True, help="Print the plan and make nothing.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where models run.",
)
dtype = click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Type of the weights while a model runs.",
)


temperature = click.option(
    "--temperature",
    type=Real(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Divides the logits, the teacher's and the student's; a cache has to be made at that of the training.",
)
max_length = click.option(
    "--max-length",
    type=click.IntRange(min=2),
    default=2048,
    show_default=True,
    help="Longer texts are split between words, in tokens; the same for cache and training.",
)


def _one_of_the_shards(context: click.Context, parameter: click.Parameter, index: int) -> int:
    if index >= context.params["num_shards"]:
        raise SaladError(
            f"--shard-index {index} of --num-shards {context.params['num_shards']}", "The first shard has index 0."
        )
    return index


shards = stack(
    click.option(
        "--num-shards",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        is_eager=True,
        help="Processes that share the work.",
    ),
    click.option(
        "--shard-index",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        callback=_one_of_the_shards,
        help="Which of them this is.",
    ),
)
_columns = stack(
    click.option("--id-column", default="id", show_default=True, help="Column of the ids."),
    click.option("--text-column", default="text", show_default=True, help="Column of the texts."),
    click.option("--audio-column", default="audio", show_default=True, help="Column of the audio."),
)


def columns(command: Callable) -> Callable:
    """`--id-column`, `--text-column`, `--audio-column`, handed over together as `names`."""

    @wraps(command)
    def with_names(*, id_column: str, text_column: str, audio_column: str, **arguments: object) -> object:
        return command(names=ColumnNames(id_column, text_column, audio_column), **arguments)

    return _columns(with_names)


files = stack(limit, overwrite, dry_run)
words = click.option(
    "--words", multiple=True, metavar="PATH", help="Word times (`timestamps`) of rows; else those of the samples."
)


def _installed(context: click.Context, parameter: click.Parameter, name: str) -> str:
    if name != "none" and find_spec(name) is None:
        raise SaladError(f"--report-to {name}: the package {name} is not installed", f"pip install {name}")
    return name


def _span_lengths(kind: str, default: tuple[int, int]) -> Callable:
    help_text = f"Shortest and longest {kind} span, in words."
    return click.option(f"--{kind}-words", type=(int, int), default=default, show_default=True, help=help_text)


def _adapter_size(name: str, target: str, default: int, help_text: str) -> Callable:
    return click.option(
        f"--adapter-{name}", target, type=click.IntRange(min=1), default=default, show_default=True, help=help_text
    )


adapter = stack(
    _adapter_size("layers", "layers", 12, "Llama-style layers of the adapter."),
    _adapter_size("width", "width", 960, "Their width."),
    _adapter_size("mlp-width", "mlp_width", 2560, "The width of their MLPs."),
    _adapter_size("heads", "heads", 15, "Attention heads."),
    _adapter_size("kv-heads", "kv_heads", 5, "Key-value heads."),
)
speech_encoder = stack(
    click.option(
        "--speech-encoder",
        "encoder",
        metavar="NAME",
        default="log-mel",
        show_default=True,
        help="What listens: log-mel, trained from scratch; or a frozen Hugging Face model, a folder or a name: Mimi"
        " (kyutai/mimi), or a Whisper, wav2vec2, HuBERT or WavLM model.",
    ),
    click.option(
        "--mel-bins", "bins", type=click.IntRange(min=1), default=80, show_default=True, help="Bins of log-mel."
    ),
    click.option(
        "--codebooks", type=click.IntRange(min=1), default=8, show_default=True, help="Codebooks of Mimi that are used."
    ),
    click.option(
        "--encoder-layer",
        "layer",
        type=click.IntRange(min=1),
        default=None,
        help="Whose output is used, of Whisper, wav2vec2, HuBERT and WavLM.  [default: the last]",
    ),
)
asr = click.option(
    "--asr", metavar="NAME", help="Speech recognizer: a Hugging Face model, or sphinx (PocketSphinx, English, offline)."
)
asking = stack(
    click.option("--teacher", help="The text LLM that MODEL was made from; reads the questions too: adds the gap."),
    click.option("--compare", multiple=True, metavar="CHECKPOINT", help="Another to compare with MODEL; repeat."),
    click.option(
        "--modality",
        "modalities",
        type=Several(["text", "speech", "cascade"]),
        multiple=True,
        default=("text", "speech"),
        show_default=True,
        callback=_flat,
        help="How questions are given: one, or several behind commas. cascade: --teacher reads what --asr wrote down.",
    ),
    asr,
    click.option(
        "--template",
        type=click.Choice(["continuation", "letter", "best"]),
        help="Score options as continuations, or list them and score their letters; best: what does better on --dev."
        "  [default: continuation; with --generate: letter]",
    ),
    click.option(
        "--dev",
        metavar="SOURCE",
        help="Solved questions to choose it on, the first 500, read.  [default: the benchmark's own]",
    ),
    click.option(
        "--options",
        type=click.Choice(["text", "spoken"]),
        default="text",
        show_default=True,
        help="How options that are listed are given where the question is heard.",
    ),
    click.option(
        "--num-fewshot",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Solved questions before each, at most: as many as fit.",
    ),
    click.option(
        "--fewshot",
        metavar="SOURCE",
        help="Where they come from, the first of it.  [default: the benchmark's own, or the task]",
    ),
    click.option(
        "--fewshot-modality",
        type=click.Choice(["same", "text"]),
        default="same",
        show_default=True,
        help="Examples before a question that is heard are heard too, or read.",
    ),
    click.option("--generate", is_flag=True, help="Let the models write an answer, and see which option it names."),
    click.option("--max-new-tokens", type=click.IntRange(min=1), default=64, show_default=True, help="Of an answer."),
    click.option(
        "--sampling-temperature",
        "temperature",
        type=Real(min=0),
        default=0.0,
        show_default=True,
        help="Draw an answer's tokens by --seed; 0: always the likeliest.",
    ),
    click.option(
        "--sampling-top-k",
        "top_k",
        type=click.IntRange(min=1),
        default=50,
        show_default=True,
        help="Among so many likeliest ones.",
    ),
    click.option(
        "--voicebench-compatible",
        metavar="FOLDER",
        help="Read answers by the rule of VoiceBench, a clone of which is in FOLDER; what it cannot read is drawn.",
    ),
    click.option(
        "--max-length",
        type=click.IntRange(min=2),
        default=2048,
        show_default=True,
        help="Positions that a model is given at most, and never more than it was made for.",
    ),
    click.option(
        "--perturb",
        multiple=True,
        metavar="KIND=AMOUNT",
        help="Also hear the recordings with noise (snr=10, in dB) or at another speed (speed=0.9); repeat.",
    ),
    click.option(
        "--heard",
        multiple=True,
        metavar="SAMPLES",
        help="Speech that the models have learned from: voices that it lacks are held out; repeat.",
    ),
)
spans = stack(_span_lengths("text", (10, 30)), _span_lengths("speech", (5, 15)))

lora = stack(
    click.option(
        "--lora-rank",
        type=click.IntRange(min=0),
        help="Train LoRA of this rank in the text LLM, at --learning-rate, and freeze the rest of it; 0: train all."
        "  [default: 0; align: as the checkpoint]",
    ),
    click.option(
        "--lora-alpha", type=Real(0, min_open=True), help="LoRA's scale is alpha / rank.  [default: twice the rank]"
    ),
    click.option(
        "--lora-dropout",
        type=Real(0, 1, max_open=True),
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
training = stack(
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
    words,
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
        type=Real(0),
        default=5e-5,
        show_default=True,
        help="Peak rate of the language model.",
    ),
    click.option(
        "--adapter-learning-rate",
        type=Real(0),
        default=1e-3,
        show_default=True,
        help="Peak rate of encoder and adapter.",
    ),
    click.option(
        "--weight-decay",
        type=Real(0),
        default=0.1,
        show_default=True,
        help="AdamW's; not on norms and biases.",
    ),
    click.option(
        "--warmup-steps", type=click.IntRange(min=0), default=500, show_default=True, help="Steps of linear warm-up."
    ),
    click.option(
        "--alpha",
        type=Real(0, 1),
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
    temperature,
    click.option(
        "--replay-loss",
        type=click.Choice(["kl", "nll"]),
        default="kl",
        show_default=True,
        help="What replayed text is learnt from: the teacher, or the text alone, which needs no teacher.",
    ),
    max_length,
    click.option(
        "--lexical-weight",
        type=Real(0),
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
        type=Real(0, min_open=True),
        default=None,
        help="Of encoder and adapter in those steps.  [default: --adapter-learning-rate]",
    ),
    spans,
    click.option(
        "--text-first",
        type=Real(0, 1),
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
