"""The losses by training step, Stage I and Stage II apart, on logarithmic axes."""

import math
from dataclasses import dataclass

from saladkit.reporting.charts.canvas import SMALL, WIDE, Align, Box, Canvas, LegendEntry
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.findings import Findings

STAGES = {"distill": "Stage I", "align": "Stage II"}
LOSSES = {"distillation": "solid", "lexical": "dashed"}  # as the training log names them
HEADING, PANEL, AXIS, TICKS = 30, 190, 26, 38  # px
WINDOW = 15  # the moving mean is over about this fraction of the steps: one in 15


@dataclass(frozen=True)
class Curve:
    """One loss of one model: (step, nats) in the order of steps; nats are above zero."""

    label: str
    colour: str
    loss: str
    points: list[tuple[float, float]]


def loss_curves(findings: Findings) -> dict[str, list[Curve]]:
    """Return the curves of every stage that a training log was found of."""
    colours = series_colours(model.name for model in findings.models)
    stages: dict[str, list[Curve]] = {}
    for verb, stage in STAGES.items():
        for model in findings.models:
            log = model.training.metrics if model.training and model.training.verb == verb else []
            for loss in LOSSES:
                logged = [(entry["step"], entry[loss]) for entry in log if entry.get(loss, 0) > 0]
                if logged:
                    stages.setdefault(stage, []).append(Curve(model.label, colours[model.name], loss, logged))
    return stages


def draw_training(stages: dict[str, list[Curve]], width: int) -> Canvas:
    """Draw the stages beside each other on a wide page, and below each other on a narrow one."""
    canvas = Canvas(_title(stages), width)
    page, bottoms = Box(0, 0, width), [0.0]
    columns = page.columns(len(stages)) if width >= WIDE else [page] * len(stages)
    for (stage, curves), column in zip(stages.items(), columns, strict=True):
        start = 0.0 if width >= WIDE else bottoms[-1]
        canvas.heading(column.left, start + HEADING / 2, stage)
        top = canvas.legend(column.below(start + HEADING), _legend(curves))
        box = Box(column.left + TICKS, top + 10, column.width - TICKS, PANEL)
        _draw_curves(canvas, box, curves)
        bottoms.append(box.top + PANEL + AXIS)
    return canvas.finish(max(bottoms))


def _draw_curves(canvas: Canvas, box: Box, curves: list[Curve]) -> None:
    """Draw every curve twice: its raw values faint, its moving mean strong."""
    values = [nats for curve in curves for _, nats in curve.points]
    ticks = log_ticks(min(values), max(values))
    last = max(step for curve in curves for step, _ in curve.points)
    axes = canvas.panel(box, (0, last))
    axes.set_yscale("log")
    axes.set_ylim(ticks[0], ticks[-1])
    for tick in ticks:
        axes.hlines(tick, 0, last, color=LIGHT["line"], linewidth=1, zorder=0)
        height = PANEL * math.log(tick / ticks[0]) / math.log(ticks[-1] / ticks[0])
        canvas.text(box.left - 8, box.top + PANEL - height, f"{tick:g}", size=SMALL, colour="soft", align="right")
    for curve in curves:
        steps, nats = zip(*curve.points, strict=True)
        axes.plot(steps, nats, color=LIGHT[curve.colour], linewidth=1, alpha=0.3)
        style = {"linestyle": (0, (4, 3)), "linewidth": 1.6} if LOSSES[curve.loss] == "dashed" else {"linewidth": 2.2}
        canvas.tooltip(axes.plot(steps, smoothed(list(nats)), color=LIGHT[curve.colour], **style)[0], _end(curve))
    ends: tuple[tuple[float, Align], ...] = ((0, "left"), (0.5, "center"), (1, "right"))
    for share, align in ends:
        number = f"{last * share:,.0f}{' steps' if share == 1 else ''}"
        canvas.text(box.left + share * box.width, box.top + PANEL + 12, number, size=SMALL, colour="soft", align=align)


def log_ticks(low: float, high: float) -> list[float]:
    """Return ticks that enclose `low` and `high`: powers of ten and, below three decades, 2 and 5 times them."""
    from matplotlib.ticker import LogLocator

    locator = LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,), numticks=100)
    ticks = [float(tick) for tick in locator.tick_values(low / 10, high * 10)]
    first = max(index for index, tick in enumerate(ticks) if tick <= low)
    last = min(index for index, tick in enumerate(ticks) if tick >= high)
    return ticks[first : max(last, first + 1) + 1]


def smoothed(values: list[float]) -> list[float]:
    """Return the centred moving mean of `values`, over fewer of them at both ends."""
    reach = len(values) // (2 * WINDOW)
    near = [values[max(0, index - reach) : index + reach + 1] for index in range(len(values))]
    return [sum(window) / len(window) for window in near]


def _legend(curves: list[Curve]) -> list[LegendEntry]:
    colours = {curve.label: curve.colour for curve in curves}
    entries = [LegendEntry(label, colour) for label, colour in colours.items()]
    return entries + [LegendEntry("lexical loss", "soft", "dashed")] * any(curve.loss == "lexical" for curve in curves)


def _end(curve: Curve) -> str:
    step, nats = curve.points[-1]
    return f"{curve.label}, {curve.loss} loss: {nats:.3g} at step {step:,}"


def _title(stages: dict[str, list[Curve]]) -> str:
    ends = "; ".join(_end(curve) for curves in stages.values() for curve in curves)
    return f"Training losses by step. {ends}"
