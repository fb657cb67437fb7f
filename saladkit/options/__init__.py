"""Options that mean the same in every command, spelled once."""

import math
from collections.abc import Callable
from functools import wraps

import click

from saladkit.errors import SaladError
from saladkit.sources.columns import ColumnNames


class Real(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number = super().convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", parameter, context)
        return number


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


def _span_lengths(kind: str, default: tuple[int, int]) -> Callable:
    help_text = f"Shortest and longest {kind} span, in words."
    return click.option(f"--{kind}-words", type=(int, int), default=default, show_default=True, help=help_text)


asr = click.option(
    "--asr", metavar="NAME", help="Speech recognizer: a Hugging Face model, or sphinx (PocketSphinx, English, offline)."
)
spans = stack(_span_lengths("text", (10, 30)), _span_lengths("speech", (5, 15)))
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
