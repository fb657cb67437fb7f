"""Find in a run what `report` compares: the results, the text LLM's results, the natural speech and the held-out voice.

Manifests say which model answered which tasks, and what each model was trained on. Only what they leave no doubt about
is chosen; anything else is said on the page, with the option that decides it.
"""

from collections import Counter
from dataclasses import dataclass, replace

import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.checkpoint import SCHEMA as CHECKPOINT
from saladkit.formats.gap_table import SCHEMA as GAP_TABLE
from saladkit.formats.results import ORIGINAL, SCHEMA, file_name
from saladkit.formats.samples import SCHEMA as SAMPLES
from saladkit.formats.tables import read_table
from saladkit.reporting.inventory import Found, Inventory
from saladkit.reporting.provenance import heard_domains, selections_of, training_of
from saladkit.reporting.result_names import RESERVED
from saladkit.settings.report import ReportSettings

HELD_OUT = pa.schema([("held_out", pa.bool_())])
ORDER = ("distill", "align", "average")  # in which models are shown, by the command that made them


@dataclass(frozen=True)
class Missing:
    """Something that the page cannot show, and what to do."""

    problem: str
    fix: str


@dataclass(frozen=True)
class Evaluated:
    """One model in one results artefact."""

    artefact: Found
    model: str
    digest: str

    @property
    def place(self) -> str:
        """What --result and --teacher call it."""
        return f"{self.artefact.name}/{self.model}"

    @property
    def tasks(self) -> frozenset[tuple[str, str]]:
        """Name and digest of every task that the artefact is about."""
        inputs = self.artefact.manifest["inputs"]
        return frozenset((role, entry["digest"]) for role, entry in inputs.items() if role.startswith("task "))

    def files(self, modality: str) -> list[str]:
        """Return the files with its predictions in one modality."""
        names = [name.rpartition("/") for name in self.artefact.manifest["files"]]
        own = [(folder, name) for folder, _, name in names if folder in ("", file_name(self.model))]
        ends = f"_{modality}.parquet"
        return ["/".join(filter(None, of)) for of in own if of[1].startswith("predictions-") and of[1].endswith(ends)]


def complete(settings: ReportSettings, inventory: Inventory) -> tuple[ReportSettings, list[Missing]]:
    """Return the settings with what they leave open, as far as the run's manifests decide it, and what is missing."""
    of_llm, adapted = _evaluated(inventory)
    missing: list[Missing] = []
    if settings.results:
        places = _places(settings)
        compared = [of for of in adapted if not places.isdisjoint({of.place, of.artefact.name})]
    else:
        compared = _compared(adapted, missing)
        settings = replace(settings, results=tuple(f"{name}={of.place}" for name, of in _named(compared).items()))
    if settings.teacher is None:
        settings = replace(settings, teacher=_teacher(of_llm, compared, missing))
    if settings.speech is None and compared:
        settings = replace(settings, speech=_speech(inventory, compared, missing))
    if settings.held_out is None and compared:
        settings = replace(settings, held_out=_held_out(compared[0], missing))
    return settings, missing


def _places(settings: ReportSettings) -> set[str]:
    return {result.partition("=")[2] for result in settings.results}


def _evaluated(inventory: Inventory) -> tuple[list[Evaluated], list[Evaluated]]:
    """Return the evaluations of the text LLM, and those of other models that answered both speech and text."""
    llms = {found.reads("model") for found in inventory.of_schema(CHECKPOINT) if found.manifest["verb"] == "distill"}
    llms |= {found.reads("teacher") for found in inventory.of_schema(GAP_TABLE)}
    of_llm, adapted = [], []
    for artefact in inventory.of_schema(SCHEMA):
        for role, entry in artefact.manifest["inputs"].items():
            if role.startswith("model "):
                of = Evaluated(artefact, role.removeprefix("model "), entry["digest"])
                if of.model == ORIGINAL or of.digest in llms:
                    of_llm += [of] if of.files("text") else []
                elif of.files("speech") and of.files("text"):
                    adapted.append(of)
    return of_llm, sorted(adapted, key=lambda of: (*_rank(inventory, of.digest), of.model, of.artefact.name))


def _rank(inventory: Inventory, digest: str) -> tuple[int, bool]:
    """Return in which order models are shown: by their command, and those trained on uniform selections first."""
    training = training_of(inventory, digest)
    if training is None:
        return len(ORDER), False
    selections = selections_of(inventory, training.speech)
    strategies = {selection.manifest["settings"].get("strategy") for selection in selections}
    return ORDER.index(training.verb) if training.verb in ORDER else len(ORDER), bool(strategies - {"uniform"})


