"""The shell: one thin command per verb. Logic lives in `saladkit.stages`, imported when a command runs."""

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from saladkit import __version__, options
from saladkit.errors import SaladError
from saladkit.options import selecting, speaking, training
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.evaluate import EvalSettings
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.settings.fit_scaling import FitScalingSettings
from saladkit.settings.gap import GapSettings
from saladkit.settings.options import options_of
from saladkit.settings.setting import Settings


class Shell(click.Group):
    """Lists the commands in the method's order; shows a user's error in two lines and exits with 2."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SaladError as error:
            from saladkit.progress import end_progress

            end_progress()
            # One line each, whatever a library's own message is made of.
            click.echo(f"error: {' '.join(error.problem.split())}\n  fix: {' '.join(error.fix.split())}", err=True)
            context.exit(2)


def _print(summary: dict) -> None:
    if int(os.environ.get("RANK", 0)) > 0:  # of several processes that train together the first one speaks
        return
    sys.stdout.write(json.dumps(summary) + "\n")


OUTPUT = "Folder for the artefact: new or empty."


def verb(name: str, settings: type[Settings], output: str = OUTPUT) -> Callable[[Callable[..., dict]], click.Command]:
    """Make the command `name` of a function of its arguments, `output` and `settings`; print the summary it returns."""

    def decorate(body: Callable[..., dict]) -> click.Command:
        @wraps(body)
        def command(**given: Any) -> None:
            _print(body(**given))

        with_options = options_of(settings, name)(command)
        with_output = click.option("-o", "--output", required=True, help=output)(with_options)
        return main.command(name)(with_output)

    return decorate


@click.group(cls=Shell, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="saladkit")
def main() -> None:
    """Close the text-speech understanding gap of speech-adapted language models.

    The commands meet only through files. Each prints progress on stderr and one JSON summary on stdout. The same line
    run again goes on where it stopped. Exit codes: 0 done, 1 failed, 2 wrong input.
    """


@main.command("cache-teacher")
@click.argument("samples", nargs=-1, required=True)
@click.option("--model", required=True, help="The text LLM: a folder or a name on the Hub.")
@options.output
@click.option(
    "--keep",
    type=click.Choice(["top-k", "sampled"]),
    default="top-k",
    show_default=True,
    help="The most likely tokens and the mass of the rest, or tokens drawn by --seed.",
)
@click.option(
    "--top-k", type=click.IntRange(min=1), default=32, show_default=True, help="Most likely tokens kept a position."
)
@click.option(
    "--draws", type=click.IntRange(1, 255), default=50, show_default=True, help="Draws a position, with --keep sampled."
)
@options.temperature
@options.max_length
@click.option("--batch-tokens", type=click.IntRange(min=1), default=8192, show_default=True, help="Tokens a batch.")
@click.option(
    "--reuse", multiple=True, metavar="CACHE", help="A cache of the same teacher: what it holds is copied; repeat."
)
@click.option(
    "--verify",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Compute so many texts of the finished cache again, drawn by --seed, and print how far it is from them.",
)
@options.seed
@options.columns
@options.device
@options.dtype
@options.shards
@options.files
def cache_teacher(samples: tuple[str, ...], output: str, **settings: object) -> None:
    """Cache the frozen text LLM's next-token distributions of SAMPLES, sparse and keyed by text."""
    from saladkit.stages.cache_teacher import cache_teacher

    _print(cache_teacher(list(samples), output, **settings))


@main.command("distill")
@click.argument("model")
@options.output
@click.option("--teacher", help="A teacher cache, or a text LLM to run live.  [default: MODEL, live]")
@training.training
@training.lora
@click.option(
    "--decay-fraction",
    type=options.Real(0, 1),
    default=0.2,
    show_default=True,
    help="Last share of the steps, in which the rate falls to 0.",
)
@training.adapter
@options.speech_encoder
@click.option(
    "--encoder-width", type=click.IntRange(min=1), default=160, show_default=True, help="Width of the log-mel encoder."
)
@click.option("--modality-token", is_flag=True, help="Mark where speech begins and text goes on by learned vectors.")
@options.columns
@options.seed
@options.device
@options.files
def distill(model: str, output: str, **settings: object) -> None:
    """Stage I: distil the frozen text LLM MODEL into its speech-adapted self, on natural speech."""
    from saladkit.stages.distill import distill
    from saladkit.training.settings import adapter_settings, training_settings

    settings, adapter = adapter_settings(settings)
    _print(distill(model, output, **adapter, **training_settings(settings)))


