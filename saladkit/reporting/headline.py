"""The main result of a run in sentences, made from its numbers."""

from saladkit.reporting.artefact_table import ArtefactRow
from saladkit.reporting.findings import Findings, ModelFindings
from saladkit.reporting.groups import ALL, UNHEARD, Group
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.number_format import SPACE, duration, percent, points, signed
from saladkit.reporting.seeds import SeedsFindings
from saladkit.scoring.seeds import OverSeeds


def headline(findings: Findings) -> str:
    """Return the main result: accuracy of the first model, of the best model, and of the control if there is one."""
    first, best = findings.models[0], featured(findings)[-1]
    contrast = findings.contrasts.get(findings.main_contrast or "")
    control = findings.model(contrast.second) if contrast else None
    where, accuracy = _where(findings.main), {model.name: _accuracy(model, findings.main) for model in findings.models}
    if best is first:
        return _sentence(f"{where}{first.label} answers {accuracy[first.name]} of the spoken questions correctly")
    change = f"{accuracy[first.name]} ({_named(first)}) to {accuracy[best.name]} ({_named(best)})"
    sentence = _sentence(f"{where}accuracy on spoken questions went from {change}")
    if control is None or control is first:
        return sentence
    return f"{sentence} {_named(control)} reached {accuracy[control.name]}{_budget(best, control)}."


def featured(findings: Findings) -> list[ModelFindings]:
    """Return the models that the headline compares: the first one, and that of the main contrast, or else the last."""
    contrast = findings.contrasts.get(findings.main_contrast or "")
    best = findings.model(contrast.first) if contrast else findings.models[-1]
    return [findings.models[0]] if best is findings.models[0] else [findings.models[0], best]


def headline_without(artefacts: list[ArtefactRow], inventory: Inventory) -> str:
    """Return what there is of a run that compares nothing yet."""
    unusable = len(inventory.unusable)
    there = f"{len(artefacts)} artefact{'' if len(artefacts) == 1 else 's'} complete"
    others = f", {unusable} not finished or not readable" if unusable else ""
    return f"No comparison of text and speech yet: {there}{others}."


def _where(main: Group) -> str:
    if main == ALL:
        return ""
    if main == UNHEARD:
        return "On subjects without natural speech, "
    return f"As the mean over the groups of {main.column}, "


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _named(model: ModelFindings) -> str:
    return model.label.replace(" ", SPACE)


def _accuracy(model: ModelFindings, main: Group) -> str:
    return percent(model.chosen.speech[main].value)


def _budget(best: ModelFindings, control: ModelFindings) -> str:
    """Say how much selected speech the control was trained on: as much as the best model, within 5 %, or how much."""
    if not best.added_seconds or not control.added_seconds:
        return ""
    if abs(best.added_seconds / control.added_seconds - 1) <= 0.05:
        return " with the same speech budget"
    return f" with {duration(control.added_seconds)} of selected speech"


def lead(findings: Findings, seeds: SeedsFindings | None) -> list[str]:
    """Return the paragraphs below the headline: the text LLM's accuracy, and how certain the main difference is.

    Args:
        seeds: the figures over several seeds, if there are any; the headline is about the first run.
    """
    of_text = findings.teacher.text["chosen"][findings.main]
    paragraphs = [f"The text LLM answers {percent(of_text.value)} of the same questions correctly."]
    key = findings.main_contrast or next(reversed(findings.contrasts), None)
    contrast = findings.contrasts.get(key or "")
    if contrast:
        certain = contrast.points.low > 0 or contrast.points.high < 0
        doubt = "" if certain else " The interval contains zero: this run cannot tell the two apart."
        models = " minus ".join(findings.model(name).label for name in (contrast.first, contrast.second))
        items = f"{contrast.points.items} paired questions"
        paragraphs.append(f"{models}: {points(contrast.points)} on {items}.{doubt}")
        if seeds:
            paragraphs.append(_over_seeds(seeds.tables["chosen"][contrast.main].contrasts[key or ""], seeds.seeds))
    return paragraphs


def _over_seeds(found: OverSeeds, seeds: int) -> str:
    by_t = "no t interval"
    if found.t_low is not None and found.t_high is not None:
        by_t = f"t interval {signed(found.t_low)} to {signed(found.t_high)}"
    intervals = f"bootstrap {signed(found.low)} to {signed(found.high)}; {by_t}"
    return (
        f"These figures are of one seed. The difference over {seeds} seeds: {signed(found.value)} points ({intervals})."
    )
