"""`fit-scaling`: fit how misalignment falls with training, and how scores follow from it."""

from pathlib import Path
from typing import Any

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.artefact import Artefact
from saladkit.formats.files import write_json
from saladkit.formats.results import SCHEMA as RESULTS
from saladkit.formats.results import VERSION as RESULTS_VERSION
from saladkit.formats.results import read_predictions
from saladkit.formats.scaling import SCHEMA, VERSION, Measured, read_log
from saladkit.job import Job, Made, Work, numbered
from saladkit.progress import say
from saladkit.scoring.scaling_law import EXPONENTS, power_law_intervals, relate, residual_intervals
from saladkit.scoring.statistics import Estimate
from saladkit.settings.fit_scaling import FitScalingSettings

RELATIONS = {"speech_score": "log_misalignment", "text_score": "forgetting"}


def fit_scaling(logs: list[str], output: str | Path, settings: FitScalingSettings) -> dict:
    """Fit M = E + B * D^-beta over checkpoints, and fit the speech score to log M and the text score to F.

    Args:
        logs: gap tables, one per checkpoint, on the same items; or `.jsonl` logs (`formats/scaling.py`).

    Returns:
        The summary: the law with confidence intervals, and the relations of the scores where they can be fitted.

    Raises:
        SaladError: logs cannot be read, there are fewer than three different amounts of training, or gap tables have
            different items.
    """
    measured = [point for log in logs for point in read_log(log)]
    scores = _scores(settings.results)
    points = [point.figures | _scores_of(point, scores) | {"name": point.name} for point in measured]
    amounts = len({point["positions"] for point in points})
    if amounts < 3:
        raise SaladError(
            f"{len(points)} checkpoints with {amounts} different amounts of training",
            "Give checkpoints with at least three amounts: floor, scale and exponent cannot be fitted to fewer.",
        )

    spans = _spans(measured)

    def make(work: Work) -> Made:
        law = _law(measured, settings.seed)
        found = {"law": law, "spans": spans} | {score: _relation(score, points) for score in RELATIONS}
        with work.writing("scaling.json") as aside:
            write_json(aside, found | {"points": points})
        if spans is None:
            say("note: the logs do not tell with which spans M was measured: compare it with no other M")
        formula = f"M = {law['floor']['value']:.3g} + {law['scale']['value']:.3g} * D^-{law['exponent']['value']:.3g}"
        formula += f" ({spans})" if spans else ""
        say(formula if law["exponent_found"] else f"{formula}: M does not fall as a power of D here")
        return Made(counts={"checkpoints": len(points)}, figures=found | {"checkpoints": len(points)})

    inputs = numbered("log", logs) | numbered("results", settings.results)
    plan = {"checkpoints": len(points)}
    return Job("fit-scaling", SCHEMA, VERSION, settings, inputs).run(output, plan=plan, make=make)


def _spans(measured: list[Measured]) -> str | None:
    """Return the spans with which M of all checkpoints was measured; None if a checkpoint's are unknown.

    Raises:
        SaladError: M of two checkpoints was measured with different spans.
    """
    by_spans = {point.spans: point.name for point in measured}
    known = [spans for spans in by_spans if spans is not None]
    if len(known) > 1:
        first, second = known[:2]
        raise SaladError(
            f"M depends on the spans: {by_spans[first]} was measured with {first}, {by_spans[second]} with {second}",
            "Run `saladkit gap` with the same --text-words, --speech-words and --context for every checkpoint.",
        )
    return None if None in by_spans else known[0]


def _scores_of(point: Measured, scores: dict[str, dict[str, float]]) -> dict[str, float]:
    return {} if point.digest is None else scores.get(point.digest, {})


def _relation(score: str, points: list[dict]) -> dict:
    """Return the fit of a score to log M or F, over the checkpoints whose score and M or F are known."""
    over = RELATIONS[score]
    known = [
        point for point in points if point[score] is not None and (score != "text_score" or point[over] is not None)
    ]
    x = [np.log(point["misalignment"]) if over == "log_misalignment" else point[over] for point in known]
    try:
        return {"over": over} | vars(relate(np.array(x), np.array([point[score] for point in known])))
    except ValueError as error:
        return {"over": over, "not_fitted": str(error), "checkpoints": len(known)}


def _law(measured: list[Measured], seed: int) -> dict:
    positions = np.array([point.figures["positions"] for point in measured], dtype=np.float64)
    items = [point.items for point in measured if point.items is not None]
    if len(items) < len(measured):
        law = residual_intervals(positions, np.array([point.figures["misalignment"] for point in measured]), seed=seed)
        return _described(law, "checkpoints' residuals")
    if len({point.measured_by for point in measured}) > 1:
        raise SaladError(
            "the gap tables were not measured in the same way: samples, teacher or options differ",
            "Run `saladkit gap` with the same samples, teacher and options for every checkpoint.",
        )
    ids = [sorted(item["id"] for item in of_point) for of_point in items]
    if any(of_point != ids[0] for of_point in ids):
        raise SaladError(
            "the gap tables have different items", "Run `saladkit gap` on the same samples for every checkpoint."
        )
    by_id = [{item["id"]: item for item in of_point} for of_point in items]
    values, tokens = (
        np.array([[of_point[id_][name] for id_ in ids[0]] for of_point in by_id], dtype=np.float64)
        for name in ("misalignment", "tokens")
    )
    return _described(power_law_intervals(positions, values, tokens, seed=seed), "items")


def _described(law: dict[str, Estimate], over: str) -> dict:
    """Return floor, scale and exponent with confidence intervals, and whether an exponent was found.

    It was not if the scale is 0, or if the fit is at an end of the range of exponents that are tried.
    """
    found: dict[str, Any] = {
        name: {"value": e.value, "low": _known(e.low), "high": _known(e.high), "items": e.items}
        for name, e in law.items()
    }
    exponent = law["exponent"].value
    found["resampled"] = over
    found["exponent_found"] = bool(law["scale"].value > 0 and EXPONENTS[0] < exponent < EXPONENTS[-1])
    return found


def _known(bound: float) -> float | None:
    return None if np.isnan(bound) else bound


def _scores(results: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return `speech_score` and `text_score`, as far as they were measured, by the digest of the model."""
    found: dict[str, dict[str, float]] = {}
    for folder in results:
        inputs = Artefact.open(folder, RESULTS, RESULTS_VERSION).manifest["inputs"]
        rows = read_predictions(folder)
        for role, entry in inputs.items():
            if role.startswith("model "):
                for modality in ("speech", "text"):
                    asked = [row for row in rows if (row["model"], row["modality"]) == (role[6:], modality)]
                    own = [row["acc_norm"] for row in asked if row["acc_norm"] is not None]
                    if own:
                        found.setdefault(entry["digest"], {})[f"{modality}_score"] = float(np.mean(own))
    return found
