"""The command line: one thin function per command. The work is in `saladkit.stages`, imported when a command runs."""

import json
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem, get_completion_class

from saladkit import __version__
from saladkit.errors import SaladError
from saladkit.machine import share_cores
from saladkit.settings.align import AlignSettings
from saladkit.settings.ask import AskSettings
from saladkit.settings.average import AverageSettings
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.distill import DistillSettings
from saladkit.settings.evaluate import EvalSettings
from saladkit.settings.examples import EXAMPLES
from saladkit.settings.export_times import ExportTimesSettings
from saladkit.settings.fit_scaling import FitScalingSettings
from saladkit.settings.gap import GapSettings
from saladkit.settings.import_times import ImportTimesSettings
from saladkit.settings.options import options_of
from saladkit.settings.regions import RegionsSettings
from saladkit.settings.report import ReportSettings
from saladkit.settings.rollout import RolloutSettings
from saladkit.settings.select import SelectSettings
from saladkit.settings.setting import Settings
from saladkit.settings.shared import Shards
from saladkit.settings.status import StatusSettings
from saladkit.settings.synth import SynthSettings
from saladkit.settings.timestamps import TimestampsSettings
from saladkit.settings.verify import VerifySettings


class PathOrName(click.types.StringParamType):
    """A text that may be a path, so that a shell completes it as one."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell complete paths."""
        return [CompletionItem(incomplete, type="file")]


class Shell(click.Group):
    """List the commands in the order of the method; print a SaladError in two lines and exit with 2."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, with --quiet, paths that a shell completes, and an example below its help."""
        cmd.params.append(_quiet())
        cmd.epilog = f"\b\nExample:\n  {EXAMPLES[name or cmd.name or '']}"
        for parameter in cmd.params:
            if parameter.type is click.STRING:
                parameter.type = PathOrName()
        super().add_command(cmd, name)

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        context.obj = list(arguments)  # as given, for workers elsewhere
        return super().parse_args(context, arguments)

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except SaladError as error:
            from saladkit.progress import end_progress

            end_progress()
            click.echo(f"error: {error.problem}\n  fix: {error.fix}", err=True)
            context.exit(2)


def _quiet() -> click.Option:
    def set_quiet(context: click.Context, parameter: click.Parameter, quiet: bool) -> None:
        from saladkit.progress import be_quiet

        be_quiet(quiet)
        context.call_on_close(lambda: be_quiet(False))  # a program may run several commands

    help = "Print no progress and no notes on stderr, only errors."
    names = ["-q", "--quiet"]
    return click.Option(names, is_flag=True, expose_value=False, callback=set_quiet, envvar="SALADKIT_QUIET", help=help)


def _print(summary: dict) -> None:
    if int(os.environ.get("RANK", 0)) > 0:  # in a distributed training only the first process prints
        return
    sys.stdout.write(json.dumps(summary) + "\n")


OUTPUT = "Output folder: new, empty, or left by an interrupted run of this command."


def verb(name: str, settings: type[Settings], output: str = OUTPUT) -> Callable[[Callable[..., dict]], click.Command]:
    """Make the command `name` from a function of arguments, `output` and `settings` that returns what to print."""

    def decorate(body: Callable[..., dict]) -> click.Command:
        @wraps(body)
        def command(**given: Any) -> None:
            share_cores()
            _print(_with_workers(body, **given) if _has_workers(given["settings"]) else body(**given))

        with_options = options_of(settings, name)(command)
        with_output = click.option("-o", "--output", required=True, help=output)(with_options)
        return main.command(name)(with_output)

    return decorate


def _has_workers(settings: Settings) -> bool:
    """Return whether workers make the parts of this command's output (--on)."""
    return isinstance(settings, Shards) and settings.on is not None and not getattr(settings, "dry_run", False)


