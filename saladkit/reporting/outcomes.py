"""What every model answered, item by item, checked so that any two models are compared on the same items."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import MANIFEST, Artefact
from saladkit.formats.results import SCHEMA, VERSION, likeliest_per_character, read_predictions

Key = tuple[str, str]  # task and id
SCORE = "acc_norm"  # the length-normalised likelihood, the method's score


@dataclass(frozen=True)
class Outcome:
    """The predictions of one model."""

    name: str
    place: Path  # where the answers were read from
    model_digest: str
    task_digests: dict[str, str]  # the folders that the questions came from
    rows: dict[str, dict[Key, dict]]  # modality -> (task, id) -> prediction

    def correct(self, modality: str, keys: list[Key]) -> np.ndarray:
        """1.0 for a right answer, 0.0 for a wrong one, in the order of `keys`."""
        return np.array([float(self.rows[modality][key][SCORE]) for key in keys])

    def keys(self, modality: str, tasks: set[str]) -> list[Key]:
        """The items of `tasks` in one modality, sorted."""
        return sorted(key for key in self.rows.get(modality, {}) if key[0] in tasks)


def chosen(row: dict) -> int:
    """The choice that a model took."""
    return likeliest_per_character(row["log_likelihoods"], row["scored"])


def read_outcome(name: str, place: Path) -> Outcome:
    """Read what one model answered: `place` is a results artefact, and where it has several, behind a slash the model.

    Raises:
        SaladError: no complete results artefact, no such model in it, or an item that stands in it twice.
    """
    is_named = not (place / MANIFEST).is_file() and (place.parent / MANIFEST).is_file()
    folder = place.parent if is_named else place
    manifest = Artefact.open(folder, SCHEMA, VERSION).manifest
    digests = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    models = [role.removeprefix("model ") for role in digests if role.startswith("model ")]
    model = place.name if is_named else models[0] if len(models) == 1 else None
    if model not in models:
        raise SaladError(
            f"{place} names no model whose answers {folder} holds", f"Write {folder}/MODEL: {', '.join(models)}."
        )
    rows: dict[str, dict[Key, dict]] = {}
    for row in read_predictions(folder):
        if row["model"] != model:
            continue
        of_modality, key = rows.setdefault(row["modality"], {}), (row["task"], row["id"])
        if key in of_modality:
            raise SaladError(
                f"{folder} holds item '{row['id']}' of {row['task']} twice", "Make it again with `saladkit eval`."
            )
        of_modality[key] = row
    tasks = {role.removeprefix("task "): digest for role, digest in digests.items() if role.startswith("task ")}
    return Outcome(name, place, digests[f"model {model}"], tasks, rows)


def common_tasks(teacher: Outcome, held_out: str) -> set[str]:
    """The tasks that the text model has read, without the one that only changes the voice.

    Raises:
        SaladError: there is none.
    """
    tasks = {task for task, _ in teacher.rows.get("text", {})} - {held_out}
    if not tasks:
        raise SaladError(
            f"{teacher.place} holds no text predictions of a task", "Evaluate the text LLM with --modality text."
        )
    return tasks


def check_paired(first: Outcome, second: Outcome, modality: tuple[str, str], tasks: set[str]) -> None:
    """Raise a SaladError unless both answered the same questions of `tasks`, each in its modality."""
    mine, theirs = first.keys(modality[0], tasks), second.keys(modality[1], tasks)
    fix = "Evaluate both on the same task folders, in text and in speech."
    if not theirs:
        names = ", ".join(sorted(tasks))
        raise SaladError(f"{second.place} holds no {modality[1]} predictions of {names}", fix)
    if mine != theirs:
        odd = sorted(set(mine) ^ set(theirs))
        listed = ", ".join(f"'{id_}' ({task})" for task, id_ in odd[:5])
        raise SaladError(
            f"{first.place} ({modality[0]}) and {second.place} ({modality[1]}) do not pair:"
            f" {len(odd)} items stand in one alone: {listed}{', …' if len(odd) > 5 else ''}",
            fix,
        )
    for key in mine:
        ours, other = first.rows[modality[0]][key], second.rows[modality[1]][key]
        if any(ours[field] != other[field] for field in ("choices", "answer", "domain")):
            raise SaladError(f"item '{key[1]}' is another question in {first.place} than in {second.place}", fix)
