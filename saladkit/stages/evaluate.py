"""`eval`: evaluate models on the same questions as text, speech and cascade, and measure the gap between them."""

from pathlib import Path

from saladkit.formats.checkpoint import model_digest
from saladkit.formats.results import ORIGINAL, SCHEMA, VERSION
from saladkit.job import Job, Made, Work, numbered
from saladkit.machine import resolve_device
from saladkit.progress import say
from saladkit.scoring.answer_parsing import VoiceBenchRule, voicebench_rule_file
from saladkit.scoring.compared_models import compared_models
from saladkit.scoring.conditions import conditions_of
from saladkit.scoring.evaluation import Evaluation
from saladkit.scoring.few_shot import notes_on_examples
from saladkit.scoring.printed_results import result_lines, summarize
from saladkit.scoring.result_files import write_figures, write_harness_results
from saladkit.scoring.task import Task
from saladkit.scoring.tasks import check_tasks, read_tasks, titles_of, training_voices, usable_tasks
from saladkit.settings.evaluate import EvalSettings
from saladkit.speech.audio.audio_rows import audio_counts
from saladkit.speech.audio.perturbation import Perturbation
from saladkit.speech.transcribers.transcriber import model_of


def evaluate(model: str, sources: list[str], output: str | Path, settings: EvalSettings) -> dict:
    """Answer the questions of every task under every condition, by the likelihood of choices or by generation.

    Returns:
        The summary: accuracies, and the gap and its parts.

    Raises:
        SaladError: a model or questions cannot be read, models do not fit each other, a text LLM would be given speech
            input, or scores are not finite.
    """
    perturbations = [Perturbation.parse(text) for text in dict.fromkeys(settings.perturb)]
    models = compared_models(model, settings)
    conditions = conditions_of(
        [label for label in models if label != ORIGINAL],
        original=settings.teacher is not None,
        modalities=settings.modalities,
        perturbations=perturbations,
    )
    if settings.voicebench_compatible:
        VoiceBenchRule(settings.voicebench_compatible, settings.seed)
    needs_speech = any(condition.needs_speech for condition in conditions)
    tasks = read_tasks(sources, settings, needs_speech=needs_speech, beside=output)
    check_tasks(tasks, conditions, settings)
    tasks = usable_tasks(tasks, settings) if needs_speech else tasks

    def make(work: Work) -> Made:
        voices, device = training_voices(settings.heard, settings.names), resolve_device(settings.device)
        evaluation = Evaluation(work.writer, tasks, conditions, models, settings, voices, device)
        evaluation.transcribe()
        evaluation.predict()
        predictions, templates = evaluation.predictions(), evaluation.templates()
        figures = write_figures(work.writer, predictions)
        write_harness_results(work.writer, models, predictions, figures, templates, settings)
        left_out, apart = evaluation.left_out(), evaluation.tokenized_apart()
        rows = [row for answered in predictions.values() for of_task in answered.values() for row in of_task]
        summary = {"templates": templates, "titles": titles_of(tasks)}
        summary |= summarize(predictions, figures, left_out, evaluation.few_shot())
        _tell(summary, settings, apart)
        for note in notes_on_examples(tasks, evaluation.few_shot(), settings.num_fewshot):
            say(note)
        mended = audio_counts(task.audio for task in tasks)
        return Made(
            counts={"items": len(rows), "truncated": sum(row["words_dropped"] > 0 for row in rows)}
            | ({"tokenized_apart": apart} if apart else {})
            | mended,
            skipped=left_out,
            identity={label: model_digest(path) for label, path in models.items()},
            figures=summary | mended,
        )

    identified = {
        "models": list(models),  # the first is what the others are compared with
        "modalities": sorted(settings.modalities),
        "template": settings.chosen_template,
    }
    plan = {"items": {f"{c.name} {task.name}": len(task.rows) for c in conditions for task in tasks}}
    job = Job("eval", SCHEMA, VERSION, settings, _inputs(models, tasks, settings), identified=identified)
    return job.run(output, plan=plan, make=make)


def _tell(summary: dict, settings: EvalSettings, apart: int) -> None:
    if settings.voicebench_compatible:
        say("answers are parsed by VoiceBench's rule; where it finds no option, a letter from A to D is drawn")
    for line in result_lines(summary):
        say(line)
    if apart:
        say(f"in {apart} predictions an option was tokenized apart from its prompt: a token spans the join of both")


def _inputs(models: dict[str, str], tasks: list[Task], settings: EvalSettings) -> dict[str, str | Path | None]:
    """Return the inputs by the roles under which the manifest lists them."""
    inputs: dict[str, str | Path | None] = {f"model {label}": path for label, path in models.items()}
    inputs |= model_of(settings.asr) if settings.asr else {}
    inputs |= {"fewshot": settings.fewshot, "dev": settings.dev}
    inputs |= {"voicebench": voicebench_rule_file(settings.voicebench_compatible)}
    return inputs | numbered("heard", settings.heard) | {f"task {task.name}": task.source for task in tasks}
