"""`summary.json`: the numbers of a run, for other programs."""

from saladkit.reporting.compared_run import ComparedRun
from saladkit.reporting.contrasts import Contrast, Difference
from saladkit.reporting.discovery import Missing
from saladkit.reporting.findings import Answers, Findings, GapSplit, ModelFindings
from saladkit.reporting.gap_summary import behind_figures
from saladkit.reporting.groups import ALL, DOMAIN, Group
from saladkit.reporting.inventory import Unusable
from saladkit.reporting.region_gaps import RegionGaps
from saladkit.reporting.seeds import SeedsFindings, SeedsTable
from saladkit.reporting.side_by_side import SideBySide
from saladkit.reporting.strategy_comparison import StrategyFindings
from saladkit.scoring.seeds import OverSeeds, seeds_note
from saladkit.scoring.statistics import Estimate


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)


def _known(estimate: Estimate | None, name: str, digits: int = 4) -> dict | None:
    return None if estimate is None else _estimate(estimate, name, digits)


def _estimate(estimate: Estimate, name: str, digits: int = 4) -> dict:
    figures = {name: estimate.value, "low": estimate.low, "high": estimate.high}
    return {key: round(value, digits) for key, value in figures.items()} | {"items": estimate.items}


def _over_seeds(found: OverSeeds, name: str) -> dict:
    t_interval = {"t_low": _rounded(found.t_low, 4), "t_high": _rounded(found.t_high, 4)}
    return _estimate(found, name) | t_interval | {"by_seed": [round(value, 4) for value in found.by_seed]}


def _nested(of_groups: dict[Group, dict]) -> dict[str, dict[str, dict]]:
    """Return figures by split and name; single subjects are left out, which have a part of their own."""
    found: dict[str, dict[str, dict]] = {}
    for group, figures in of_groups.items():
        if group.split != DOMAIN:
            found.setdefault(group.split, {})[group.name] = figures
    return found


def _gap(gap: GapSplit | None) -> dict | None:
    if gap is None:
        return None
    parts = {"forgetting": gap.forgetting, "misalignment": gap.misalignment}
    return {
        **_estimate(gap.total, "points"),
        **{name: _estimate(part, "points") for name, part in parts.items()},
    }


def _answers(answers: Answers) -> dict:
    """Return the figures of every group by one measure."""
    return _nested(
        {
            group: {
                "speech_accuracy": _estimate(answers.speech[group], "accuracy"),
                "text_accuracy": _estimate(answers.text[group], "accuracy"),
                "gap": _gap(gap),
            }
            for group, gap in answers.gap.items()
        }
    )


def _model(model: ModelFindings) -> dict:
    measured = model.measured
    return {
        "speech_accuracy": _estimate(model.speech, "accuracy") | {"answered": model.answered_speech},
        "heard_subjects": _known(model.heard, "accuracy"),
        "unheard_subjects": _known(model.unheard, "accuracy"),
        "held_out_voice": _known(model.held_out, "accuracy"),
        "text_accuracy": _estimate(model.text, "accuracy") | {"answered": model.answered_text},
        "misalignment": _known(measured.misalignment if measured else None, "mean", 6),
        "forgetting": _known(measured.forgetting if measured else None, "mean", 6),
        "behind_speech": [behind_figures(row) for row in measured.behind] if measured else [],
        "spans": measured.spans if measured else None,
        "gap": _gap(model.gap),
        "gap_unheard_subjects": _gap(model.gap_unheard),
        "recovery": None if model.recovery is None else round(model.recovery, 4),
        "added_seconds_of_speech": model.added_seconds,
        "groups": {measure: _answers(answers) for measure, answers in model.answers.items()},
    }


def _difference(difference: Difference) -> dict:
    return _estimate(difference.points, "points") | {"holm_p": _rounded(difference.p)}


def _contrast(contrast: Contrast) -> dict:
    groups = {
        measure: _nested({group: _difference(found) for group, found in of_groups.items()})
        for measure, of_groups in contrast.by.items()
    }
    about = {"first": contrast.first, "second": contrast.second, "group": contrast.main.title}
    return _difference(contrast.by["chosen"][contrast.main]) | about | {"groups": groups}


def _regions(regions: RegionGaps) -> dict:
    figures = {"reliability": regions.reliability, "icc": regions.icc}
    rounded = {name: value if value is None else round(value, 4) for name, value in figures.items()}
    return {"metric": regions.metric.column, "spans": regions.spans} | rounded


