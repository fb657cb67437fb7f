"""The losses by training step, Stage I and Stage II apart, on logarithmic axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saladkit.formats.checkpoint import STAGES
from saladkit.reporting.charts.figures import AXIS, TITLE, WIDE, add_tooltip, finish, groups_of_rows, new_figure
from saladkit.reporting.charts.palette import LIGHT, series_colours
from saladkit.reporting.provenance import TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Name in the training log -> style of the line.
LOSSES: dict[str, Any] = {"distillation": "-", "lexical": (0, (4, 3)), "phoneme": (0, (1, 2))}
PANEL = 210  # px
WINDOW = 15  # the moving mean is over about this fraction of the steps: one in 15


@dataclass(frozen=True)
class Curve:
    """One loss of one model: (step, nats) in the order of steps; nats are above zero."""

    label: str
    colour: str
    loss: str
    points: list[tuple[float, float]]

    @property
    def end(self) -> str:
        """The last value, as a sentence."""
        step, nats = self.points[-1]
        return f"{self.label}, {self.loss} loss: {nats:.3g} at step {step:,}"


def loss_curves(logs: list[TrainingLog]) -> dict[str, list[Curve]]:
    """Return the curves of every stage that has a training log."""
    colours = series_colours(log.label for log in logs)
    stages: dict[str, list[Curve]] = {}
    for verb, stage in STAGES.items():
        for log in logs:
            for loss in LOSSES if log.verb == verb else ():
                logged = [(entry["step"], entry[loss]) for entry in log.metrics if entry.get(loss, 0) > 0]
                if logged:
                    stages.setdefault(stage, []).append(Curve(log.label, colours[log.label], loss, logged))
    return stages


def draw_training(stages: dict[str, list[Curve]], width: int) -> Figure:
    """Draw every curve twice: its raw values faint, its moving mean strong."""
    ends = "; ".join(curve.end for curves in stages.values() for curve in curves)
    figure = new_figure(f"Training losses by step. {ends}")
    axes = groups_of_rows(figure, width, [1] * len(stages))
    for panel, (stage, curves) in zip(axes, stages.items(), strict=True):
        panel.set_title(stage)
        named = {curve.label for curve in curves if curve.loss == "distillation"}
        for curve in curves:
            _draw_curve(panel, curve, _label(curve, named))
        _rule(panel)
    height = TITLE + PANEL + AXIS
    return finish(figure, width, height if width >= WIDE else height * len(stages))


def _label(curve: Curve, named: set[str]) -> str:
    """Return a curve's name in the legend; the colour of a model in `named` is named by its distillation loss."""
    if curve.loss == "distillation":
        return curve.label
    return f"{curve.loss} loss" if curve.label in named else f"{curve.label}, {curve.loss} loss"


def _draw_curve(axes: Axes, curve: Curve, label: str) -> None:
    steps, nats = zip(*curve.points, strict=True)
    axes.plot(steps, nats, color=LIGHT[curve.colour], linewidth=1, alpha=0.3)
    (line,) = axes.plot(steps, smoothed(list(nats)), color=LIGHT[curve.colour], linewidth=2, label=label)
    line.set_linestyle(LOSSES[curve.loss])
    add_tooltip(line, curve.end)


def rule_logarithmic(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers at round values."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="y", labelsize=11, labelcolor=LIGHT["soft"])


def _rule(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    rule_logarithmic(axes)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("steps", color=LIGHT["soft"], fontsize=11, loc="right")
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="x")


def smoothed(values: list[float]) -> list[float]:
    """Return the centred moving mean of `values`, over fewer of them at both ends."""
    reach = len(values) // (2 * WINDOW)
    near = [values[max(0, index - reach) : index + reach + 1] for index in range(len(values))]
    return [sum(window) / len(window) for window in near]
