"""Seconds and peak memory of every step, in the order in which the steps ended."""

from saladkit.reporting.charts.bars import LABEL_MARGIN, Bar, Row, draw_rows, label_width, round_scale
from saladkit.reporting.charts.canvas import WIDE, Box, Canvas
from saladkit.reporting.inventory import Step
from saladkit.reporting.number_format import duration, memory

MAX_LABEL, MAX_NARROW_LABEL, NUMBER = 250, 140, 150  # px


def draw_cost(steps: list[Step], width: int) -> Canvas:
    """Draw a bar for the seconds of each step, with the seconds and the memory as numbers beside it."""
    wide = width >= WIDE
    rows = [
        Row(
            step.name,
            step.command + (", resumed" if step.resumed else "") if wide else "",
            [[Bar(step.seconds, "slate", f"{step.name}: {step.seconds:g} s")]],
            number=f"{duration(step.seconds)}, {memory(step.peak_memory_bytes)}",
        )
        for step in steps
    ]
    scale = round_scale(0, max(step.seconds for step in steps), "s")
    canvas = Canvas("Seconds and peak memory of every step", width)
    labels = min(MAX_LABEL if wide else MAX_NARROW_LABEL, LABEL_MARGIN + max(map(label_width, rows)))
    box = Box(0, 0, width)
    return canvas.finish(draw_rows(canvas, box, rows, scale, label_width=labels, number_width=NUMBER))
