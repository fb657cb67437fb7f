"""The results as a table for the terminal, at most 100 columns wide."""

from saladkit.reporting.findings import Findings
from saladkit.scoring.statistics import Estimate

HEADS = ("spoken", "heard subj.", "unheard subj.", "held-out voice", "as text")
LABEL_WIDTH, CELL_WIDTH = 20, 16


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
