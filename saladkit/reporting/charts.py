"""The charts of the page, each as markup."""

from saladkit.reporting.bars import Axis as BarAxis
from saladkit.reporting.bars import Bar, axis_row, bar_row, legend, round_axis
from saladkit.reporting.findings import Findings, ModelFindings, Subject
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.lines import Line, line_chart
from saladkit.reporting.markup import Markup, join, table, tag
from saladkit.reporting.number_text import duration, memory, percent, points, signed
from saladkit.reporting.provenance import added_speech, selections_of
from saladkit.scoring.statistics import Estimate

PERCENT = BarAxis(0, 100, [0, 25, 50, 75, 100], "%")
STYLES = 6  # series colours in the stylesheet
SHOWN_REGIONS = 32
LOSS_PARTS = {"distillation": "", "lexical": "dashed"}  # as the training log names them -> how they are drawn


def style_of(findings: Findings, name: str) -> str:
    """The CSS class of a result's colour."""
    return f"s{[model.name for model in findings.models].index(name) % STYLES}"


def row(label: Markup | str, *cells: Markup | str | None, class_: str = "") -> Markup:
    """One line of a chart: its label, then its cells."""
    return tag(
        "div", tag("div", label, class_="label"), *(tag("div", cell) for cell in cells), class_=f"row {class_}".strip()
    )


def _accuracy_bar(model: ModelFindings, estimate: Estimate, style: str) -> list[Bar]:
    title = f"{model.label}: {percent(estimate.value)} ({percent(estimate.low)} to {percent(estimate.high)})"
    return [Bar(100 * estimate.value, style, title, 100 * estimate.low, 100 * estimate.high)]


def subject_chart(findings: Findings) -> Markup:
    """Accuracy by subject: a bar per model that hears, a line where the text model stands that reads."""
    blocks = []
    for heard in (False, True):
        subjects = [subject for subject in findings.subjects if subject.heard == heard]
        if not subjects:
            continue
        rows = [_all_subjects_row(findings, heard)] if len(subjects) > 1 else []
        rows += [_subject_row(findings, subject) for subject in subjects]
        title = "Heard subjects" if heard else "Unheard subjects"
        about = "spoken of in the natural speech" if heard else "never spoken of in the natural speech"
        blocks.append(tag("h3", title, " ", tag("small", about)))
        blocks.append(tag("div", *rows, row("", axis_row(PERCENT)), class_="chart"))
    entries = [(style_of(findings, model.name), f"{model.label}, hearing") for model in findings.models]
    entries += [("ceiling-swatch", "text model, reading"), ("chance-swatch", f"a guess, {percent(findings.chance, 0)}")]
    return join([legend(entries), *blocks, _subject_numbers(findings)])


def _subject_row(findings: Findings, subject: Subject) -> Markup:
    tracks = [
        _accuracy_bar(model, model.by_subject[subject.name], style_of(findings, model.name))
        for model in findings.models
    ]
    ceiling = 100 * findings.teacher.by_subject[subject.name].value
    label = tag("span", subject.name, " ", tag("small", f"n = {subject.items}"))
    return row(label, bar_row(tracks, PERCENT, marker=ceiling, dashed=100 * findings.chance))


def _all_subjects_row(findings: Findings, heard: bool) -> Markup:
    groups = [model.heard if heard else model.unheard for model in findings.models]
    tracks = [
        _accuracy_bar(model, group, style_of(findings, model.name))
        for model, group in zip(findings.models, groups, strict=True)
    ]
    ceiling = findings.teacher.heard if heard else findings.teacher.unheard
    label = tag("span", "all of them ", tag("small", f"n = {groups[0].items}"))
    return row(label, bar_row(tracks, PERCENT, marker=100 * ceiling.value, dashed=100 * findings.chance), class_="all")


def _subject_numbers(findings: Findings) -> Markup:
    rows = [
        [
            subject.name,
            "yes" if subject.heard else "no",
            str(subject.items),
            percent(findings.teacher.by_subject[subject.name].value),
            *(percent(model.by_subject[subject.name].value) for model in findings.models),
        ]
        for subject in sorted(findings.subjects, key=lambda subject: subject.heard)
    ]
    heads = ["Subject", "Heard", "n", "Text model, reading", *(model.label for model in findings.models)]
    return numbers(table(heads, rows))


def numbers(content: Markup) -> Markup:
    """The figures of a chart, folded away."""
    return tag("details", tag("summary", "The numbers"), content)


def gap_chart(findings: Findings) -> Markup:
    """The gap of every model in its two parts, over all questions and over the unheard subjects."""
    groups = [("All questions", [(model, model.gap) for model in findings.models])]
    if all(model.gap_unheard for model in findings.models):
        groups.append(("Unheard subjects", [(model, model.gap_unheard) for model in findings.models]))
    splits = [gap for _, group in groups for _, gap in group]
    sums = [[part.value for part in (gap.forgetting, gap.misalignment)] for gap in splits]
    low = min(0.0, *(sum(value for value in parts if value < 0) for parts in sums))
    high = max(1.0, *(sum(value for value in parts if value > 0) for parts in sums))
    axis = round_axis(low, high)
    blocks = []
    for title, group in groups:
        rows = []
        for model, gap in group:
            ends, bars = {False: 0.0, True: 0.0}, []
            for part, style, what in (
                (gap.forgetting, "forgetting", "forgetting"),
                (gap.misalignment, "misalignment", "misalignment"),
            ):
                start = ends[part.value > 0]
                ends[part.value > 0] = start + part.value
                bars.append(Bar(start + part.value, style, f"{model.label}, {what}: {points(part)}", start=start))
            rows.append(
                row(
                    model.label, bar_row([bars], axis, thickness=13), f"{signed(gap.total.value)}", class_="with-number"
                )
            )
        count = tag("small", f"n = {group[0][1].total.items}")
        blocks += [
            tag("h3", title, " ", count),
            tag("div", *rows, row("", axis_row(axis), "", class_="with-number"), class_="chart"),
        ]
    entries = [
        ("forgetting", "forgetting: what reading lost in the adaptation"),
        ("misalignment", "misalignment: what hearing loses against reading"),
    ]
    cells = []
    for title, group in groups:
        for model, gap in group:
            parts = (gap.total, gap.forgetting, gap.misalignment)
            cells.append([f"{model.label}, {title.lower()}", *(points(part) for part in parts)])
    return join([legend(entries), *blocks, numbers(table(["", "Gap", "Forgetting", "Misalignment"], cells))])


