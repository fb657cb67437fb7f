"""The chart by subject as a PNG, for a README; matplotlib draws it."""

from pathlib import Path

from saladkit.reporting.findings import Findings

COLOURS = ("#9aa1ab", "#e69f00", "#0072b2", "#009e73", "#cc79a7", "#d55e00")  # as in the page's stylesheet
INK, SOFT, LINE = "#1d2127", "#5c6470", "#e3e1dc"


def draw_subjects(findings: Findings, path: Path) -> None:
    """Write the picture to `path`, whatever it is called.

    Raises:
        ImportError: matplotlib is not installed (the extra `report`).
    """
    from matplotlib.figure import Figure

    groups = [[s for s in findings.subjects if s.heard == heard] for heard in (False, True)]
    places, at = [], 0.0
    for group in groups:
        places.append([at + i for i in range(len(group))])
        at += len(group) + (0.8 if group else 0)
    entries, width = [], 0.78 / len(findings.models)
    figure = Figure(figsize=(max(7.0, 0.85 * at + 1.2), 4.4), dpi=160, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    subjects = [subject for group in groups for subject in group]
    xs = [x for group in places for x in group]
    for index, model in enumerate(findings.models):
        left = [x - 0.39 + width * (index + 0.5) for x in xs]
        heights = [100 * model.by_subject[s.name].value for s in subjects]
        label = f"{model.label}, hearing"
        bars = axes.bar(left, heights, width * 0.9, color=COLOURS[index % len(COLOURS)], label=label, zorder=2)
        entries.append(bars)
    ceilings = [100 * findings.teacher.by_subject[s.name].value for s in subjects]
    starts, ends = [x - 0.44 for x in xs], [x + 0.44 for x in xs]
    entries.append(axes.hlines(ceilings, starts, ends, color=INK, linewidth=2.2, label="Text model, reading", zorder=3))
    entries.append(
        axes.axhline(100 * findings.chance, color=SOFT, linewidth=1.2, linestyle=(0, (1, 2)), label="A guess", zorder=1)
    )
    counts = sorted({s.items for s in subjects})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    axes.set_ylabel("questions answered rightly, %", color=SOFT)
    axes.set_xticks(xs, [s.name for s in subjects], rotation=30, ha="right", color=INK)
    axes.set_ylim(0, 101)
    axes.set_xlim(-0.7, xs[-1] + 0.7)
    axes.set_yticks([0, 25, 50, 75, 100])
    for group, title in zip(places, ("unheard subjects", "heard subjects"), strict=True):
        if group:
            middle = (group[0] + group[-1]) / 2
            axes.text(middle, 103, title, ha="center", color=INK, fontsize=10, fontweight="bold")
    axes.set_xlabel(f"{n} questions a subject", color=SOFT, fontsize=8.5)
    axes.grid(axis="y", color=LINE, zorder=0)
    axes.tick_params(length=0, colors=SOFT)
    for side in axes.spines.values():
        side.set_visible(False)
    figure.legend(
        handles=entries,
        loc="outside upper center",
        ncols=len(findings.models) + 2,
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
    )
    figure.savefig(path, format="png")
