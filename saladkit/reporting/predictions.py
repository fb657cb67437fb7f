"""Every model's predictions, item by item, checked so that models are compared on the same items."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, Artefact
from saladkit.formats.results import (
    SCHEMA,
    VERSION,
    WRITTEN,
    comparable_items,
    groups_of,
    likeliest_per_character,
    read_predictions,
    read_transcripts,
)

Key = tuple[str, str]  # task and id
SCORE = "acc_norm"  # by length-normalised likelihood, the method's score; or of the written answer (`formats.results`)


@dataclass(frozen=True)
class Predictions:
    """The predictions of one model on its tasks."""

    name: str
    place: Path  # the folder that they were read from
    model_digest: str
    task_digests: dict[str, str]  # of the folders with the questions
    settings: dict  # of the evaluation
    rows: dict[str, dict[Key, dict]]  # modality -> (task, id) -> prediction

    def transcripts(self, task: str) -> dict[str, str]:
        """Return the transcripts of a task's recordings that a cascade got in this result, by id."""
        return read_transcripts(artefact_of(self.place), task)

    def correct(self, modality: str, keys: list[Key], column: str = SCORE) -> np.ndarray:
        """Return 1.0 for each correct answer and 0.0 for each wrong one, float64 [items], in the order of `keys`."""
        return np.array([float(self.rows[modality][key][column]) for key in keys])

    def scored(self, modality: str, tasks: set[str]) -> dict[Key, dict]:
        """Return the predictions of `tasks` in one modality that have a score."""
        rows = self.rows.get(modality, {})
        return {key: row for key, row in rows.items() if key[0] in tasks and row[SCORE] is not None}


def way_of(row: dict) -> str:
    """Return how an item was answered: by `likelihood`, by a `choice` named in writing, or with a `reference`."""
    if row["log_likelihoods"] is not None:
        return "likelihood"
    return "choice" if row["choices"] else "reference"


def chosen(row: dict) -> int | None:
    """Return the index of the choice that a model takes: the likeliest one for its length, or the one that it names.

    None for a written answer that names no choice.
    """
    if row["log_likelihoods"] is None:
        return row["parsed"]
    return likeliest_per_character(row["log_likelihoods"], row["scored"])


def read_predictions_of(name: str, place: Path) -> Predictions:
    """Read the predictions of one model.

    Args:
        name: what the report calls the model.
        place: a results artefact with one model, or `ARTEFACT/MODEL` for one of several models.

    Raises:
        SaladError: there is no complete results artefact, it lacks the model, or it has an item twice.
    """
    folder = artefact_of(place)
    is_named = folder != place
    manifest = Artefact.open(folder, SCHEMA, VERSION).manifest
    digests = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    models = [role.removeprefix("model ") for role in digests if role.startswith("model ")]
    model = place.name if is_named else models[0] if len(models) == 1 else None
    if model not in models:
        raise SaladError(
            f"{place} names no model of {folder}",
            f"Give one of: {', '.join(f'{folder}/{model}' for model in models)}.",
        )
    rows: dict[str, dict[Key, dict]] = {}
    for row in read_predictions(folder):
        if row["model"] != model:
            continue
        of_modality, key = rows.setdefault(row["modality"], {}), (row["task"], row["id"])
        if key in of_modality:
            raise SaladError(
                f"{folder} holds item '{row['id']}' of {row['task']} twice",
                "Run `saladkit eval` again into a new folder.",
            )
        of_modality[key] = row
    tasks = {role.removeprefix("task "): digest for role, digest in digests.items() if role.startswith("task ")}
    return Predictions(name, place, digests[f"model {model}"], tasks, manifest["settings"], rows)


def artefact_of(place: Path) -> Path:
    """Return the results artefact of a place, `ARTEFACT` or `ARTEFACT/MODEL`."""
    is_named = not (place / MANIFEST).is_file() and (place.parent / MANIFEST).is_file()
    return place.parent if is_named else place


def common_tasks(teacher: Predictions, held_out: str | None) -> set[str]:
    """Return the tasks that the text LLM has answered, without the task of the held-out voice.

    Raises:
        SaladError: there is no such task.
    """
    tasks = {task for task, _ in teacher.rows.get("text", {})} - {held_out}
    if not tasks:
        raise SaladError(
            f"{teacher.place} holds no text predictions of any task" + (f" but {held_out}" if held_out else ""),
            "Evaluate the text LLM with --modality text.",
        )
    return tasks


def paired_items(answered: list[tuple[Predictions, str]], tasks: set[str]) -> list[Key]:
    """Return the items of `tasks` by which models can be compared (`comparable_items`), sorted.

    Args:
        answered: models, each with a modality: `text` or `speech`.
        tasks: names of tasks.

    Raises:
        SaladError: a model has no predictions of the tasks, an item is another question in another result, or more
            than half of the items of a model cannot be compared.
    """
    scored = [model.scored(modality, tasks) for model, modality in answered]
    fix = "Evaluate both on the same task folders, in text and in speech, with the same examples."
    for (model, modality), rows in zip(answered, scored, strict=True):
        if not rows:
            names = ", ".join(sorted(tasks))
            raise SaladError(f"{model.place} holds no {modality} predictions of {names}", fix)
    first, ours = answered[0], scored[0]
    for other, theirs in zip(answered, scored, strict=True):
        _check_same_questions(first[0], ours, other[0], theirs, fix)
        common = comparable_items([ours, theirs])
        odd = sorted((ours.keys() | theirs.keys()) - common)
        if 2 * len(common) < max(len(ours), len(theirs)):
            listed = ", ".join(f"'{id_}' ({task})" for task, id_ in odd[:5])
            raise SaladError(
                f"{first[0].place} ({first[1]}) and {other[0].place} ({other[1]}) do not pair: {len(odd)} items are in"
                f" only one of them, or have more examples in one: {listed}{', …' if len(odd) > 5 else ''}",
                fix,
            )
    return sorted(comparable_items(scored))


def _check_same_questions(
    first: Predictions, ours: dict[Key, dict], second: Predictions, theirs: dict[Key, dict], fix: str
) -> None:
    for key in sorted(ours.keys() & theirs.keys()):
        one, other = ours[key], theirs[key]
        if any(one[field] != other[field] for field in ("choices", "answer", "reference", "domain")):
            raise SaladError(f"item '{key[1]}' is another question in {first.place} than in {second.place}", fix)
        if way_of(one) != way_of(other):
            raise SaladError(
                f"item '{key[1]}' was answered in writing in only one of {first.place} and {second.place}",
                "Evaluate both with --generate, or both without it.",
            )
        if (one[WRITTEN] is None) != (other[WRITTEN] is None):
            raise SaladError(
                f"item '{key[1]}' was answered in writing as well in only one of {first.place} and {second.place}",
                "Evaluate both with --also-generate, or both without it.",
            )
        if groups_of(one) != groups_of(other):
            raise SaladError(
                f"item '{key[1]}' is in other groups in {first.place} than in {second.place}",
                "Evaluate both on the same questions, with the same --by.",
            )