def _with_workers(body: Callable[..., dict], *, output: str, settings: Shards, **given: Any) -> dict:
    """Let workers make the parts, and finish the output here; exit with 1 if parts are missing."""
    from saladkit.cluster.on_ray import make_on_ray

    done = make_on_ray(_as_given(click.get_current_context()), output, settings)
    if done["missing"]:
        _print({"output": output} | done)
        sys.exit(1)
    return body(output=output, settings=settings.without_ray(), **given) | {"on": done}


def _as_given(context: click.Context) -> list[str]:
    """Return the arguments of the command line, the verb first, and with the options that variables have set.

    A worker on another machine has other variables.
    """
    verb, *others = context.find_root().obj
    from_variables: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is ParameterSource.ENVIRONMENT:
            value = context.params.get(name, parameter.value_from_envvar(context))  # without --preset
            values = value if isinstance(value, tuple) and parameter.multiple else [value]
            for one in values:
                if one is False:
                    continue
                words = [] if one is True else map(str, one) if isinstance(one, tuple) else [str(one)]
                from_variables += [max(parameter.opts, key=len), *words]
    return [verb, *from_variables, *others]


SHELL = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "auto_envvar_prefix": "SALADKIT"}


@click.group(cls=Shell, context_settings=SHELL)
@click.version_option(__version__, prog_name="saladkit")
def main() -> None:
    """Teach a text LLM to understand speech, and measure and close the gap between speech and text input.

    Each command reads files and writes an output folder. Progress is printed on stderr, and one JSON summary on stdout.
    Run the same command again to resume it. Exit codes: 0 done, 1 failed, 2 wrong input. Environment variables set
    options, too: SALADKIT_GAP_BATCH_SIZE=4 is `gap --batch-size 4`, and SALADKIT_QUIET=1 is --quiet of every command.
    """


@verb("cache-teacher", CacheTeacherSettings)
@click.argument("samples", nargs=-1, required=True)
def cache_teacher(samples: tuple[str, ...], output: str, settings: CacheTeacherSettings) -> dict:
    """Store a text LLM's next-token distributions on the texts of SAMPLES, or on rollouts.

    Training (`distill`, `align`) then reads the output as its teacher, and need not run the text LLM.
    """
    from saladkit.stages.cache_teacher import cache_teacher

    return cache_teacher(list(samples), output, settings)


@verb("distill", DistillSettings)
@click.argument("model")
def distill(model: str, output: str, settings: DistillSettings) -> dict:
    """Stage I: teach the text LLM MODEL to understand speech, on natural speech.

    Adds a speech encoder and an adapter to MODEL. Trains them and MODEL so that the next-token distributions after
    speech come close to those of the unchanged MODEL on the same words as text.
    """
    from saladkit.stages.distill import distill

    return distill(model, output, settings)


@verb("gap", GapSettings)
@click.argument("checkpoint")
@click.argument("samples", nargs=-1, required=True)
def gap(checkpoint: str, samples: tuple[str, ...], output: str, settings: GapSettings) -> dict:
    """Measure how predictions of CHECKPOINT differ between speech and text, on SAMPLES that have both.

    Prints three KL divergences in nats per token: misalignment (CHECKPOINT on text and on speech), teacher KL (text LLM
    on text, CHECKPOINT on speech) and forgetting (text LLM and CHECKPOINT on text), and where behind speech they lie;
    writes them for each item, region, domain and speaker. They depend on --text-words and --speech-words.
    """
    from saladkit.stages.gap import gap

    return gap(checkpoint, list(samples), output, settings)


@verb("select", SelectSettings)
@click.argument("pool")
def select(pool: str, output: str, settings: SelectSettings) -> dict:
    """Choose texts of POOL to synthesize, mostly from regions with a large gap.

    Regions come from `saladkit regions`, their gaps from `saladkit gap`. Give exactly one budget, such as --hours.
    """
    from saladkit.stages.select import select

    return select(pool, output, settings)


@verb("synth", SynthSettings)
@click.argument("samples")
def synth(samples: str, output: str, settings: SynthSettings) -> dict:
    """Turn the texts of SAMPLES into speech with word times, and leave out bad recordings."""
    from saladkit.stages.synth import synth

    return synth(samples, output, settings)