def loss_charts(findings: Findings) -> Markup | None:
    """The parts of the training loss, Stage I and Stage II apart; None if no training log was found."""
    panels = []
    for verb, title in (("distill", "Stage I"), ("align", "Stage II")):
        lines = []
        for model in findings.models:
            if model.training is None or model.training.verb != verb:
                continue
            for part, look in LOSS_PARTS.items():
                curve = [(entry["step"], entry[part]) for entry in model.training.metrics if entry.get(part, 0) > 0]
                if curve:
                    lines.append(Line(curve, style_of(findings, model.name), model.label, look))
        if lines:
            ends = ", ".join(f"{line.title} {line.look or 'solid'} {line.points[-1][1]:.3g}" for line in lines)
            entries = [(line.style, line.title) for line in lines if not line.look]
            entries += [("dashed-swatch", "lexical loss")] * any(line.look for line in lines)
            chart = line_chart(lines, f"The losses by step, and where they end: {ends}", "steps")
            panels.append(tag("div", tag("h3", title), legend(entries), chart))
    return tag("div", *panels, class_="panels") if panels else None


def _selection_styles(findings: Findings, inventory: Inventory) -> dict[str, tuple[str, str]]:
    """Selection -> (CSS class, who was trained on it)."""
    styles, base = {}, findings.models[0].training
    for model in findings.models:
        for selection in selections_of(inventory, added_speech(model.training, base)):
            styles.setdefault(selection.name, (style_of(findings, model.name), f" ({model.label})"))
    return styles


def region_chart(findings: Findings, inventory: Inventory) -> Markup | None:
    """The gap by region beside the texts that every selection took there; None without a gap by region."""
    view = findings.regions
    if view is None:
        return None
    known = _selection_styles(findings, inventory)
    order = list(known)  # as the models stand; others after them
    trained_on = [found.name for found in view.selections if found.name in known]
    selections = sorted(
        trained_on or [found.name for found in view.selections], key=lambda name: (order + [name]).index(name)
    )
    styles = {name: known.get(name, (f"s{(i + 3) % STYLES}", "")) for i, name in enumerate(selections)}
    shown = view.rows[:SHOWN_REGIONS]
    gap_axis = round_axis(0, max(row.high for row in shown))
    taken_axis = round_axis(0, max([1, *(count for row in shown for count in row.chosen.values())]))
    rows = []
    for region in shown:
        words = ", ".join(region.keywords[:4])
        shares = None
        if region.pool_share is not None and region.speech_share is not None:
            shares = f"{percent(region.pool_share)} of the pool, {percent(region.speech_share)} of natural speech"
        label = tag("span", words, *([tag("br"), tag("small", shares)] if shares else []))
        interval = f"{region.low:.3f} to {region.high:.3f}"
        title = f"region {region.region}: {region.gap:.3f} nats ({interval}), {region.probes} probes"
        gap_bar = bar_row([[Bar(region.gap, "region", title, region.low, region.high)]], gap_axis, thickness=13)
        tracks = [
            [Bar(region.chosen[name], styles[name][0], f"{name}: {region.chosen[name]} texts")] for name in selections
        ]
        rows.append(row(label, gap_bar, bar_row(tracks, taken_axis) if tracks else "", class_="regions"))
    heads = row(
        "", tag("b", "KL, nats per token"), tag("b", "texts chosen") if selections else "", class_="regions heads"
    )
    axes = row("", axis_row(gap_axis), axis_row(taken_axis) if selections else "", class_="regions")
    entries = [("region", "KL, nats per text token, with 95 % interval")]
    entries += [(styles[name][0], f"texts in {name}{styles[name][1]}") for name in selections]
    cells = [
        [
            ", ".join(region.keywords[:4]),
            f"{region.gap:.3f}",
            f"{region.low:.3f} to {region.high:.3f}",
            str(region.probes),
        ]
        + [str(region.chosen[name]) for name in selections]
        for region in view.rows
    ]
    details = numbers(table(["Region", "KL", "95 % interval", "Probes", *selections], cells))
    left_out = None
    if len(view.rows) > len(shown):
        left_out = tag("p", f"The {len(shown)} regions with the largest gap of {len(view.rows)}.", class_="note")
    return join([legend(entries), tag("div", heads, *rows, axes, class_="chart"), left_out, details])


def step_chart(findings: Findings) -> Markup:
    """Seconds and peak memory of every step, in the order in which they ended."""
    axis = BarAxis(0, max(1.0, *(step.seconds for step in findings.steps)), [0])
    rows = []
    for step in findings.steps:
        bar = bar_row([[Bar(step.seconds, "step", f"{step.name}: {step.seconds:g} s")]], axis)
        label = tag("span", step.name, " ", tag("small", step.command + (", resumed" if step.resumed else "")))
        cost = tag("span", duration(step.seconds), " ", tag("small", memory(step.peak_memory_bytes)))
        rows.append(row(label, bar, cost, class_="with-number wide-number"))
    return tag("div", *rows, class_="chart")
