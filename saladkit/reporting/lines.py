"""Line charts as SVG that take any width; the axis may be logarithmic."""

import math
from dataclasses import dataclass

from saladkit.reporting.markup import Markup, tag

HEIGHT, TOP, BOTTOM = 220, 18, 22  # px
MAX_POINTS = 400


@dataclass(frozen=True)
class Line:
    """Points in the order of x; y is above zero."""

    points: list[tuple[float, float]]
    style: str  # CSS class of its colour
    title: str
    look: str = ""  # CSS class of its stroke


def smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Centred moving mean over about a fifteenth of the points."""
    reach = len(points) // 30
    means = []
    for i, (x, _) in enumerate(points):
        near = points[max(0, i - reach) : i + reach + 1]
        means.append((x, sum(y for _, y in near) / len(near)))
    return means


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from below `low` to above `high`; powers alone over three decades and more."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    factors = (1, 2, 5) if high / low < 1000 else (1,)
    steps = sorted(factor * 10.0**decade for decade in decades for factor in factors)
    first = max(i for i, step in enumerate(steps) if step <= low)
    last = min(i for i, step in enumerate(steps) if step >= high)
    return steps[first : max(last, first + 1) + 1]


def line_chart(lines: list[Line], label: str, x_unit: str) -> Markup:
    """A chart with a logarithmic y axis: raw lines faint, moving means strong."""
    values = [y for line in lines for _, y in line.points]
    ticks = log_ticks(min(values), max(values))
    last_x = max(x for line in lines for x, _ in line.points)
    span = math.log(ticks[-1] / ticks[0])

    def place(x: float, y: float) -> str:
        return f"{1000 * x / last_x:.1f},{1000 * (1 - math.log(y / ticks[0]) / span):.1f}"

    paths = []
    for points, style in [(line.points, f"raw {line.style}") for line in lines] + [
        (smoothed(line.points), f"{line.style} {line.look}".strip()) for line in lines
    ]:
        thinned = points[:: max(1, math.ceil(len(points) / MAX_POINTS))]
        paths.append(tag("polyline", class_=f"curve {style}", points=" ".join(place(x, y) for x, y in thinned)))
    room = HEIGHT - TOP - BOTTOM
    rules = []
    for tick in ticks:
        y = TOP + room * (1 - math.log(tick / ticks[0]) / span)
        rules.append(tag("line", class_="grid", x1="0", x2="100%", y1=y, y2=y))
        rules.append(tag("text", f"{tick:g}", class_="tick", x=0, y=y - 4))
    numbers = []
    for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end")):
        text = f"{last_x * share:,.0f}{f' {x_unit}' if share == 1 else ''}"
        numbers.append(tag("text", text, class_="tick", x=f"{100 * share:g}%", y=HEIGHT - 4, text_anchor=anchor))
    inner = {"x": 0, "y": TOP, "width": "100%", "height": room, "viewBox": "0 0 1000 1000", "overflow": "visible"}
    plot = tag("svg", *paths, preserveAspectRatio="none", **inner)
    return tag("svg", *rules, plot, *numbers, width="100%", height=HEIGHT, role="img", aria_label=label)