def _compared(adapted: list[Evaluated], missing: list[Missing]) -> list[Evaluated]:
    """Return the models that answered the same tasks, of the tasks that most models answered.

    Each model counts once, by the artefact that has most models.
    """
    if not adapted:
        fix = "Run `saladkit eval` on a checkpoint, with the text LLM as --teacher, into a folder below the run."
        missing.append(Missing("there are no results of a speech-adapted model on both speech and text", fix))
        return []
    models = Counter(of.artefact.name for of in adapted)
    by_tasks: dict[frozenset, dict[str, Evaluated]] = {}
    for of in adapted:
        group = by_tasks.setdefault(of.tasks, {})
        if of.digest not in group or models[of.artefact.name] > models[group[of.digest].artefact.name]:
            group[of.digest] = of
    most = max(map(len, by_tasks.values()))
    largest = [list(group.values()) for group in by_tasks.values() if len(group) == most]
    chosen = min(largest, key=lambda group: group[0].artefact.name)
    others = sorted({of.artefact.name for of in adapted} - {of.artefact.name for of in chosen})
    if len(by_tasks) > 1:
        problem = f"results on other questions are not compared: {', '.join(others)}"
        missing.append(Missing(problem, "Name what to compare with --result NAME=FOLDER."))
    return chosen


def _named(compared: list[Evaluated]) -> dict[str, Evaluated]:
    """Return the models by names for the report: those in their results, or if these are not unique, their places."""
    names = [of.model.replace("-", "_") for of in compared]
    plain = [name if names.count(name) == 1 else of.place for name, of in zip(names, compared, strict=True)]
    return {f"{name} model" if name in RESERVED else name: of for name, of in zip(plain, compared, strict=True)}


def _teacher(of_llm: list[Evaluated], compared: list[Evaluated], missing: list[Missing]) -> str | None:
    """Return the place of the text LLM's results on the tasks compared, best in an artefact that is compared."""
    if not compared:
        return None
    beside = [of.artefact.name for of in compared]
    fit = [of for of in of_llm if of.tasks & compared[0].tasks]
    if not fit:
        fix = "Evaluate the text LLM on the same tasks: `saladkit eval LLM TASKS --modality text`, or --teacher LLM."
        missing.append(Missing("there are no results of the text LLM on the same questions, hence no gap", fix))
        return None
    return max(fit, key=lambda of: (beside.count(of.artefact.name), len(of.tasks & compared[0].tasks))).place


def _speech(inventory: Inventory, compared: list[Evaluated], missing: list[Missing]) -> str | None:
    """Return the natural speech: the one data set with domains of Stage I, or else of what `eval --heard` names."""
    stage1 = [found for found in inventory.of_schema(CHECKPOINT) if found.manifest["verb"] == "distill"]
    digests = {digest for found in stage1 for digest in found.reads_all("data")}
    digests = digests or {digest for of in compared for digest in of.artefact.reads_all("heard")}
    spoken = {found.digest: found for found in inventory.of_schema(SAMPLES) if found.digest in digests}
    known = sorted(found.name for found in spoken.values() if _has_domains(found))
    if len(known) == 1:
        return known[0]
    problem = "which subjects are heard in training is not known: no natural speech below the run names a domain"
    if known:
        problem = f"which subjects are heard in training is not decided: Stage I was trained on {', '.join(known)}"
    missing.append(Missing(problem, "Name natural speech whose rows have a `domain` with --speech."))
    return None


def _has_domains(found: Found) -> bool:
    try:
        return bool(heard_domains(found.path))
    except SaladError:
        return False


def _held_out(of: Evaluated, missing: list[Missing]) -> str | None:
    """Return the one task whose speakers are all unheard in training, beside tasks where they are not."""
    unheard = {name: _is_held_out(of, name) for name in of.files("speech")}
    tasks = {file_name(role.removeprefix("task ")): role.removeprefix("task ") for role, _ in of.tasks}
    found = [tasks[name] for file, held in unheard.items() if held and (name := _task_of(file)) in tasks]
    if not found or len(found) == len(unheard):
        return None
    if len(found) > 1:
        problem = f"several tasks are spoken by voices that were not heard in training: {', '.join(sorted(found))}"
        missing.append(Missing(problem, "Name one with --held-out; the others then count among all questions."))
        return None
    return found[0]


def _task_of(file: str) -> str:
    return file.rpartition("/")[2].removeprefix("predictions-").removesuffix("_speech.parquet")


def _is_held_out(of: Evaluated, file: str) -> bool:
    held = read_table(of.artefact.path / file, HELD_OUT).column("held_out")
    return len(held) > 0 and all(held.to_pylist())