@verb("gap", GapSettings)
@click.argument("checkpoint")
@click.argument("samples", nargs=-1, required=True)
def gap(checkpoint: str, samples: tuple[str, ...], output: str, settings: GapSettings) -> dict:
    """Measure misalignment, teacher KL and forgetting of CHECKPOINT on paired SAMPLES, by item and group."""
    from saladkit.stages.gap import gap

    return gap(checkpoint, list(samples), output, settings)


@main.command("select")
@click.argument("pool")
@options.output
@click.option("--regions", required=True, help="Regions of the pool (`saladkit regions`).")
@selecting.choice
@selecting.budget
@selecting.filters
@click.option("--exclude", multiple=True, help="Samples chosen before; repeat for more.")
@click.option("--explain", is_flag=True, help="Print the regions as a table on stderr: keywords, gaps, what was drawn.")
@options.columns
@options.seed
@options.device
@options.files
def select(pool: str, output: str, **settings: object) -> None:
    """Choose texts of POOL where the gap is, under a budget of speech."""
    from saladkit.selection.choice import selection_settings
    from saladkit.stages.select import select

    _print(select(pool, output, **selection_settings(settings)))


@main.command("synth")
@click.argument("samples")
@options.output
@speaking.speaking
@options.columns
@options.seed
@options.shards
@options.files
def synth(samples: str, output: str, voices: tuple[str, ...], speaking: dict, **settings: object) -> None:
    """Speak SAMPLES, with the times of every word, and keep what is fit to train on."""
    from saladkit.speech.synthesis.row import speaking_settings
    from saladkit.stages.synth import synth

    _print(synth(samples, output, voices=list(voices), settings=speaking_settings(speaking), **settings))


@main.command("align")
@click.argument("checkpoint")
@options.output
@click.option("--teacher", required=True, help="A teacher cache, or the text LLM to run live.")
@training.training
@training.lora
@options.columns
@options.seed
@options.device
@options.files
def align(checkpoint: str, output: str, **settings: object) -> None:
    """Stage II: train CHECKPOINT on, from before its decay, on natural and selected speech.

    For the times of words in speech (forced alignment) see `saladkit timestamps`.
    """
    from saladkit.stages.align import align
    from saladkit.training.settings import training_settings

    _print(align(checkpoint, output, **training_settings(settings)))


@verb("eval", EvalSettings)
@click.argument("model")
@click.argument("tasks", nargs=-1, required=True)
def eval_(model: str, tasks: tuple[str, ...], output: str, settings: EvalSettings) -> dict:
    """Score MODEL on multiple-choice TASKS, read and heard: samples with `choices` and `answer`, or public benchmarks.

    Benchmarks go by name: storycloze, hellaswag, arc_challenge, piqa, openbookqa, voicebench_openbookqa,
    voicebench_mmsu, mmsu; NAME=FOLDER reads a copy of one, NAME:SPLIT another split.

    With --teacher, the text LLM that MODEL was made from, also the gap between the two, and what it is made of.
    """
    from saladkit.stages.evaluate import evaluate

    return evaluate(model, list(tasks), output, settings)


