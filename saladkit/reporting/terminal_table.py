"""The results as a table for the terminal, at most 100 columns wide."""

from textwrap import wrap

from saladkit.reporting.contrasts import Contrast
from saladkit.reporting.findings import Answers, Findings
from saladkit.reporting.groups import ALL, HEARD, UNHEARD
from saladkit.reporting.seeds import SeedsFindings
from saladkit.scoring.seeds import OverSeeds, seeds_note
from saladkit.scoring.statistics import Estimate, p_value_text

HEADS = ("spoken", "heard subj.", "unheard subj.", "held-out voice", "as text")
LABEL_WIDTH, CELL_WIDTH = 20, 16
WIDTH = 100


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{100 * estimate.value:.1f} ({100 * estimate.low:.0f}-{100 * estimate.high:.0f})"


def _row(label: str, cells: list[str]) -> str:
    label = label if len(label) < LABEL_WIDTH else label[: LABEL_WIDTH - 2] + "…"
    return (label.ljust(LABEL_WIDTH) + "".join(cell.rjust(CELL_WIDTH) for cell in cells)).rstrip()


def terminal_table(findings: Findings, seeds: SeedsFindings | None) -> list[str]:
    """Return lines: accuracies in % of each model with 95 % intervals, written answers, differences, then seeds."""
    lines = [
        f"% of {findings.teacher.all.items} questions answered correctly, with 95 % intervals",
        *(line for sentence in [*answered_lines(findings), *guess_lines(findings)] for line in wrap(sentence, WIDTH)),
        _row("", list(HEADS)),
        *_accuracies(findings, "chosen"),
    ]
    if "written" in findings.measures:
        lines += ["% of answers written that begin with the right option", *_accuracies(findings, "written")]
    for key, contrast in findings.contrasts.items():
        lines += [line for measure in findings.measures for line in _wrapped(_difference(key, contrast, measure))]
    if seeds is not None:
        lines += _over_seeds(findings, seeds)
    return lines + wrap(seeds_note(seeds.seeds if seeds else 1), WIDTH)


def _accuracies(findings: Findings, measure: str) -> list[str]:
    lines = [_row("Text LLM", ["-", "-", "-", "-", _percent(findings.teacher.text[measure][ALL])])]
    for model in findings.models:
        answers: Answers = model.answers[measure]
        spoken = [answers.speech.get(group) for group in (ALL, HEARD, UNHEARD)]
        held_out = model.held_out if measure == "chosen" else None
        lines.append(_row(model.label, [_percent(part) for part in (*spoken, held_out, answers.text[ALL])]))
    return lines


def _difference(key: str, contrast: Contrast, measure: str) -> str:
    found = contrast.by[measure][contrast.main]
    points = found.points
    about = f"{key.replace('_', ' ')}{', written' if measure == 'written' else ''}, {contrast.main.title.lower()}"
    test = "" if found.p is None else f", Holm's {p_value_text(found.p)}"
    interval = f"({points.low:+.1f} to {points.high:+.1f}; {points.items} items{test})"
    return f"{about}: {points.value:+.1f} points {interval}"


def _over_seeds(findings: Findings, seeds: SeedsFindings) -> list[str]:
    lines = [f"over {seeds.seeds} seeds: mean (hierarchical bootstrap; t interval)"]
    group = findings.main
    for measure in findings.measures:
        table = seeds.tables[measure][group]
        about = f"{group.title.lower()}{', written' if measure == 'written' else ''}"
        for name, found in table.speech.items():
            lines += _wrapped(f"{findings.model(name).label}, {about}: {_with_intervals(found, 100, '%')}")
        for key, found in table.contrasts.items():
            lines += _wrapped(f"{key.replace('_', ' ')}, {about}: {_with_intervals(found, 1, 'points')}")
    return lines


def _wrapped(line: str) -> list[str]:
    return wrap(line, WIDTH, subsequent_indent="    ")


def _with_intervals(found: OverSeeds, scale: float, unit: str) -> str:
    value, low, high = (scale * figure for figure in (found.value, found.low, found.high))
    by_t = "none"
    if found.t_low is not None and found.t_high is not None:
        by_t = f"{scale * found.t_low:.1f} to {scale * found.t_high:.1f}"
    return f"{value:.1f} {unit} ({low:.1f} to {high:.1f}; {by_t})"


def guess_lines(findings: Findings) -> list[str]:
    """Say what a random choice scores, and what the commonest answer of each subject does."""
    guess = findings.guesses[ALL]
    if findings.chance is None or guess is None:
        return []
    by_chance, by_commonest = f"{100 * findings.chance:.0f} %", f"{100 * guess:.1f} %"
    return [f"A random choice scores {by_chance}, the commonest answer of each subject {by_commonest}"]


def answered_lines(findings: Findings) -> list[str]:
    """Say over which questions models are compared, how many each has answered, and how many examples came before."""
    own = [("text LLM", findings.teacher.answered)]
    for model in findings.models:
        own += [(f"{model.label} as text", model.answered_text), (f"{model.label} spoken", model.answered_speech)]
    compared, (mean, least) = len(findings.items.keys), findings.examples
    lines = [f"Compared: the {compared} questions that every model answered, after equally many examples"]
    if all(count == compared for _, count in own):
        lines.append(f"Answered: {compared} under each condition")
    else:
        lines.append(f"Answered: {', '.join(f'{name} {count}' for name, count in own)}")
    return lines + ([f"Examples before a question: {mean:.1f} on average, at least {least}"] if mean else [])
