"""The summary that `eval` prints: accuracies by subject and voice, the gap and its parts, and numbers of items."""

import numpy as np

from saladkit.formats.harness import METRICS
from saladkit.formats.results import WRITTEN, groups_of, is_unparsed
from saladkit.scoring.conditions import Condition
from saladkit.scoring.few_shot import FewShot
from saladkit.scoring.guessing import best_guess, chance
from saladkit.scoring.statistics import holm, p_value_text
from saladkit.scoring.templates import TEMPLATES

SHOWN = (
    *("task", "metric", "figure", "first", "second", "value", "low", "high", "items", "items_first", "items_second"),
    "mcnemar_p",
)

TESTED = ("acc_norm", WRITTEN)  # metrics whose comparisons are shown

Predictions = dict[str, dict[Condition, list[dict]]]  # task -> condition -> predictions


def summarize(
    predictions: Predictions, figures: list[dict], left_out: list[dict], few_shot: dict[str, FewShot]
) -> dict:
    """Return accuracies of every model and task, comparisons, guesses, examples, and the number left out.

    Comparisons of `acc_norm` and of written answers are over all items. Beside each p-value, `mcnemar_p`, is `holm_p`,
    corrected for all tests of the table.

    Args:
        few_shot: the few-shot examples of each task.
    """
    results: dict[str, dict] = {}
    for task, of_task in predictions.items():
        for condition, rows in of_task.items():
            found = _accuracies(rows) | _groups(rows) | _cut(rows)
            found |= _shots(rows) if few_shot[task].places else {}
            results.setdefault(condition.model, {})[f"{task}_{condition.modality_name}"] = found
    shown = _corrected([{key: row[key] for key in SHOWN} for row in figures if _is_shown(row)])
    compared = [row | {key: round(row[key], 4) for key in ("value", "low", "high")} for row in shown]
    room = {task: {name: round(mean, 2) for name, mean in of.room.items()} for task, of in few_shot.items() if of.room}
    examples = {"room_for_examples": room} if room else {}
    guessing = {task: _guesses(of_task) for task, of_task in predictions.items()}
    return {"results": results, "guessing": guessing, "compared": compared, "left_out": len(left_out)} | examples


def _guesses(of_task: dict[Condition, list[dict]]) -> dict[str, float | None]:
    """Return the accuracy of a random choice, and of the commonest answer of each subject."""
    asked = list({row["id"]: row for rows in of_task.values() for row in rows}.values())
    found = {"chance": chance(asked), "best_guess": best_guess(asked)} if asked else {}
    return {name: None if share is None else round(share, 4) for name, share in found.items()}


def _corrected(shown: list[dict]) -> list[dict]:
    """Add `holm_p` to each comparison; gap and recovery of one pair of conditions are one test."""
    tests = {_test(row): row["mcnemar_p"] for row in shown}
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    return [row | {"holm_p": corrected[_test(row)]} for row in shown]


def _test(row: dict) -> tuple[str, str, str, str]:
    return row["task"], row["metric"], row["first"], row["second"]


def _is_shown(figure: dict) -> bool:
    return figure["group_kind"] == "all" and figure["metric"] in TESTED and figure["second"] is not None


def _accuracies(rows: list[dict]) -> dict:
    scored = [row for row in rows if row["acc"] is not None]
    metrics = (*METRICS, WRITTEN) if scored and all(row[WRITTEN] is not None for row in scored) else METRICS
    means = {metric: round(float(np.mean([row[metric] for row in scored])), 4) for metric in metrics if scored}
    generated = {}
    if any(row["response"] is not None for row in rows):
        generated = {
            "unparsed": sum(map(is_unparsed, scored)),
            "drawn": sum(bool(row["drawn"]) for row in scored),
            "open": len(rows) - len(scored),
        }
    return (
        means | {"items": len(rows)} | {name: count for name, count in generated.items() if count or name == "unparsed"}
    )


def _groups(rows: list[dict]) -> dict:
    """Return means by subject, by voice with their spread, by the columns of `--by`, and of held-out voices."""
    found: dict = {}
    for name, column in (("subjects", "domain"), ("voices", "speaker")):
        means = _means(rows, [row[column] for row in rows])
        if len(means) > 1:
            found[name] = means
    groups = [groups_of(row) for row in rows]
    columns = dict.fromkeys(name for of_row in groups for name in of_row)
    by = {column: _means(rows, [of_row.get(column) for of_row in groups]) for column in columns}
    found |= {"by": by} if by else {}
    if "voices" in found:
        found["spread"] = round(max(found["voices"].values()) - min(found["voices"].values()), 4)
    held_out = [row for row in rows if row["held_out"]]
    if held_out:
        mean = _means(held_out, ["" for _ in held_out]).get("")
        found["held_out"] = {"items": len(held_out), "acc_norm": mean}
    return found


