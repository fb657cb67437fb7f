"""What every model answered, item by item, checked so that any two models are compared on the same items."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.results import SCHEMA, likeliest_per_character, read_predictions

Key = tuple[str, str]  # task and id
SCORE = "acc_norm"  # the length-normalised likelihood, the method's score


@dataclass(frozen=True)
class Outcome:
    """The predictions of one model."""

    name: str
    folder: Path
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
    return likeliest_per_character(row["log_likelihoods"], row["choices"])


def read_outcome(name: str, folder: Path) -> Outcome:
    """Read the results artefact `folder`.

    Raises:
        SaladError: no complete results artefact, or an item that stands in it twice.
    """
    manifest = Artefact.open(folder, SCHEMA).manifest
    rows: dict[str, dict[Key, dict]] = {}
    for row in read_predictions(folder):
        of_modality, key = rows.setdefault(row["modality"], {}), (row["task"], row["id"])
        if key in of_modality:
            raise SaladError(
                f"{folder} holds item '{row['id']}' of {row['task']} twice", "Make it again with `saladkit eval`."
            )
        of_modality[key] = row
    inputs = {role: entry["digest"] for role, entry in manifest["inputs"].items()}
    tasks = {role.removeprefix("task "): digest for role, digest in inputs.items() if role.startswith("task ")}
    return Outcome(name, folder, inputs["model"], tasks, rows)


def common_tasks(teacher: Outcome, held_out: str) -> set[str]:
    """The tasks that the text model has read, without the one that only changes the voice.

    Raises:
        SaladError: there is none.
    """
    tasks = {task for task, _ in teacher.rows.get("text", {})} - {held_out}
    if not tasks:
        raise SaladError(
            f"{teacher.folder} holds no text predictions of a task", "Evaluate the text LLM with --modality text."
        )
    return tasks


def check_paired(first: Outcome, second: Outcome, modality: tuple[str, str], tasks: set[str]) -> None:
    """Raise a SaladError unless both answered the same questions of `tasks`, each in its modality."""
    mine, theirs = first.keys(modality[0], tasks), second.keys(modality[1], tasks)
    fix = "Evaluate both on the same task folders, in text and in speech."
    if not theirs:
        names = ", ".join(sorted(tasks))
        raise SaladError(f"{second.folder} holds no {modality[1]} predictions of {names}", fix)
    if mine != theirs:
        odd = sorted(set(mine) ^ set(theirs))
        listed = ", ".join(f"'{id_}' ({task})" for task, id_ in odd[:5])
        raise SaladError(
            f"{first.folder} ({modality[0]}) and {second.folder} ({modality[1]}) do not pair:"
            f" {len(odd)} items stand in one alone: {listed}{', …' if len(odd) > 5 else ''}",
            fix,
        )
    for key in mine:
        ours, other = first.rows[modality[0]][key], second.rows[modality[1]][key]
        if any(ours[field] != other[field] for field in ("choices", "answer", "domain")):
            raise SaladError(f"item '{key[1]}' is another question in {first.folder} than in {second.folder}", fix)
