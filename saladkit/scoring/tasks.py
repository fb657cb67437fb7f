"""Read the tasks of an evaluation: questions, few-shot examples, and questions to choose a template on."""

from dataclasses import replace
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.progress import progress
from saladkit.scoring.conditions import Condition
from saladkit.scoring.evaluation import prediction_files
from saladkit.scoring.question_groups import add_groups
from saladkit.scoring.questions import benchmark_of, read_questions, task_name
from saladkit.scoring.task import Task
from saladkit.settings.evaluate import BEST, EvalSettings
from saladkit.sources.benchmarks.named import named_source
from saladkit.sources.columns import ColumnNames
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.audio_rows import AudioRows

DEV_ITEMS = 500  # on which a template is chosen; a benchmark's solved split may have tens of thousands


def read_tasks(
    sources: list[str], settings: EvalSettings, *, needs_speech: bool, beside: str | Path | None = None
) -> list[Task]:
    """Read the tasks of all sources, one task a source.

    Few-shot examples come from `settings.fewshot`, else from the benchmark's own solved split, else from the task's
    questions; questions to choose a template on from `settings.dev`, else from the benchmark's own solved split.

    Args:
        needs_speech: whether recordings are needed.
        beside: a folder that the caller will make; many recordings are mapped from a file beside it.

    Raises:
        SaladError: as `read_questions` and `add_groups`; two tasks have the same name, or there is nothing to choose a
            template on.
    """
    tasks: dict[str, Task] = {}
    for source in sources:
        name = task_name(source)
        if name in tasks:
            raise SaladError(
                f"two tasks have the same name '{name}'", "Rename a folder: tasks are called after their folders."
            )
        audio = AudioRows(source, settings.strict)
        rows = read_questions(
            source,
            audio=audio,
            speech=needs_speech,
            spoken_options=settings.spoken_options,
            written=settings.writes,
            open_ended=settings.writes and not settings.num_fewshot,
            names=settings.names,
            limit=settings.limit,
            beside=beside,
            further=settings.by,
        )
        add_groups(rows, source, settings.by)
        benchmark = named_source(source)
        solved = benchmark.solved if benchmark else None
        questions = _not_excluded(rows)
        examples, dev_rows, examples_source = questions, [], source
        other_examples = settings.fewshot or solved
        if settings.num_fewshot and other_examples:
            examples, examples_source = _read_examples(other_examples, settings, needs_speech), other_examples
        if settings.chosen_template == BEST:
            dev = settings.dev or solved
            if not dev:
                raise SaladError(
                    f"there are no questions to choose the template of {source} on",
                    "Give questions with their answers with --dev, or choose another --template than best.",
                )
            dev_rows = _not_excluded(read_questions(dev, speech=False, names=settings.names, limit=DEV_ITEMS))
        excluded = [row for row in rows if row.get("excluded")]
        tasks[name] = Task(name, source, questions, examples, dev_rows, examples_source, excluded, audio)
    return list(tasks.values())


def _read_examples(source: str, settings: EvalSettings, needs_speech: bool) -> list[dict]:
    rows = read_questions(
        source,
        speech=needs_speech and settings.spoken_examples,
        spoken_options=settings.spoken_options,
        written=settings.writes,
        names=settings.names,
        limit=4 * (settings.num_fewshot + 1),  # some may be excluded, or be the question itself
        audio=AudioRows(source, settings.strict),
    )
    return _not_excluded(rows)


def _not_excluded(rows: list[dict]) -> list[dict]:
    return [row for row in rows if not row.get("excluded")]


def usable_tasks(tasks: list[Task], settings: EvalSettings) -> list[Task]:
    """Return the tasks without questions and spoken examples of which a recording cannot be used; decode them all.

    A question is left out under every condition, so that all conditions have the same items.

    Raises:
        SaladError: the recordings of most questions cannot be used, or with `strict` one cannot.
    """
    found = []
    for task in tasks:
        _exclude_unheard(task.rows, task.audio)
        if task.examples_source != task.source and settings.spoken_examples:
            _exclude_unheard(task.examples, AudioRows(task.examples_source, settings.strict))
        excluded = [*task.excluded, *(row for row in task.rows if row.get("excluded"))]
        rows, examples = _not_excluded(task.rows), _not_excluded(task.examples)
        found.append(replace(task, rows=rows, examples=examples, excluded=excluded))
    return found


def _exclude_unheard(rows: list[dict], audio: AudioRows) -> None:
    for row in progress(rows, what="decode", unit="question"):
        if row["id"] not in audio.bad and audio.decode(row) is not None:
            for index, choice in enumerate(row.get("choices_audio") or ()):
                audio.check_further(row["id"], {"id": f"{row['id']}/{index}", "audio": choice})
        if row["id"] in audio.bad:
            row["excluded"] = audio.bad[row["id"]][0]
    audio.check(len(rows))


def check_tasks(tasks: list[Task], conditions: list[Condition], settings: EvalSettings) -> None:
    """Check that tasks can be asked as the conditions and settings say.

    Raises:
        SaladError: a question has no text where the condition is text, or other than four choices for VoiceBench's
            rule; or two tasks or models would write their predictions to the same file.
    """
    if any(condition.modality == "text" for condition in conditions):
        _check_texts(tasks)
    if settings.voicebench_compatible:
        _check_four_choices(tasks)
    _check_files(tasks, conditions)


def _check_files(tasks: list[Task], conditions: list[Condition]) -> None:
    seen: dict[str, str] = {}
    for task in tasks:
        for condition in conditions:
            file, _ = prediction_files(task, condition)
            if file in seen:
                raise SaladError(
                    f"predictions of {task.name}, {condition.name}, and of {seen[file]} would be one file",
                    "Rename a folder: files are named after models and tasks, by letters, digits, points and dashes.",
                )
            seen[file] = f"{task.name}, {condition.name}"


def _check_texts(tasks: list[Task]) -> None:
    for task in tasks:
        row = next((row for row in task.rows if not row["text"].strip()), None)
        if row is not None:
            raise SaladError(
                f"{task.source}: row '{row['id']}' has no text of its recording, so it cannot be given as text",
                "Give --modality speech, without --teacher.",
            )


def _check_four_choices(tasks: list[Task]) -> None:
    for task in tasks:
        row = next((row for row in task.rows if row.get("choices") and len(row["choices"]) != 4), None)
        if row is not None:
            raise SaladError(
                f"{task.source}: row '{row['id']}' has {len(row['choices'])} choices, and VoiceBench's rule finds one"
                " letter of A to D",
                "Give --generate instead of --voicebench-compatible.",
            )


def titles_of(tasks: list[Task]) -> dict[str, str]:
    """Return the full names of the tasks that are benchmarks."""
    named = {task.name: benchmark_of(task.source) for task in tasks}
    return {name: source.benchmark.title for name, source in named.items() if source}


def training_voices(sources: tuple[str, ...], names: ColumnNames) -> set[str] | None:
    """Return the speakers of the speech that the models were trained on; None where no speech is given."""
    if not sources:
        return None
    tables = [read_samples(source, needed=["id", "speaker"], optional=[], names=names) for source in sources]
    return {speaker for table in tables for speaker in table.column("speaker").to_pylist()}
