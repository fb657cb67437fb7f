"""An evaluation under way: the answers under every condition, kept block by block, and the figures made of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from saladkit.formats.artefact import ArtefactWriter
from saladkit.formats.files import read_json, write_json, written_aside
from saladkit.formats.harness import harness_samples
from saladkit.formats.results import ORIGINAL, PREDICTIONS, TRANSCRIPTS, read_rows, write_rows
from saladkit.progress import progress
from saladkit.scoring.cascade import as_transcribed, transcribe_questions
from saladkit.scoring.conditions import Condition
from saladkit.scoring.generation import WritingRespondent
from saladkit.scoring.kept_answers import KeptAnswers
from saladkit.scoring.models import HowAsked, OpenModel
from saladkit.scoring.multiple_choice import Respondent
from saladkit.scoring.prompts import Example
from saladkit.scoring.templates import TEMPLATES
from saladkit.speech.transcribers.transcriber import Transcriber

BEST = "best"
ROWS_PER_BLOCK = 128  # questions that are laid out at once; what they begin with is run once
LEFT_OUT = "left_out"


@dataclass(frozen=True)
class Task:
    """Questions, and solved ones: those that may stand before them, and those that a template is chosen on."""

    name: str
    source: str
    rows: list[dict]
    examples: list[dict]
    chosen_on: list[dict]
    examples_source: str
    excluded: list[dict]


@dataclass(frozen=True)
class Evaluation:
    """What is asked of whom, and where the answers go.

    Attributes:
        models: where each model of the conditions is loaded from.
        template: one of `wording.TEMPLATES` for all tasks, or `BEST`: for each the one that does better on `chosen_on`.
        voices: the speakers that the models have learned from; None where nobody said.
    """

    writer: ArtefactWriter
    tasks: list[Task]
    conditions: list[Condition]
    models: dict[str, str]
    how: HowAsked
    template: str
    voices: set[str] | None
    device: str
    dtype: str

    def transcribe(self, opened: Callable[[], Transcriber]) -> None:
        """Write down what is said in every task, for the conditions that read it; those that stand are kept."""
        wanted = [(task, c) for task in self.tasks for c in self.conditions if c.modality == "cascade"]
        missing = [(task, c) for task, c in wanted if not self.writer.has(_transcripts(task, c))]
        if not missing:
            return
        transcriber = opened()
        for task, condition in missing:

            def write(
                rows: list[dict], kept: KeptAnswers, task: Task = task, condition: Condition = condition
            ) -> tuple[list, list]:
                return transcribe_questions(transcriber, rows, condition, self.how.seed, task.source, kept), []

            found = self._in_blocks(task, condition, "transcripts-", write, TRANSCRIPTS)
            with self.writer.writing(_transcripts(task, condition)) as aside:
                write_rows(aside, found, TRANSCRIPTS)

    def templates(self) -> dict[str, dict]:
        """For each task its `template`, and where it was chosen, what each came to, read by the first of the models."""
        if self.template != BEST:
            return {task.name: {"template": self.template} for task in self.tasks}
        record = self.writer.working / "templates.json"
        if not record.exists():
            judge = ORIGINAL if ORIGINAL in self.models else next(iter(self.models))
            opened = OpenModel(self.models[judge], device=self.device, dtype=self.dtype)
            write_json(record, {task.name: self._best(opened, judge, task) for task in self.tasks})
        return read_json(record)

    def _best(self, opened: OpenModel, judge: str, task: Task) -> dict:
        found = {}
        for template in TEMPLATES:
            respondent = opened.respondent(Condition(judge, "text"), template, self.how)
            examples = self._examples(respondent, task)
            answers, _ = respondent.answer(task.chosen_on, examples, task.name, task.source)
            found[template] = float(np.mean([row["acc_norm"] for row in answers])) if answers else 0.0
        return {"template": max(TEMPLATES, key=found.get), "judge": judge, "items": len(task.chosen_on)} | found

    def ask(self) -> None:
        """Ask every model; the answers that stand are kept."""
        templates = self.templates()
        for name, path in self.models.items():
            of_model = [c for c in self.conditions if c.model == name]
            missing = [
                (task, c) for c in of_model for task in self.tasks if not self.writer.has_all(answer_files(task, c))
            ]
            if not missing:
                continue
            opened = OpenModel(path, device=self.device, dtype=self.dtype)
            for task, condition in missing:
                self._ask(opened.respondent(condition, templates[task.name]["template"], self.how), task)

    def _ask(self, respondent: Respondent | WritingRespondent, task: Task) -> None:
        condition = respondent.condition
        examples = self._examples(respondent, task)
        transcripts = None
        if condition.modality == "cascade":
            transcripts = read_rows(self.writer.path / _transcripts(task, condition))

        def answer(rows: list[dict], kept: KeptAnswers) -> tuple[list[dict], list[dict]]:
            asked = as_transcribed(rows, transcripts) if transcripts is not None else rows
            found, left_out = respondent.answer(asked, examples, task.name, task.source, kept)
            return [row | {"held_out": self._held_out(row)} for row in found], left_out

        predictions, samples = answer_files(task, condition)
        found = self._in_blocks(task, condition, "predictions-", answer, PREDICTIONS)
        with self.writer.writing(samples) as aside:
            aside.write_text(harness_samples(found, self.how.harness_generation()), encoding="utf-8")
        with self.writer.writing(predictions) as aside:
            write_rows(aside, found, PREDICTIONS)

    def _examples(self, respondent: Respondent | WritingRespondent, task: Task) -> list[Example]:
        # One more than are wanted: a question is never its own example.
        chosen = task.examples[: self.how.shots + 1] if self.how.shots else []
        return [respondent.asking.example(row, task.examples_source) for row in chosen]

    def _in_blocks(
        self,
        task: Task,
        condition: Condition,
        what: str,
        work: Callable[[list[dict], KeptAnswers], tuple[list[dict], list[dict]]],
        schema: pa.Schema,
    ) -> list[dict]:
        """What `work` makes of the task's rows, block by block; blocks stay until the artefact is complete."""
        found = []
        starts = range(0, len(task.rows), ROWS_PER_BLOCK)
        for begin in progress(starts, what=f"eval {task.name}, {condition.name}", unit="block"):
            block = self.writer.working / f"{condition.file(what, task.name)}-{begin}.parquet"
            if not block.exists():
                kept = KeptAnswers(block.with_suffix(".kept.jsonl"))
                done, without = work(task.rows[begin : begin + ROWS_PER_BLOCK], kept)
                write_json(block.with_suffix(".json"), {LEFT_OUT: without})
                with written_aside(block) as aside:
                    write_rows(aside, done, schema)
                kept.path.unlink()
            found += read_rows(block)
        return found

    def _held_out(self, prediction: dict) -> bool | None:
        if self.voices is None or prediction["speaker"] is None:
            return None
        return prediction["speaker"] not in self.voices

    def answers(self) -> dict[str, dict[Condition, list[dict]]]:
        """The predictions of every task under every condition."""
        return {
            task.name: {c: read_rows(self.writer.path / answer_files(task, c)[0]) for c in self.conditions}
            for task in self.tasks
        }

    def left_out(self) -> list[dict]:
        """Rows that were not scored, each with `id`, `source` and `reason`."""
        excluded = [
            {"id": row["id"], "source": task.source, "reason": row["excluded"]}
            for task in self.tasks
            for row in task.excluded
        ]
        records = sorted(self.writer.working.glob("*/predictions-*.json"))
        return excluded + [row for record in records for row in read_json(record)[LEFT_OUT]]


def answer_files(task: Task, condition: Condition) -> tuple[str, str]:
    """The files of the predictions, and of the harness's samples."""
    return (
        f"{condition.file('predictions-', task.name)}.parquet",
        f"{condition.file('samples_', task.name)}.jsonl",
    )


def _transcripts(task: Task, condition: Condition) -> str:
    return f"{condition.file('transcripts-', task.name)}.parquet"
