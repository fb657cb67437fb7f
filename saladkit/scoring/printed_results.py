"""The summary that `eval` prints: accuracies by subject and voice, the gap and its parts, and numbers of items."""

import numpy as np

from saladkit.formats.results import is_unparsed
from saladkit.scoring.conditions import Condition
from saladkit.scoring.templates import TEMPLATES

SHOWN = ("task", "figure", "first", "second", "value", "low", "high", "items", "mcnemar_p")

Predictions = dict[str, dict[Condition, list[dict]]]  # task -> condition -> predictions


def summarize(predictions: Predictions, figures: list[dict], left_out: list[dict]) -> dict:
    """Return accuracies of every model and task, `acc_norm` comparisons over all items, and the number left out."""
    results: dict[str, dict] = {}
    for task, of_task in predictions.items():
        for condition, rows in of_task.items():
            of_model = results.setdefault(condition.model, {})
            of_model[f"{task}_{condition.modality_name}"] = _accuracies(rows) | _groups(rows) | _cut(rows)
    shown = [{key: row[key] for key in SHOWN} for row in figures if _is_shown(row)]
    compared = [row | {key: round(row[key], 4) for key in ("value", "low", "high")} for row in shown]
    return {"results": results, "compared": compared, "left_out": len(left_out)}


def _is_shown(figure: dict) -> bool:
    return figure["group_kind"] == "all" and figure["metric"] == "acc_norm" and figure["second"] is not None


def _accuracies(rows: list[dict]) -> dict:
    scored = [row for row in rows if row["acc"] is not None]
    means = {
        metric: round(float(np.mean([row[metric] for row in scored])), 4) for metric in ("acc", "acc_norm") if scored
    }
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
    """Return means by subject, means by voice with their spread, and the mean of held-out voices."""
    found: dict = {}
    for name, column in (("subjects", "domain"), ("voices", "speaker")):
        means = _means(rows, column)
        if len(means) > 1:
            found[name] = means
    if "voices" in found:
        found["spread"] = round(max(found["voices"].values()) - min(found["voices"].values()), 4)
    held_out = [row for row in rows if row["held_out"]]
    if held_out:
        found["held_out"] = {**_means(held_out, "held_out"), "items": len(held_out)}
        found["held_out"]["acc_norm"] = found["held_out"].pop("True", None)
    return found


def _means(rows: list[dict], column: str) -> dict[str, float]:
    groups: dict[str, list[bool]] = {}
    for row in rows:
        if row[column] is not None and row["acc_norm"] is not None:
            groups.setdefault(str(row[column]), []).append(row["acc_norm"])
    return {name: round(float(np.mean(right)), 4) for name, right in sorted(groups.items())}


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
    for model, tasks in summary["results"].items():
        for task, found in tasks.items():
            cut = f", {found['truncated']} truncated" if "truncated" in found else ""
            if found.get("held_out", {}).get("acc_norm") is not None:
                cut += f", held-out voices {100 * found['held_out']['acc_norm']:.1f} % of {found['held_out']['items']}"
            spread = f", voices {100 * found['spread']:.1f} points apart" if "spread" in found else ""
            counts = [f", {found[name]} {name}" for name in ("unparsed", "drawn", "open") if name in found]
            scores = "no score"
            if "acc" in found:
                scores = f"acc_norm {100 * found['acc_norm']:5.1f} %  acc {100 * found['acc']:5.1f} %"
            lines.append(f"{model:<20} {task:<32} {scores}  ({found['items']} items{''.join(counts)}{cut}{spread})")
    for row in summary["compared"]:
        unit = "%" if row["figure"] == "recovery" else "points"
        pair = (
            f"{row['second']} / {row['first']}" if row["figure"] == "recovery" else f"{row['first']} - {row['second']}"
        )
        chance = f"p = {row['mcnemar_p']:.2g}" if row["mcnemar_p"] >= 1e-4 else "p < 0.0001"
        value, low, high = (100 * row[key] for key in ("value", "low", "high"))
        lines.append(
            f"{row['figure']:<20} {row['task']}: {pair}  {value:+.1f} {unit} ({low:+.1f} to {high:+.1f};"
            f" {row['items']} items, {chance})"
        )
    if summary["left_out"]:
        lines.append(f"{summary['left_out']} rows were left out; the manifest lists them")
    return lines