def _means(rows: list[dict], names: list[str | None]) -> dict[str, float]:
    """Return the mean `acc_norm` of each group; `names` are the groups of the rows."""
    groups: dict[str, list[bool]] = {}
    for row, name in zip(rows, names, strict=True):
        if name is not None and row["acc_norm"] is not None:
            groups.setdefault(name, []).append(row["acc_norm"])
    return {name: round(float(np.mean(right)), 4) for name, right in sorted(groups.items())}


def _shots(rows: list[dict]) -> dict:
    shots = [row["shots"] for row in rows]
    return {"examples": {"mean": round(float(np.mean(shots)), 2), "least": min(shots)}} if shots else {}


def _cut(rows: list[dict]) -> dict:
    cut = sum(row["words_dropped"] > 0 for row in rows)
    return {"truncated": cut} if cut else {}


def result_lines(summary: dict) -> list[str]:
    """Return the summary as lines to read: one for each condition and comparison, in per cent and points."""
    lines = [f"{task} is {title}" for task, title in summary["titles"].items()]
    for task, found in summary["templates"].items():
        if "judge" in found:
            scores = ", ".join(f"{name} {100 * found[name]:.1f} %" for name in TEMPLATES)
            lines.append(
                f"{task}: template {found['template']} ({scores} of {found['items']}, read by {found['judge']})"
            )
    for task, found in summary["guessing"].items():
        if found.get("chance") is not None:
            lines.append(
                f"{task}: a random choice scores {100 * found['chance']:.1f} %, the commonest answer of each subject"
                f" {100 * found['best_guess']:.1f} %"
            )
    for task, room in summary.get("room_for_examples", {}).items():
        found = ", ".join(f"{mean:.1f} ({name})" for name, mean in room.items())
        lines.append(f"{task}: every condition gets the same examples; room for {found}")
    for model, tasks in summary["results"].items():
        for task, found in tasks.items():
            lines += [_accuracy_line(model, task, found), *_group_lines(found)]
    lines += [_comparison_line(row) for row in summary["compared"]]
    lines += _pairing_notes(summary["compared"])
    if summary["left_out"]:
        lines.append(f"{summary['left_out']} rows were left out; the manifest lists them")
    return lines


def _accuracy_line(model: str, task: str, found: dict) -> str:
    about = [f"{found['items']} items"]
    about += [f"{found[name]} {name}" for name in ("unparsed", "drawn", "open", "truncated") if name in found]
    if "examples" in found:
        about.append(f"{found['examples']['mean']:.1f} examples, at least {found['examples']['least']}")
    if found.get("held_out", {}).get("acc_norm") is not None:
        about.append(f"held-out voices {100 * found['held_out']['acc_norm']:.1f} % of {found['held_out']['items']}")
    if "spread" in found:
        about.append(f"voices {100 * found['spread']:.1f} points apart")
    scores = "no score"
    if "acc" in found:
        scores = f"acc_norm {100 * found['acc_norm']:5.1f} %  acc {100 * found['acc']:5.1f} %"
    if WRITTEN in found:
        scores += f"  writes it {100 * found[WRITTEN]:5.1f} %"
    return f"{model:<20} {task:<32} {scores}  ({', '.join(about)})"


def _group_lines(found: dict) -> list[str]:
    return [
        f"{'':<20} by {column}: {', '.join(f'{name} {100 * mean:.1f} %' for name, mean in means.items())}"
        for column, means in found.get("by", {}).items()
    ]


def _comparison_line(row: dict) -> str:
    is_ratio = row["figure"] == "recovery"
    pair = f"{row['second']} / {row['first']}" if is_ratio else f"{row['first']} - {row['second']}"
    value, low, high = (100 * row[key] for key in ("value", "low", "high"))
    items = f"{row['items']} items of {row['items_first']} and {row['items_second']}"
    task = f"{row['task']}, written" if row["metric"] == WRITTEN else row["task"]
    return (
        f"{row['figure']:<20} {task}: {pair}  {value:+.1f} {'%' if is_ratio else 'points'}"
        f" ({low:+.1f} to {high:+.1f}; {items}, {p_value_text(row['holm_p'])} by Holm's correction)"
    )


def _pairing_notes(compared: list[dict]) -> list[str]:
    """Say of which tasks some items were not answered under every condition."""
    most: dict[str, tuple[int, int]] = {}
    for row in compared:
        own = max(row["items_first"], row["items_second"], most.get(row["task"], (0, 0))[1])
        most[row["task"]] = (row["items"], own)
    return [
        f"note: {task}: differences are over the {items} items that every condition answered, of up to {own}"
        for task, (items, own) in most.items()
        if items < own
    ]