@verb("align", AlignSettings)
@click.argument("checkpoint")
def align(checkpoint: str, output: str, settings: AlignSettings) -> dict:
    """Stage II: train CHECKPOINT further, on natural and selected speech, to close the gap.

    Starts from the state of CHECKPOINT before its learning rate fell, if it has one. For the times of words in speech
    (forced alignment), see `saladkit timestamps`.
    """
    from saladkit.stages.align import align

    return align(checkpoint, output, settings)


@verb("eval", EvalSettings)
@click.argument("model")
@click.argument("tasks", nargs=-1, required=True)
def eval_(model: str, tasks: tuple[str, ...], output: str, settings: EvalSettings) -> dict:
    """Measure the accuracy of MODEL on multiple-choice questions, as text and as speech.

    TASKS are samples with `choices` and `answer`, or names of public benchmarks: storycloze, hellaswag, arc_challenge,
    arc_easy, piqa, openbookqa, voicebench_openbookqa, voicebench_mmsu, voicebench_bbh, voicebench_sd_qa, mmsu,
    mmsu_lettered, speech_mmlu, big_bench_audio, spoken_swag. NAME=FOLDER reads a local copy of a benchmark, NAME:SPLIT
    another split.

    With --teacher, also measure the gap: the accuracy of the text LLM on text minus that of MODEL on speech.
    """
    from saladkit.stages.evaluate import evaluate

    return evaluate(model, list(tasks), output, settings)


@verb("rollout", RolloutSettings)
@click.argument("checkpoint")
@click.argument("sources", nargs=-1, required=True, metavar="SAMPLES...")
def rollout(checkpoint: str, sources: tuple[str, ...], output: str, settings: RolloutSettings) -> dict:
    """Let CHECKPOINT write on behind the first words of SAMPLES, which it hears or reads.

    Stores what it writes as token ids. `cache-teacher` scores them with the text LLM, and `align --rollouts` trains on
    them. Of a conversation (messages), CHECKPOINT writes the assistant's last turn.
    """
    from saladkit.stages.rollout import rollout

    return rollout(checkpoint, list(sources), output, settings)


@verb("timestamps", TimestampsSettings)
@click.argument("samples")
def timestamps(samples: str, output: str, settings: TimestampsSettings) -> dict:
    """Find when each word of SAMPLES is spoken (forced alignment).

    For times from another tool, see `saladkit import-times`; for Stage II of the method, `saladkit align`.
    """
    from saladkit.stages.timestamps import timestamps

    return timestamps(samples, output, settings)


@verb("import-times", ImportTimesSettings)
@click.argument("samples")
def import_times(samples: str, output: str, settings: ImportTimesSettings) -> dict:
    """Take the word times of SAMPLES from files of another tool; SAMPLES need no audio."""
    from saladkit.stages.import_times import import_times

    return import_times(samples, output, settings)


@verb("export-times", ExportTimesSettings)
@click.argument("times")
def export_times(times: str, output: str, settings: ExportTimesSettings) -> dict:
    """Write word times as files for other tools.

    TIMES is the output of `timestamps` or `import-times`, or samples with `words`.
    """
    from saladkit.stages.export_times import export_times

    return export_times(times, output, settings)


@verb("cache-speech", CacheSpeechSettings)
@click.argument("samples", nargs=-1, required=True)
def cache_speech(samples: tuple[str, ...], output: str, settings: CacheSpeechSettings) -> dict:
    """Store the output of the speech encoder's frozen part for the recordings of SAMPLES.

    With it (`--frames`), `distill` and `align` need not compute it at every step.
    """
    from saladkit.stages.cache_speech import cache_speech

    return cache_speech(list(samples), output, settings)


@verb("regions", RegionsSettings)
@click.argument("pool")
def regions(pool: str, output: str, settings: RegionsSettings) -> dict:
    """Cluster the texts of POOL into regions of similar size, by their embeddings.

    With --speech, also measure how far each text lies from the texts that are spoken already.
    """
    from saladkit.stages.regions import regions

    return regions(pool, output, settings)


