"""The shell: one thin command per verb. Logic lives in `saladkit.stages`, imported when a command runs."""

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.settings.align import AlignSettings
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.distill import DistillSettings
from saladkit.settings.evaluate import EvalSettings
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.settings.fit_scaling import FitScalingSettings
from saladkit.settings.gap import GapSettings
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.settings.options import options_of
from saladkit.settings.regions import RegionsSettings
from saladkit.settings.report import ReportSettings
from saladkit.settings.select import SelectSettings
from saladkit.settings.setting import Settings
from saladkit.settings.synth import SynthSettings
from saladkit.settings.timestamps import TimestampsSettings


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


@verb("cache-teacher", CacheTeacherSettings)
@click.argument("samples", nargs=-1, required=True)
def cache_teacher(samples: tuple[str, ...], output: str, settings: CacheTeacherSettings) -> dict:
    """Cache the frozen text LLM's next-token distributions of SAMPLES, sparse and keyed by text."""
    from saladkit.stages.cache_teacher import cache_teacher

    return cache_teacher(list(samples), output, settings)


@verb("distill", DistillSettings)
@click.argument("model")
def distill(model: str, output: str, settings: DistillSettings) -> dict:
    """Stage I: distil the frozen text LLM MODEL into its speech-adapted self, on natural speech."""
    from saladkit.stages.distill import distill

    return distill(model, output, settings)


@verb("gap", GapSettings)
@click.argument("checkpoint")
@click.argument("samples", nargs=-1, required=True)
def gap(checkpoint: str, samples: tuple[str, ...], output: str, settings: GapSettings) -> dict:
    """Measure misalignment, teacher KL and forgetting of CHECKPOINT on paired SAMPLES, by item and group."""
    from saladkit.stages.gap import gap

    return gap(checkpoint, list(samples), output, settings)


@verb("select", SelectSettings)
@click.argument("pool")
def select(pool: str, output: str, settings: SelectSettings) -> dict:
    """Choose texts of POOL where the gap is, under a budget of speech."""
    from saladkit.stages.select import select

    return select(pool, output, settings)


@verb("synth", SynthSettings)
@click.argument("samples")
def synth(samples: str, output: str, settings: SynthSettings) -> dict:
    """Speak SAMPLES with the times of every word, and keep what is fit to train on."""
    from saladkit.stages.synth import synth

    return synth(samples, output, settings)


@verb("align", AlignSettings)
@click.argument("checkpoint")
def align(checkpoint: str, output: str, settings: AlignSettings) -> dict:
    """Stage II: train CHECKPOINT on, from before its decay, on natural and selected speech.

    For the times of words in speech (forced alignment) see `saladkit timestamps`.
    """
    from saladkit.stages.align import align

    return align(checkpoint, output, settings)


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


@verb("timestamps", TimestampsSettings)
@click.argument("samples")
def timestamps(samples: str, output: str, settings: TimestampsSettings) -> dict:
    """Find the times of every word of SAMPLES in its speech (forced alignment).

    For Stage II of the method see `saladkit align`; for times that another tool found, `saladkit import-times`.
    """
    from saladkit.stages.timestamps import timestamps

    return timestamps(samples, output, settings)


@verb("import-times", ImportTimesSettings)
@click.argument("samples")
def import_times(samples: str, output: str, settings: ImportTimesSettings) -> dict:
    """Give the words of SAMPLES the times that another tool found; the samples need no audio."""
    from saladkit.stages.import_times import import_times

    return import_times(samples, output, settings)


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


@verb("regions", RegionsSettings)
@click.argument("pool")
def regions(pool: str, output: str, settings: RegionsSettings) -> dict:
    """Embed POOL, cut it into regions of about the same size, and measure how far each text lies from all speech."""
    from saladkit.stages.regions import regions

    return regions(pool, output, settings)


@verb("fit-scaling", FitScalingSettings)
@click.argument("logs", nargs=-1, required=True)
def fit_scaling(logs: tuple[str, ...], output: str, settings: FitScalingSettings) -> dict:
    """Fit M = E + B * D^-beta over LOGS: gap tables, or JSON lines, of checkpoints with more and more training."""
    from saladkit.stages.fit_scaling import fit_scaling

    return fit_scaling(list(logs), output, settings)


@verb("report", ReportSettings, output="The page; summary.json and the charts as PNG files are written beside it.")
@click.argument("run", type=click.Path(exists=True, file_okay=False))
def report(run: str, output: str, settings: ReportSettings) -> dict:
    """Make one self-contained page and one summary of everything below the folder RUN."""
    from saladkit.stages.report import report

    return report(run, output, settings)


@main.command("doctor")
def doctor() -> None:
    """Check the installation and name the fix for what is wrong."""
    from saladkit.stages.doctor import doctor

    summary = doctor()
    _print(summary)
    sys.exit(0 if summary["healthy"] else 1)
