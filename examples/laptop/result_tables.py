"""Print the tables of docs/results.md for a finished run of recipes/laptop.sh, as Markdown.

python examples/laptop/result_tables.py runs/laptop

Accuracies are in % of questions, by likelihood divided by length. Differences are in points, with 95 % intervals by a
bootstrap over the questions, which are the same on both sides.
"""

import argparse
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import SUMMARY
from saladkit.formats.files import read_json
from saladkit.formats.results import CASCADE, ORIGINAL, PREDICTIONS, groups_of, read_rows
from saladkit.scoring.statistics import bootstrap_mean

ARMS = ("none", "uniform", "coverage", "active")  # in this order, before any others
DIFFERENCES = [
    ("active", "uniform"),
    ("active", "coverage"),
    ("active", "none"),
    ("uniform", "none"),
    ("none", "Stage I"),
    ("cascade", "active"),
]
Right = dict[str, bool]  # id -> whether the answer is right
Columns = dict[str, Right]
Groups = dict[str, list[str]]  # name -> ids of its questions


def models_of(run: Path) -> dict[str, str]:
    """Return the names of the tables for the folders of the run's models."""
    made = {path.name.removeprefix("stage2-") for path in (run / "eval").glob("stage2-*")}
    arms = [*(arm for arm in ARMS if arm in made), *sorted(made.difference(ARMS))]
    return {"stage1": "Stage I"} | {f"stage2-{arm}": arm for arm in arms}


def columns_of(evaluation: Path, task: str, models: dict[str, str]) -> tuple[Columns, dict[str, dict]]:
    """Return who answered which question rightly, by the names of the tables, and each question's prediction.

    Raises:
        SaladError: predictions are missing or damaged.
    """
    heard = {name: (model, "speech") for model, name in models.items()}
    read = {f"{name} read": (model, "text") for model, name in models.items()}
    wanted = {"text LLM read": (ORIGINAL, "text"), "cascade": (ORIGINAL, CASCADE)} | heard | read
    found, rows = {}, []
    for name, (model, modality) in wanted.items():
        path = evaluation / model / f"predictions-{task}_{modality}.parquet"
        if path.exists():
            rows = read_rows(path, PREDICTIONS)
            found[name] = {row["id"]: bool(row["acc_norm"]) for row in rows}
    if not rows:
        raise SaladError(f"{evaluation} has no predictions of the task {task}", "Give a finished run.")
    return found, {row["id"]: row for row in rows}


def groups(rows: dict[str, dict]) -> Groups:
    """Return the questions of all groups: everything, cells, where facts are told, then domains."""
    found = {"all questions": list(rows)}
    for column in ("cell", "told", "domain"):
        values = {id_: groups_of(row).get(column) or row.get(column) for id_, row in rows.items()}
        for value in sorted({value for value in values.values() if value}):
            name = f"told: {value}" if column == "told" else value
            found[name] = [id_ for id_, own in values.items() if own == value]
    return found


def accuracies(columns: Columns, wanted: list[str], of_groups: Groups) -> list[str]:
    """Return a table of accuracies: a line for each group, a column for each name in `wanted`."""
    lines = _head(["", "questions", *wanted])
    for name, ids in of_groups.items():
        cells = [f"{100 * np.mean([columns[column][id_] for id_ in ids]):.1f}" for column in wanted]
        lines.append(_line([name, str(len(ids)), *cells]))
    return lines


def differences(columns: Columns, of_groups: Groups) -> list[str]:
    """Return a table of paired differences of heard answers: a column for each group."""
    others = [name for name in columns if name.startswith("gamma-") and not name.endswith(" read")]
    lines = _head(["points", *of_groups])
    for first, second in [*DIFFERENCES, *((name, "uniform") for name in others)]:
        if {first, second} <= columns.keys():
            lines.append(_line([f"{first} minus {second}", *_paired(columns[first], columns[second], of_groups)]))
    return lines


def _paired(first: Right, second: Right, of_groups: Groups) -> list[str]:
    found = [bootstrap_mean(np.array([first[i] - second[i] for i in ids])) for ids in of_groups.values()]
    return [f"{100 * one.value:+.1f} ({100 * one.low:.1f} to {100 * one.high:.1f})" for one in found]


def gaps(run: Path) -> list[str]:
    """Return a table of misalignment and forgetting in nats per token, on probes and people, and perplexities."""
    perplexity = read_json(run / "perplexity.json")
    head = [
        "",
        "M, probes",
        "teacher KL, probes",
        "forgetting, probes",
        "teacher KL, people",
        "perplexity of sentences",
    ]
    lines = _head(head)
    lines.append(_line(["text LLM", "", "", "", "", f"{perplexity['text-lm']['perplexity']:.2f}"]))
    for model, name in models_of(run).items():
        arm = model.removeprefix("stage2-")
        probes, people = (read_json(run / f"gap{of}-{arm}" / SUMMARY) for of in ("", "-people"))
        cells = [_nats(probes[metric]) for metric in ("misalignment", "teacher_kl", "forgetting")]
        lines.append(_line([name, *cells, _nats(people["teacher_kl"]), f"{perplexity[model]['perplexity']:.2f}"]))
    return lines


def _nats(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _head(names: list[str]) -> list[str]:
    return [_line(names), "|" + "---|" * len(names)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(run: Path) -> list[str]:
    """Return all tables of a run, with their headings.

    Raises:
        SaladError: a part of the run is missing or damaged.
    """
    models = models_of(run)
    columns, rows = columns_of(run / "eval", "questions", models)
    of_groups = groups(rows)
    heard = ["text LLM read", CASCADE, *models.values()]
    lines = ["### Answers", *accuracies(columns, heard, of_groups)]
    read = ["text LLM read", *(f"{name} read" for name in models.values())]
    first = {name: of_groups[name] for name in of_groups if name in ("all questions", "near", "far")}
    lines += ["", "### Read", *accuracies(columns, read, first)]
    lines += ["", "### Differences", *differences(columns, first)]
    for evaluation, task, title in (("eval", "heldout", "Held-out voice"), ("eval-people", "people", "People")):
        columns, rows = columns_of(run / evaluation, task, models)
        everything = {"all questions": list(rows)}
        lines += ["", f"### {title}", *accuracies(columns, heard, everything), ""]
        lines += differences(columns, everything)
    return [*lines, "", "### Gap", *gaps(run)]


def main() -> None:
    """Print the tables of the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run of recipes/laptop.sh")
    options = parser.parse_args()
    try:
        print("\n".join(tables(options.run)))
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")


if __name__ == "__main__":
    main()
