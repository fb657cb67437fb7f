"""How `eval` asks: whom, in which way, behind what, and how it reads the answers."""

import click

from saladkit import options


class Several(click.Choice):
    """One of some names, or several with commas between them."""

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> list[str]:
        parts = value if isinstance(value, list) else str(value).split(",")
        return [super(Several, self).convert(part, parameter, context) for part in parts]


def _flat(context: click.Context, parameter: click.Parameter, values: tuple[list[str], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for value in values for name in value))


asking = options.stack(
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
    options.asr,
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
        type=options.Real(min=0),
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