@main.command("timestamps")
@click.argument("samples")
@options.output
@click.option("--aligner", help="ctc:MODEL (a Hugging Face CTC model) or sphinx (PocketSphinx, English, offline).")
@click.option(
    "--times",
    metavar="KIND:PATH",
    help="In its place: times that another tool found. ctm (NeMo, Kaldi), textgrid (Praat, MFA), lhotse or whisperx,"
    " and its file or folder.",
)
@options.language
@click.option(
    "--min-score",
    type=options.Real(min=0, max=1),
    default=0.02,
    show_default=True,
    help="Rows whose text fits their audio less are listed in flagged.jsonl; 0 asks for no scores, with which sphinx is"
    " three times as fast.",
)
@click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes of sphinx.  [default: one a core]")
@options.columns
@options.device
@options.shards
@options.files
def timestamps(samples: str, output: str, times: str | None, **settings: object) -> None:
    """Find the times of every word of SAMPLES in its speech (forced alignment), or import them.

    For Stage II of the method see `saladkit align`.
    """
    if (times is None) == (settings["aligner"] is None):
        given = "neither --aligner nor --times is" if times is None else "both --aligner and --times are"
        raise SaladError(f"{given} given to timestamps", "Give --aligner to find times, or --times to import them.")
    if times is not None:
        from saladkit.stages.import_times import import_times

        columns, files = ("id_column", "text_column", "audio_column"), ("limit", "overwrite", "dry_run")
        unread = options.given_beside("samples", "output", "times", *columns, *files)
        if unread:
            raise SaladError(f"{', '.join(unread)} cannot go with --times", "Leave it out: it is read with --aligner.")
        kept = {name: settings[name] for name in ("names", *files)}
        _print(import_times(samples, output, times=times, **kept))
        return
    from saladkit.stages.timestamps import timestamps

    _print(timestamps(samples, output, **settings))


@verb("export-times", ExportTimesSettings)
@click.argument("times")
def export_times(times: str, output: str, settings: ExportTimesSettings) -> dict:
    """Write word TIMES (of `timestamps` or `import-times`, or samples with `words`) as other tools read them."""
    from saladkit.stages.export_times import export_times

    return export_times(times, output, settings)


@verb("cache-speech", CacheSpeechSettings)
@click.argument("samples", nargs=-1, required=True)
def cache_speech(samples: tuple[str, ...], output: str, settings: CacheSpeechSettings) -> dict:
    """Run the frozen front of the speech encoder over SAMPLES, once."""
    from saladkit.stages.cache_speech import cache_speech

    return cache_speech(list(samples), output, settings)


@main.command("regions")
@click.argument("pool")
@options.output
@selecting.embedder
@selecting.clusters
@selecting.covered
@options.columns
@options.seed
@options.device
@options.shards
@options.files
def regions(pool: str, output: str, **settings: object) -> None:
    """Embed POOL, cut it into regions of about the same size, and measure how far each text lies from all speech."""
    from saladkit.stages.regions import regions

    _print(regions(pool, output, **settings))


@verb("fit-scaling", FitScalingSettings)
@click.argument("logs", nargs=-1, required=True)
def fit_scaling(logs: tuple[str, ...], output: str, settings: FitScalingSettings) -> dict:
    """Fit M = E + B * D^-beta over LOGS: gap tables, or JSON lines, of checkpoints with more and more training."""
    from saladkit.stages.fit_scaling import fit_scaling

    return fit_scaling(list(logs), output, settings)


@main.command("report")
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@click.option("-o", "--output", required=True, help="The page; summary.json is written beside it.")
@click.option("--teacher", required=True, help="Name of the results folder of the text LLM, below RUN.")
@click.option(
    "--result",
    "results",
    multiple=True,
    required=True,
    metavar="NAME=FOLDER",
    help="Results of a speech-adapted model, below RUN; repeat.",
)
@click.option(
    "--contrast", nargs=2, metavar="NAME NAME", help="Two results to compare, paired: the first minus the second."
)
@click.option("--speech", required=True, help="The natural speech, below RUN: its domains are the heard ones.")
@click.option("--held-out", required=True, help="Name of the task that an unheard voice speaks.")
@click.option(
    "--choice",
    "choices",
    multiple=True,
    metavar="NAME=FOLDER",
    help="Results of a way to choose, below RUN, to be compared; the first is the control; repeat.",
)
@click.option("--across", multiple=True, metavar="RUN", help="Another seed's run with the same choices; repeat.")
@click.option("--title", default="saladkit", show_default=True, help="Heading of the page.")
def report(run: str, output: str, **settings: object) -> None:
    """Make one self-contained page and one summary of everything below the folder RUN."""
    from saladkit.stages.report import report

    _print(report(run, output, **settings))


@main.command("doctor")
def doctor() -> None:
    """Check the installation and name the fix for what is wrong."""
    from saladkit.stages.doctor import doctor

    summary = doctor()
    _print(summary)
    sys.exit(0 if summary["healthy"] else 1)
