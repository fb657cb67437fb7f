"""Run an evaluation: predictions under every condition, saved block by block."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.files import read_json, write_json, written_aside
from saladkit.formats.harness import harness_samples
from saladkit.formats.results import ORIGINAL, PREDICTIONS, TRANSCRIPTS, read_rows, write_rows
from saladkit.progress import progress
from saladkit.scoring.cascade import transcribe_questions, with_transcripts
from saladkit.scoring.conditions import Condition
from saladkit.scoring.few_shot import FewShot, FewShotChoice, first_different
from saladkit.scoring.models import LoadedModel, Predictor
from saladkit.scoring.partial_results import PartialResults
from saladkit.scoring.requests import Example
from saladkit.scoring.task import Task
from saladkit.scoring.templates import TEMPLATES
from saladkit.settings.evaluate import BEST, EvalSettings
from saladkit.speech.transcribers.transcriber import open_transcriber

ROWS_PER_BLOCK = 128  # questions: their prompts are in memory together, and what all of them begin with runs once
LEFT_OUT, APART = "left_out", "tokenized_apart"


@dataclass(frozen=True)
class Evaluation:
    """One evaluation and the artefact that it is written to.

    Attributes:
        models: folder of each model that the conditions name.
        voices: speakers that the models were trained on; None if not known.
    """

    writer: ArtefactWriter
    tasks: list[Task]
    conditions: list[Condition]
    models: dict[str, str]
    settings: EvalSettings
    voices: set[str] | None
    device: str

    def transcribe(self) -> None:
        """Write the transcripts of every task under every cascade condition, unless they are finished."""
        wanted = [(task, c) for task in self.tasks for c in self.conditions if c.modality == "cascade"]
        missing = [(task, c) for task, c in wanted if not self.writer.has(_transcripts(task, c))]
        if not missing:
            return
        assert self.settings.asr is not None  # a cascade is refused without it (`EvalSettings.check`)
        transcriber = open_transcriber(self.settings.asr, device=self.device, dtype=self.settings.dtype)
        for task, condition in missing:

            def write(
                rows: list[dict], saved: PartialResults, task: Task = task, condition: Condition = condition
            ) -> tuple[list, dict]:
                return transcribe_questions(transcriber, rows, condition, self.settings.seed, task.source, saved), {}

            found = self._in_blocks(task, condition, "transcripts-", write, TRANSCRIPTS)
            with self.writer.writing(_transcripts(task, condition)) as aside:
                write_rows(aside, found, TRANSCRIPTS)

    def templates(self) -> dict[str, dict]:
        """Return the `template` of each task.

        With `BEST` the record also has each template's accuracy on `dev_rows` and their number `items`, measured once
        with the `judge`: the original text LLM if it is among the models, else the first model.
        """
        if self.settings.chosen_template != BEST:
            return {task.name: {"template": self.settings.chosen_template} for task in self.tasks}
        record = self.writer.working / "templates.json"
        if not record.exists():
            judge = ORIGINAL if ORIGINAL in self.models else next(iter(self.models))
            loaded = LoadedModel(self.models[judge], device=self.device, dtype=self.settings.dtype)
            write_json(record, {task.name: self._best(loaded, judge, task) for task in self.tasks})
        return read_json(record)

    def _template_names(self) -> dict[str, str]:
        return {task: found["template"] for task, found in self.templates().items()}

    def few_shot(self) -> dict[str, FewShot]:
        """Return the few-shot examples of each task, chosen once for all conditions."""
        if not self.settings.num_fewshot:
            return {task.name: FewShot() for task in self.tasks}
        record = self.writer.working / "few-shot.json"
        if not record.exists():
            templates, settings = self._template_names(), self.settings
            choice = FewShotChoice(
                self.tasks, self.conditions, self.models, templates, settings, self.device, self._asked
            )
            write_json(record, {task: vars(found) for task, found in choice.of_tasks().items()})
        return {task: FewShot(**found) for task, found in read_json(record).items()}

    def _asked(self, task: Task, condition: Condition) -> list[dict]:
        """Return the questions of a task as a condition asks them: in a cascade, their transcripts."""
        if condition.modality != "cascade":
            return task.rows
        return with_transcripts(task.rows, read_rows(self.writer.path / _transcripts(task, condition)))

    def _best(self, loaded: LoadedModel, judge: str, task: Task) -> dict:
        found = {}
        for template in TEMPLATES:
            predictor = loaded.predictor(Condition(judge, "text"), template, self.settings)
            unreadable = predictor.builder.unreadable(task.examples, task.examples_source)
            places = first_different(task.examples, unreadable, self.settings.num_fewshot)
            examples = FewShot(places).examples(predictor.builder, task)
            unreadable = predictor.builder.unreadable(task.dev_rows, task.source)
            rows = [row for row in task.dev_rows if row["id"] not in unreadable]
            predictions, _ = predictor.predict(rows, examples, task.name, task.source)
            found[template] = float(np.mean([row["acc_norm"] for row in predictions])) if predictions else 0.0
        return {"template": max(TEMPLATES, key=found.__getitem__), "judge": judge, "items": len(task.dev_rows)} | found

    def predict(self) -> None:
        """Write the predictions of every model, unless they are finished."""
        templates, few_shot = self._template_names(), self.few_shot()
        for name, path in self.models.items():
            of_model = [c for c in self.conditions if c.model == name]
            missing = [
                (task, c) for c in of_model for task in self.tasks if not self.writer.has_all(prediction_files(task, c))
            ]
            if not missing:
                continue
            loaded = LoadedModel(path, device=self.device, dtype=self.settings.dtype)
            for task, condition in missing:
                examples = few_shot[task.name]
                predictor = loaded.predictor(condition, templates[task.name], self.settings, examples.shots)
                self._predict(predictor, task, examples.examples(predictor.builder, task))

    def _predict(self, predictor: Predictor, task: Task, examples: list[Example]) -> None:
        condition = predictor.condition
        questions = {row["id"]: row for row in self._asked(task, condition)}
        unreadable = predictor.builder.unreadable(list(questions.values()), task.source)

        def predict(rows: list[dict], saved: PartialResults) -> tuple[list[dict], dict[str, list]]:
            known, reasons = len(predictor.builder.apart), {r["id"]: unreadable.get(r["id"]) for r in rows}
            readable = [questions[row["id"]] for row in rows if reasons[row["id"]] is None]
            found, left_out = predictor.predict(readable, examples, task.name, task.source, saved)
            left_out += [
                {"id": id_, "source": task.source, "reason": f"{condition.name}: {reason}"}
                for id_, reason in reasons.items()
                if reason is not None
            ]
            record: dict[str, list] = {LEFT_OUT: left_out, APART: predictor.builder.apart[known:]}
            return [row | {"held_out": self._held_out(row)} for row in found], record

        predictions, samples = prediction_files(task, condition)
        found = self._in_blocks(task, condition, "predictions-", predict, PREDICTIONS)
        with self.writer.writing(samples) as aside:
            delimiter = "" if self.settings.apply_chat_template else " "
            lines = harness_samples(found, harness_generation(self.settings), delimiter=delimiter)
            aside.write_text(lines, encoding="utf-8")
        with self.writer.writing(predictions) as aside:
            write_rows(aside, found, PREDICTIONS)

    def _in_blocks(
        self,
        task: Task,
        condition: Condition,
        what: str,
        work: Callable[[list[dict], PartialResults], tuple[list[dict], dict[str, list]]],
        schema: pa.Schema,
    ) -> list[dict]:
        """Return what `work` makes of the task's rows; finished blocks stay until the artefact is complete.

        Args:
            work: also returns a block's record: the rows left out, and the ids of questions in APART.
        """
        found = []
        starts = range(0, len(task.rows), ROWS_PER_BLOCK)
        for begin in progress(starts, what=f"eval {task.name}, {condition.name}", unit="block"):
            block = self.writer.working / f"{condition.file(what, task.name)}-{begin}.parquet"
            if not block.exists():
                saved = PartialResults(block.with_suffix(".partial.jsonl"))
                done, record = work(task.rows[begin : begin + ROWS_PER_BLOCK], saved)
                write_json(block.with_suffix(".json"), record)
                with written_aside(block) as aside:
                    write_rows(aside, done, schema)
                saved.path.unlink()
            found += read_rows(block)
        return found

    def _held_out(self, prediction: dict) -> bool | None:
        if self.voices is None or prediction["speaker"] is None:
            return None
        return prediction["speaker"] not in self.voices

    def predictions(self) -> dict[str, dict[Condition, list[dict]]]:
        """Read the predictions of every task under every condition."""
        return {
            task.name: {c: read_rows(self.writer.path / prediction_files(task, c)[0]) for c in self.conditions}
            for task in self.tasks
        }

    def left_out(self) -> list[dict]:
        """Return the rows without a prediction, each with `id`, `source` and `reason`."""
        excluded = [
            {"id": row["id"], "source": task.source, "reason": row["excluded"]}
            for task in self.tasks
            for row in task.excluded
        ]
        return excluded + [row for record in self._records() for row in record[LEFT_OUT]]

    def tokenized_apart(self) -> int:
        """Return the number of predictions with an option that was tokenized apart from its prompt."""
        return sum(len(record.get(APART, [])) for record in self._records())

    def _records(self) -> list[dict]:
        return [read_json(path) for path in sorted(self.writer.working.glob("*/predictions-*.json"))]


def prediction_files(task: Task, condition: Condition) -> tuple[str, str]:
    """Return the artefact's files of the predictions, and of lm-evaluation-harness's samples."""
    return (
        f"{condition.file('predictions-', task.name)}.parquet",
        f"{condition.file('samples_', task.name)}.jsonl",
    )


def _transcripts(task: Task, condition: Condition) -> str:
    return f"{condition.file('transcripts-', task.name)}.parquet"


def harness_generation(settings: EvalSettings) -> dict | None:
    """Return the settings of generation under lm-evaluation-harness's names; None if options are scored."""
    if not settings.writes:
        return None
    return {
        "until": [],  # an answer may have several paragraphs, and begin with a blank line
        "max_gen_toks": settings.max_new_tokens,
        "do_sample": settings.sampling_temperature > 0,
        "temperature": settings.sampling_temperature,
    }
