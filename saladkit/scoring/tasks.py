"""The questions of an evaluation: read, with the solved ones beside them, and checked against what is asked."""

from saladkit.errors import SaladError
from saladkit.scoring.conditions import Condition
from saladkit.scoring.evaluation import BEST, Task, answer_files
from saladkit.scoring.models import HowAsked
from saladkit.scoring.questions import benchmark_of, read_questions, task_name
from saladkit.sources.benchmarks.named import named_source
from saladkit.sources.columns import ColumnNames

DEV_ITEMS = 500  # of a template's choice; a benchmark's solved split may have tens of thousands


def read_tasks(
    sources: list[str],
    how: HowAsked,
    template: str,
    fewshot: str | None,
    dev: str | None,
    listens: bool,
    names: ColumnNames,
    limit: int | None,
) -> list[Task]:
    """The questions of every source, with what else each needs.

    Args:
        fewshot, dev: where examples and the choice of a template come from, in the place of a benchmark's own.
        listens: whether recordings are needed.

    Raises:
        SaladError: as `read_questions`; two tasks of one name, nothing to choose a template on.
    """
    tasks: dict[str, Task] = {}
    for source in sources:
        name = task_name(source)
        if name in tasks:
            raise SaladError("two tasks have the same name", "Rename a folder: tasks are called after their folders.")
        rows = read_questions(
            source,
            speech=listens,
            spoken_options=how.spoken_options,
            open_ended=how.generation is not None and not how.shots,
            names=names,
            limit=limit,
        )
        benchmark = named_source(source)
        solved = benchmark.solved if benchmark else None
        asked = _to_ask(rows)
        examples, chosen_on, examples_source = asked, [], source
        if how.shots and (fewshot or solved):
            spoken = listens and how.spoken_examples
            examples_source = fewshot or solved
            enough = 4 * (how.shots + 1)  # some may not be to be asked
            examples = _to_ask(
                read_questions(
                    examples_source, speech=spoken, spoken_options=how.spoken_options, names=names, limit=enough
                )
            )
        if template == BEST:
            if not (dev or solved):
                raise SaladError(
                    f"nothing to choose the template of {source} on", "Give solved questions with --dev, or a template."
                )
            chosen_on = _to_ask(read_questions(dev or solved, speech=False, names=names, limit=DEV_ITEMS))
        tasks[name] = Task(
            name, source, asked, examples, chosen_on, examples_source, [r for r in rows if r.get("excluded")]
        )
    return list(tasks.values())


def _to_ask(rows: list[dict]) -> list[dict]:
    return [row for row in rows if not row.get("excluded")]


def check_files(tasks: list[Task], conditions: list[Condition]) -> None:
    """Raise a SaladError if the answers of two tasks or models would stand in one file."""
    seen: dict[str, str] = {}
    for task in tasks:
        for condition in conditions:
            file, _ = answer_files(task, condition)
            if file in seen:
                raise SaladError(
                    f"answers of {task.name}, {condition.name}, and of {seen[file]} would be one file",
                    "Rename a folder: files are called after models and tasks, by letters, digits, points and dashes.",
                )
            seen[file] = f"{task.name}, {condition.name}"


def check_texts(tasks: list[Task]) -> None:
    """Raise a SaladError at the first question whose recording has no text."""
    for task in tasks:
        row = next((row for row in task.rows if not row["text"].strip()), None)
        if row is not None:
            raise SaladError(
                f"{task.source}: row '{row['id']}' has no text of its recording, so it cannot be read",
                "Give --modality speech alone, without --teacher.",
            )


def titles_of(tasks: list[Task]) -> dict[str, str]:
    """What benchmarks among the tasks are called in full."""
    named = {task.name: benchmark_of(task.source) for task in tasks}
    return {name: source.benchmark.title for name, source in named.items() if source}
