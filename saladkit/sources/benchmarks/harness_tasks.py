"""Text benchmarks as lm-evaluation-harness asks them: its prompts, its processing of rows, its choices and answers."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saladkit.errors import SaladError

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

QUESTION = "\0"  # marks where a prompt holds its question


@dataclass(frozen=True)
class HarnessTask:
    """One task of lm-evaluation-harness.

    Attributes:
        name: the task's name in lm-evaluation-harness; its YAML file lies in the folder `folder` of `lm_eval/tasks`.
        question: the column of the question, which may be heard; the prompt around it is always read.
            None: the whole prompt is the question.
        id: makes the id of a row, which has its number as `row`.
        domain: the column of the domain, if there is one.
        as_on_hub: renames the columns of a row that is not laid out as on the Hub, in a task that prepares no rows.
    """

    name: str
    folder: str
    question: str | None
    id: Callable[[dict], str] = lambda row: row["id"]
    domain: str | None = None
    as_on_hub: Callable[[dict], dict] = lambda row: row

    def questions(self, rows: list[dict]) -> Iterator[dict]:
        """Yield each row as a question (`sources/benchmarks/__init__.py` says what a question has).

        Raises:
            SaladError: lm-evaluation-harness is not installed.
            KeyError, ValueError, TypeError, AttributeError: the next row is not of this task.
        """
        if not rows:
            return
        from jinja2 import TemplateError

        try:
            task = self._open(self.as_on_hub(rows[0]))
            for doc in self._docs(task, rows):
                yield self._question(task, doc)
        except TemplateError as error:  # what lm-evaluation-harness raises for a missing column
            raise KeyError(str(error)) from error

    def _open(self, row: dict) -> "ConfigurableTask":
        """Open the task with one row as its data set, which it would download otherwise."""
        try:
            from lm_eval import tasks
        except ImportError as error:
            raise SaladError(
                f"the benchmark {self.name} needs the package lm_eval, which is not installed",
                "Run: pip install 'saladkit[eval]'",
            ) from error
        import datasets

        splits = dict.fromkeys(("train", "validation", "test"), datasets.Dataset.from_list([row]))
        manager = tasks.TaskManager(include_path=str(Path(tasks.__file__).parent / self.folder), include_defaults=False)
        changed = {"task": self.name, "custom_dataset": lambda **settings: splits}
        with _quiet():
            return manager.load({"group": "ours", "task": [changed]})["tasks"][self.name]

    def _docs(self, task: "ConfigurableTask", rows: list[dict]) -> Iterable[dict]:
        """Return the rows as the task prepares them for its templates, with all of their own columns."""
        import datasets

        def process(some: list[dict]) -> Iterable[dict]:
            with _quiet():
                return task.config.process_docs(datasets.Dataset.from_list(some))

        if task.config.process_docs is None:
            return map(self.as_on_hub, rows)
        try:
            return process(rows)
        except Exception:  # process the rows one by one, to fail at the row at fault
            return (doc for row in rows for doc in process([row]))

    def _question(self, task: "ConfigurableTask", doc: dict) -> dict:
        if self.question is None:
            text, lead, cue = task.doc_to_text(doc), "", ""
        else:
            text = doc[self.question]
            lead, _, cue = task.doc_to_text({**doc, self.question: QUESTION}).partition(QUESTION)
        read = {name: part for name, part in (("lead", lead), ("cue", cue)) if part}
        domain = {"domain": doc[self.domain]} if self.domain else {}
        found = {"choices": list(task.doc_to_choice(doc)), "answer": int(task.doc_to_target(doc))}
        return {"id": self.id(doc), "text": text} | read | found | domain


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep lm-evaluation-harness's warnings and the bars of `Dataset.map` off stderr."""
    import datasets

    logger, bars = logging.getLogger("lm_eval"), datasets.are_progress_bars_disabled()
    level = logger.level
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()


def story_cloze_as_on_hub(row: dict) -> dict:
    """Rename the columns of StoryCloze's published CSV files, and read numbers that a CSV file has as text."""
    if "InputStoryid" not in row:
        return row | {"answer_right_ending": int(row["answer_right_ending"])}
    sentences = {f"input_sentence_{number}": row[f"InputSentence{number}"] for number in (1, 2, 3, 4)}
    endings = {f"sentence_quiz{number}": row[f"RandomFifthSentenceQuiz{number}"] for number in (1, 2)}
    right = {"story_id": row["InputStoryid"], "answer_right_ending": int(row["AnswerRightEnding"])}
    return sentences | endings | right
