"""Choose few-shot examples: every condition of a task has the same ones, and as many of them before a question."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from saladkit.progress import progress
from saladkit.scoring.conditions import Condition
from saladkit.scoring.model_prompts import ModelPrompts
from saladkit.scoring.prompts import PromptBuilder
from saladkit.scoring.requests import Example
from saladkit.scoring.task import Task
from saladkit.settings.evaluate import EvalSettings
from saladkit.sources.folding import without_punctuation

ROWS_AT_ONCE = 128  # questions tokenized in one call


@dataclass(frozen=True)
class FewShot:
    """The few-shot examples of one task.

    Attributes:
        places: of the examples among the task's `examples`.
        shots: the most examples before each question, by id: as many as have room under every condition that can ask
            it. Empty if there is a single condition, which takes as many as have room.
        room: mean number of examples that have room, by the name of each condition; empty as `shots`.
    """

    places: list[int] = field(default_factory=list)
    shots: dict[str, int] = field(default_factory=dict)
    room: dict[str, float] = field(default_factory=dict)

    def examples(self, builder: PromptBuilder, task: Task) -> list[Example]:
        """Return the task's examples as prompts of one condition have them.

        Raises:
            SaladError: as `PromptBuilder.example`.
        """
        return [builder.example(task.examples[place], task.examples_source) for place in self.places]


@dataclass(frozen=True)
class FewShotChoice:
    """Chooses the examples of every task.

    Attributes:
        models: folder of each model that the conditions name.
        templates: template of each task, by its name.
        asked: returns the questions of a task as a condition asks them; in a cascade these are transcripts.
    """

    tasks: list[Task]
    conditions: list[Condition]
    models: Mapping[str, str]
    templates: Mapping[str, str]
    settings: EvalSettings
    device: str
    asked: Callable[[Task, Condition], list[dict]]

    def of_tasks(self) -> dict[str, FewShot]:
        """Return the examples of each task by its name.

        Raises:
            SaladError: as `PromptBuilder.build` and `PromptBuilder.unreadable`.
        """
        unreadable: dict[str, set[str]] = {task.name: set() for task in self.tasks}
        for model, path in self.models.items():
            prompts = ModelPrompts(path, device=self.device)
            for task, builder, _ in self._builders(model, prompts):
                unreadable[task.name] |= builder.unreadable(task.examples, task.examples_source).keys()
        most = self.settings.num_fewshot
        chosen = {task.name: first_different(task.examples, unreadable[task.name], most) for task in self.tasks}
        counts: dict[str, dict[str, dict[str, int]]] = {task.name: {} for task in self.tasks}
        for model, path in self.models.items() if len(self.conditions) > 1 else ():
            prompts = ModelPrompts(path, device=self.device)  # its encoder is not kept beside that of the next model
            for task, builder, condition in self._builders(model, prompts):
                examples = FewShot(chosen[task.name]).examples(builder, task)
                counts[task.name][condition.name] = self._count(builder, task, condition, examples)
        return {name: _paired(chosen[name], of_task) for name, of_task in counts.items()}

    def _builders(self, model: str, prompts: ModelPrompts) -> list[tuple[Task, PromptBuilder, Condition]]:
        return [
            (task, prompts.builder(condition, self.templates[task.name], self.settings, counting=True), condition)
            for task in self.tasks
            for condition in self.conditions
            if condition.model == model
        ]

    def _count(
        self, builder: PromptBuilder, task: Task, condition: Condition, examples: list[Example]
    ) -> dict[str, int]:
        """Return how many examples have room before each question that the condition can ask, by id."""
        rows, scored = self.asked(task, condition), not self.settings.writes
        unreadable, found = builder.unreadable(rows, task.source), {}
        starts = range(0, len(rows), ROWS_AT_ONCE)
        for begin in progress(starts, what=f"examples {task.name}, {condition.name}", unit="block"):
            block = [row for row in rows[begin : begin + ROWS_AT_ONCE] if row["id"] not in unreadable]
            if scored:
                builder.tokenize_ahead(block, task.source)
            for row in block:
                request = builder.build(row, examples, task.source, self.settings.new_tokens, scored=scored)
                if request is not None:
                    found[row["id"]] = request.shots
        return found


def first_different(rows: list[dict], unreadable: Collection[str], most: int) -> list[int]:
    """Return the places of the first different questions that are readable, for at most `most` examples a question.

    They are one more, because a question is never its own example; none for no examples.
    """
    different: dict[str, int] = {}
    for place, row in enumerate(rows):
        if row["id"] not in unreadable:
            different.setdefault(without_punctuation(row["text"]) or row["id"], place)
    return list(different.values())[: most + 1] if most else []


def notes_on_examples(tasks: list[Task], few_shot: Mapping[str, FewShot], most: int) -> list[str]:
    """Say of which tasks fewer examples than `most` are possible before a question, and why."""
    notes = []
    for task in tasks:
        different, own = len(few_shot[task.name].places), task.examples_source == task.source
        possible = max(0, different - own)
        if possible < most:
            why = ", and a question is never its own example" if own else ""
            notes.append(
                f"note: {task.name}: {possible} of --num-fewshot {most} examples are possible: {different} different"
                f" questions that can be read were found in {task.examples_source}{why}; give more with --fewshot"
            )
    return notes


def _paired(places: list[int], counts: dict[str, dict[str, int]]) -> FewShot:
    """Return the least count of each question over the conditions that can ask it."""
    shots: dict[str, int] = {}
    for of_condition in counts.values():
        for id_, count in of_condition.items():
            shots[id_] = min(count, shots.get(id_, count))
    room = {name: float(np.mean(list(of_condition.values()))) for name, of_condition in counts.items() if of_condition}
    return FewShot(places, shots, room)