def _choice(choice: StrategyFindings) -> dict:
    gains = {"unheard_minus_control": choice.unheard_gain, "heard_minus_control": choice.heard_gain}
    return {
        "unheard_subjects": _over_seeds(choice.unheard, "accuracy"),
        "heard_subjects": _over_seeds(choice.heard, "accuracy"),
        **{name: None if gain is None else _over_seeds(gain, "points") for name, gain in gains.items()},
    }


def _seeds_table(table: SeedsTable) -> dict:
    return {
        "text_accuracy": _over_seeds(table.text, "accuracy"),
        "speech_accuracy": {name: _over_seeds(found, "accuracy") for name, found in table.speech.items()},
        "gap": {name: _over_seeds(found, "points") for name, found in table.gaps.items()},
        "contrasts": {
            key: _over_seeds(found, "points") | {"holm_p": _rounded(table.p[key])}
            for key, found in table.contrasts.items()
        },
    }


def _subjects(findings: Findings) -> dict:
    return {
        subject.name: {
            "heard": subject.heard,
            "items": subject.items,
            "text_accuracy": round(findings.teacher.by_subject[subject.name].value, 4),
            **{model.name: round(model.by_subject[subject.name].value, 4) for model in findings.models},
        }
        for subject in findings.subjects
    }


def summary_of_artefacts(compared: ComparedRun, beside: SideBySide | None) -> dict:
    """Return the cost of every step, what the page cannot show, and the figures of runs beside the first."""
    steps = compared.inventory.steps()
    missing: list[Missing | Unusable] = [*compared.missing, *compared.inventory.unusable]
    runs = dict(zip(beside.names, beside.runs, strict=True)) if beside else {}
    return {
        "seconds": {step.name: step.seconds for step in steps},
        "total_seconds": round(sum(step.seconds for step in steps), 2),
        "peak_memory_bytes": max((step.peak_memory_bytes for step in steps), default=0),
        "peak_memory_bytes_by_step": {step.name: step.peak_memory_bytes for step in steps},
        "missing": [{"problem": of.problem, "fix": of.fix} for of in missing],
        **({"runs": {name: _run(run) for name, run in runs.items()}} if runs else {}),
    }


def _run(run: ComparedRun) -> dict:
    """Return the figures of every model of one run of several."""
    if run.findings is None:
        return {"missing": [{"problem": of.problem, "fix": of.fix} for of in run.missing]}
    of_text = {"text_accuracy": _estimate(run.findings.teacher.all, "accuracy")}
    return of_text | {model.name: _model(model) for model in run.findings.models}


def _guessing(findings: Findings) -> dict:
    return {"chance": _rounded(findings.chance, 4), "best_guess": _rounded(findings.guesses[ALL], 4)}


def summary_of(findings: Findings, choices: list[StrategyFindings], seeds: SeedsFindings | None) -> dict:
    """Return accuracies as fractions, differences in points and gaps in nats per text token, with 95 % intervals.

    Over seeds, `low` and `high` are of the hierarchical bootstrap, `t_low` and `t_high` of the t interval.
    """
    teacher = findings.teacher
    of_text = {
        measure: _nested({group: _estimate(found, "accuracy") for group, found in groups.items()})
        for measure, groups in teacher.text.items()
    }
    tables = {
        measure: _nested({group: _seeds_table(table) for group, table in of_groups.items()})
        for measure, of_groups in (seeds.tables if seeds else {}).items()
    }
    count = seeds.seeds if seeds else 1
    return {
        "tasks": findings.tasks,
        "held_out_task": findings.held_out,
        **_guessing(findings),
        "examples": {"mean": round(findings.examples[0], 4), "least": findings.examples[1]},
        "text_accuracy": _estimate(teacher.all, "accuracy") | {"answered": teacher.answered},
        "text_groups": of_text,
        **{model.name: _model(model) for model in findings.models},
        **{key: _contrast(contrast) for key, contrast in findings.contrasts.items()},
        "subjects": _subjects(findings),
        **({"regions": _regions(findings.regions)} if findings.regions else {}),
        **({"choices": {choice.name: _choice(choice) for choice in choices}} if choices else {}),
        "seeds": count,
        "seeds_note": seeds_note(count),
        **({"over_seeds": tables} if seeds else {}),
    }
