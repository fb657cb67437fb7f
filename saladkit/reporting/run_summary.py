"""`summary.json`: the numbers of a run, for other programs."""

from saladkit.reporting.findings import Findings, GapSplit, ModelFindings
from saladkit.reporting.gap_summary import behind_figures
from saladkit.reporting.region_gaps import RegionGaps
from saladkit.reporting.strategy_comparison import StrategyFindings
from saladkit.scoring.statistics import Estimate

# Keys of the summary, which cannot be names of results.
RESERVED = frozenset(
    {"command", "output", "text_accuracy", "subjects", "seconds", "total_seconds", "peak_memory_bytes"}
    | {"peak_memory_bytes_by_step", "chance", "tasks", "held_out_task", "choices", "examples", "regions"}
)


def _known(estimate: Estimate | None, name: str, digits: int = 4) -> dict | None:
    return None if estimate is None else _estimate(estimate, name, digits)


def _estimate(estimate: Estimate, name: str, digits: int = 4) -> dict:
    figures = {name: estimate.value, "low": estimate.low, "high": estimate.high}
    return {key: round(value, digits) for key, value in figures.items()} | {"items": estimate.items}


def _gap(gap: GapSplit | None) -> dict | None:
    if gap is None:
        return None
    parts = {"forgetting": gap.forgetting, "misalignment": gap.misalignment}
    return {
        **_estimate(gap.total, "points"),
        **{name: _estimate(part, "points") for name, part in parts.items()},
    }


def _model(model: ModelFindings) -> dict:
    measured = model.measured
    return {
        "speech_accuracy": _estimate(model.speech, "accuracy") | {"answered": model.answered_speech},
        "heard_subjects": _known(model.heard, "accuracy"),
        "unheard_subjects": _known(model.unheard, "accuracy"),
        "held_out_voice": _estimate(model.held_out, "accuracy"),
        "text_accuracy": _estimate(model.text, "accuracy") | {"answered": model.answered_text},
        "misalignment": _known(measured.misalignment if measured else None, "mean", 6),
        "forgetting": _known(measured.forgetting if measured else None, "mean", 6),
        "behind_speech": [behind_figures(row) for row in measured.behind] if measured else [],
        "spans": measured.spans if measured else None,
        "gap": _gap(model.gap),
        "gap_unheard_subjects": _gap(model.gap_unheard),
        "recovery": None if model.recovery is None else round(model.recovery, 4),
        "added_seconds_of_speech": model.added_seconds,
    }


def _regions(regions: RegionGaps) -> dict:
    figures = {"reliability": regions.reliability, "icc": regions.icc}
    rounded = {name: value if value is None else round(value, 4) for name, value in figures.items()}
    return {"metric": regions.metric.column, "spans": regions.spans} | rounded


def _choice(choice: StrategyFindings) -> dict:
    return {
        "unheard_subjects": _estimate(choice.unheard, "accuracy"),
        "unheard_subjects_by_run": [round(value, 4) for value in choice.unheard_by_run],
        "heard_subjects": _estimate(choice.heard, "accuracy"),
        "unheard_minus_control": _known(choice.unheard_gain, "points"),
        "unheard_minus_control_by_run": [round(value, 2) for value in choice.unheard_gain_by_run or []],
        "heard_minus_control": _known(choice.heard_gain, "points"),
    }


def summary_of(findings: Findings, choices: list[StrategyFindings]) -> dict:
    """Return accuracies as fractions, differences in points and gaps in nats per text token, with 95 % intervals."""
    subjects = {
        subject.name: {
            "heard": subject.heard,
            "items": subject.items,
            "text_accuracy": round(findings.teacher.by_subject[subject.name].value, 4),
            **{model.name: round(model.by_subject[subject.name].value, 4) for model in findings.models},
        }
        for subject in findings.subjects
    }
    return {
        "tasks": findings.tasks,
        "held_out_task": findings.held_out,
        "chance": None if findings.chance is None else round(findings.chance, 4),
        "examples": {"mean": round(findings.examples[0], 4), "least": findings.examples[1]},
        "text_accuracy": _estimate(findings.teacher.all, "accuracy") | {"answered": findings.teacher.answered},
        **{model.name: _model(model) for model in findings.models},
        **{key: _known(contrast.points, "points") for key, contrast in findings.contrasts.items()},
        "subjects": subjects,
        **({"regions": _regions(findings.regions)} if findings.regions else {}),
        **({"choices": {choice.name: _choice(choice) for choice in choices}} if choices else {}),
        "seconds": {step.name: step.seconds for step in findings.steps},
        "total_seconds": round(sum(step.seconds for step in findings.steps), 2),
        "peak_memory_bytes": max((step.peak_memory_bytes for step in findings.steps), default=0),
        "peak_memory_bytes_by_step": {step.name: step.peak_memory_bytes for step in findings.steps},
    }
