"""The results as a table for the terminal, at most 100 columns wide."""

from textwrap import wrap

from saladkit.reporting.findings import Findings
from saladkit.scoring.statistics import Estimate

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


def terminal_table(findings: Findings) -> list[str]:
    """Return lines: accuracies in % of each model with 95 % intervals, then the differences on unheard subjects."""
    lines = [
        f"% of {findings.teacher.all.items} questions answered correctly, with 95 % intervals",
        *(line for sentence in answered_lines(findings) for line in wrap(sentence, WIDTH)),
        _row("", list(HEADS)),
        _row("Text LLM", ["-", "-", "-", "-", _percent(findings.teacher.all)]),
    ]
    for model in findings.models:
        parts = (model.speech, model.heard, model.unheard, model.held_out, model.text)
        lines.append(_row(model.label, [_percent(part) for part in parts]))
    for key, contrast in findings.contrasts.items():
        points = contrast.points
        if points:
            figures = (
                f"{points.value:+.1f} points ({points.low:+.1f} to {points.high:+.1f}), {points.items} items, paired"
            )
            lines.append(f"{key.replace('_', ' ')}, unheard subjects: {figures}")
    return lines


def answered_lines(findings: Findings) -> list[str]:
    """Say over which questions models are compared, how many each has answered, and how many examples came before."""
    own = [("text LLM", findings.teacher.answered)]
    for model in findings.models:
        own += [(f"{model.label} as text", model.answered_text), (f"{model.label} spoken", model.answered_speech)]
    compared, (mean, least) = len(findings.items), findings.examples
    lines = [f"Compared: the {compared} questions that every model answered, after equally many examples"]
    if all(count == compared for _, count in own):
        lines.append(f"Answered: {compared} under each condition")
    else:
        lines.append(f"Answered: {', '.join(f'{name} {count}' for name, count in own)}")
    return lines + ([f"Examples before a question: {mean:.1f} on average, at least {least}"] if mean else [])