@verb("average", AverageSettings)
@click.argument("checkpoints", nargs=-1, required=True)
def average(checkpoints: tuple[str, ...], output: str, settings: AverageSettings) -> dict:
    """Average the weights of CHECKPOINTS of one kind, such as those of Stage I and Stage II.

    The mean is a checkpoint that may have learned what the later one has, and forgotten less of the earlier one.
    """
    from saladkit.stages.average import average

    return average(list(checkpoints), output, settings)


@verb("fit-scaling", FitScalingSettings)
@click.argument("logs", nargs=-1, required=True)
def fit_scaling(logs: tuple[str, ...], output: str, settings: FitScalingSettings) -> dict:
    """Fit how misalignment M falls with the amount of training D: M = E + B * D^-beta.

    LOGS are gap tables (from `saladkit gap`) of at least three checkpoints with different amounts of training, or
    .jsonl files with their figures.
    """
    from saladkit.stages.fit_scaling import fit_scaling

    return fit_scaling(list(logs), output, settings)


@verb(
    "report",
    ReportSettings,
    output="HTML file; summary.json and the charts as PNG and SVG files are written beside it.",
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(exists=True, file_okay=False))
def report(runs: tuple[str, ...], output: str, settings: ReportSettings) -> dict:
    """Write one HTML page about all artefacts below the folder RUN; further RUNs are shown beside the first.

    The page says what is missing, and shows what is there. The results that it compares are found by the manifests;
    options name them where several could be meant.
    """
    from saladkit.stages.report import report

    run, *others = runs
    return report(run, output, settings, others=others)


@main.command("status")
@click.argument("folder")
@options_of(StatusSettings, "status")
def status(folder: str, settings: StatusSettings) -> None:
    """Print how far the output in FOLDER is: parts that are done, claimed, stale or missing, by whom, and time left."""
    from saladkit.stages.status import status, status_table

    found = status(folder)
    if settings.as_json:
        _print(found)
    else:
        click.echo(status_table(found))


@main.command("verify")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@options_of(VerifySettings, "verify")
def verify(folders: tuple[str, ...], settings: VerifySettings) -> None:
    """Read all files of the outputs in FOLDER..., and say which are damaged and which parts to make again.

    Exits with 1 if a file is damaged.
    """
    from saladkit.stages.verify import verify

    found = verify(list(folders), settings)
    _print(found)
    sys.exit(0 if found["intact"] else 1)


@main.command("ask")
@options_of(AskSettings, "ask")
@click.argument("checkpoint")
@click.argument("question", required=False)
def ask(checkpoint: str, question: str | None, settings: AskSettings) -> None:
    """Let CHECKPOINT answer the spoken QUESTION: a recording, - for standard input, or --microphone SECONDS.

    Prints the answer: what CHECKPOINT writes, or the chosen --option. With --asr and --teacher, also says what a text
    LLM answers to the transcript. The prompt is that of `eval`; checkpoints trained on conversations use their chat
    template.
    """
    share_cores()
    from saladkit.stages.ask import ask

    found = ask(checkpoint, question, settings)
    if settings.as_json:
        _print(found)
    else:
        sys.stdout.write(f"{found.get('choice', found['answer'])}\n")


@main.command("doctor")
def doctor() -> None:
    """Check the installation, and print what to type for each problem.

    Exits with 1 if there is a problem. A note is not a problem; for example, an optional package is missing.
    """
    from saladkit.stages.doctor import doctor

    summary = doctor()
    _print(summary)
    sys.exit(0 if summary["healthy"] else 1)


@main.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that lets SHELL complete commands, options and paths.

    For bash: echo 'eval "$(saladkit completion bash)"' >> ~/.bashrc.
    """
    made = get_completion_class(shell)
    assert made is not None  # all three are click's own
    sys.stdout.write(made(main, {}, "saladkit", "_SALADKIT_COMPLETE").source())
