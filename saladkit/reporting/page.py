"""The page: one HTML file that needs nothing else."""

from saladkit import __version__
from saladkit.reporting.charts import gap_chart, loss_charts, region_chart, step_chart, style_of, subject_chart
from saladkit.reporting.compared_strategies import ChoiceFindings
from saladkit.reporting.findings import Contrast, Findings, ModelFindings
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.markup import Markup, join, table, tag
from saladkit.reporting.number_text import duration, memory, percent, percent_interval, points
from saladkit.reporting.outcomes import chosen
from saladkit.reporting.sounds import Heard
from saladkit.reporting.strategy_chart import choice_chart
from saladkit.reporting.stylesheet import STYLESHEET
from saladkit.scoring.statistics import Estimate


def headline(findings: Findings) -> str:
    """The main result as a sentence made from the numbers."""
    first = findings.models[0]
    contrast = findings.contrasts.get(findings.main_contrast or "")
    best = findings.model(contrast.first) if contrast else findings.models[-1]
    control = findings.model(contrast.second) if contrast else None
    unheard = first.unheard is not None
    where = "On subjects it had never heard" if unheard else "On spoken questions"

    def accuracy(model: ModelFindings) -> float:
        return (model.unheard or model.speech).value

    if best is first:
        return f"{where}, the model answers {percent(accuracy(first))} of the questions by ear"
    sentence = (
        f"{where}, the model went from {percent(accuracy(first))} right to {percent(accuracy(best))} with {best.label}"
    )
    if control is None or control is first:
        return sentence
    return f"{sentence}; with {control.label}{_budget(best, control)}, to {percent(accuracy(control))}"


def _budget(best: ModelFindings, control: ModelFindings) -> str:
    """` at the same budget` where both were trained on as much added speech, within 5 %."""
    if not best.added_seconds or not control.added_seconds:
        return ""
    same = abs(best.added_seconds / control.added_seconds - 1) <= 0.05
    return " at the same budget" if same else f" and {duration(control.added_seconds)} of speech"


def _lead(findings: Findings) -> list[Markup]:
    text = findings.teacher
    sentences = [f"The text model, reading the same questions, has {percent((text.unheard or text.all).value)} right."]
    key = findings.main_contrast or next(reversed(findings.contrasts), None)
    if key is not None and findings.contrasts[key].points is not None:
        contrast = findings.contrasts[key]
        clear = contrast.points.low > 0 or contrast.points.high < 0
        doubt = "" if clear else " The interval holds zero: this run cannot tell the two apart."
        sentences.append(f"{_contrast(findings, contrast)}, over {contrast.points.items} paired questions.{doubt}")
    return [tag("p", sentence, class_="lead") for sentence in sentences]


def _contrast(findings: Findings, contrast: Contrast) -> str:
    first, second = findings.model(contrast.first).label, findings.model(contrast.second).label
    return f"{first} minus {second}: {points(contrast.points)}"


def _cell(estimate: Estimate | None) -> Markup:
    if estimate is None:
        return Markup("\u2013")
    return join([percent(estimate.value), tag("small", percent_interval(estimate))])


def _nats(estimate: Estimate | None) -> Markup:
    if estimate is None:
        return Markup("\u2013")
    return join([f"{estimate.value:.3f}", tag("small", f"{estimate.low:.3f} to {estimate.high:.3f}")])


def _results(findings: Findings) -> Markup:
    first = findings.models[0]
    counts = [first.speech, first.heard, first.unheard, first.held_out, first.text]
    names = ["Spoken questions", "Heard subjects", "Unheard subjects", "Held-out voice", "The same, read"]
    heads = [""] + [
        join([name, tag("small", f"n = {count.items}")]) if count else Markup(name)
        for name, count in zip(names, counts, strict=True)
    ]
    rows: list[list] = [[tag("span", "Text model"), *[Markup("\u2013")] * 4, _cell(findings.teacher.all)]]
    for model in findings.models:
        name = join([tag("span", class_=f"swatch {style_of(findings, model.name)}"), model.label])
        if model.added_seconds:
            name = join([name, tag("small", f"{duration(model.added_seconds)} of chosen speech")])
        rows.append([name, *map(_cell, (model.speech, model.heard, model.unheard, model.held_out, model.text))])
    inner = [[first.label, _nats(first.misalignment), _nats(first.forgetting), _cell_points(first), Markup("\u2013")]]
    inner += [
        [
            model.label,
            _nats(model.misalignment),
            _nats(model.forgetting),
            _cell_points(model),
            Markup("\u2013") if model.recovery is None else Markup(percent(model.recovery, 0)),
        ]
        for model in findings.models[1:]
    ]
    contrasts = [_contrast(findings, contrast) for contrast in findings.contrasts.values() if contrast.points]
    nats = [tag("small", "nats per text token")]
    more = [
        "",
        join(["Misalignment", *nats]),
        join(["Forgetting", *nats]),
        join(["Gap", tag("small", "points")]),
        join(["Gap closed", tag("small", f"of {first.label}'s")]),
    ]
    return _section(
        "Results",
        "Share of multiple-choice questions answered rightly, by length-normalised likelihood. The small figures are"
        f" 95 % bootstrap intervals over questions. A guess scores {percent(findings.chance, 0)}.",
        table(heads, rows, "results"),
        tag("p", f"On unheard subjects, paired by question: {'; '.join(contrasts)}.", class_="note")
        if contrasts
        else None,
        tag("h3", "The gap"),
        tag(
            "p",
            "The gap is what the text model answers reading, minus what the adapted model answers hearing. Misalignment"
            " is how far the adapted model's predictions move when it hears instead of reads; forgetting, how far its"
            " reading has moved from the text model's.",
            class_="note",
        ),
        table(more, inner, "results"),
    )


def _cell_points(model: ModelFindings) -> Markup:
    total = model.gap.total
    return join([f"{total.value:.1f}", tag("small", f"{total.low:.1f} to {total.high:.1f}")])


def _section(title: str, about: str, *content: Markup | None) -> Markup:
    return tag("section", tag("h2", title), tag("p", about), *content)


def _listen(findings: Findings, heard: list[Heard]) -> Markup:
    articles = []
    for item in heard:
        row, votes = item.row, {}
        for model in findings.models:
            votes.setdefault(chosen(item.answers[model.name]), []).append(model)
        choices = []
        for index, choice in enumerate(row["choices"]):
            marks = [
                tag("span", tag("span", class_=f"swatch {style_of(findings, model.name)}"), model.short)
                for model in votes.get(index, [])
            ]
            right = "right" if index == row["answer"] else None
            choices.append(tag("li", tag("span", choice), tag("span", *marks, class_="votes"), class_=right))
        kind = "heard subject" if item.heard else "unheard subject"
        voice = f", voice {row['speaker']}" if row.get("speaker") else ""
        articles.append(
            tag(
                "article",
                tag("p", f"{row['domain']}, {kind}{voice}", class_="about"),
                tag("p", f"{row['text']} \u2026", class_="prompt"),
                tag("audio", controls="controls", preload="none", src=item.address),
                tag("ul", *choices, class_="choices"),
            )
        )
    return _section(
        "Listen",
        "Chosen by a rule, not by hand: the first question of each subject by id, unheard and heard in turn. The tick"
        " marks the right ending; beside each ending stand the models that chose it on hearing the question.",
        tag("div", *articles, class_="questions"),
    )


def _choices(choices: list[ChoiceFindings]) -> Markup:
    control = choices[0]
    runs = len(control.unheard_by_run)
    seeds = f", over {runs} seeds" if runs > 1 else ""
    return _section(
        "Ways to choose",
        f"The same Stage I, and the same hours of speech, chosen in several ways{seeds}: what each answers rightly on"
        f" hearing, in points more or less than {control.label.lower()}. Intervals are of 95 %, paired, over"
        f" {control.unheard.items} different questions on unheard subjects and {control.heard.items} on heard ones."
        " They hold for these runs; other seeds differ as the figures by seed do.",
        choice_chart(choices),
    )


def page(
    findings: Findings,
    inventory: Inventory,
    heard: list[Heard],
    title: str,
    choices: list[ChoiceFindings] | None = None,
) -> str:
    """The whole page as HTML; `choices` are the ways to choose that are compared, the control first."""
    sections = [_results(findings)]
    if findings.subjects:
        about = (
            "Share of each subject's questions that a model answers rightly on hearing them. The upright line is the"
            " text model, which reads; thin lines are 95 % intervals."
        )
        sections.append(_section("By subject", about, subject_chart(findings)))
    if heard:
        sections.append(_listen(findings, heard))
    sections.append(
        _section(
            "What the gap is made of",
            "Reading with the text model minus hearing with the adapted model, in points: the part that is lost in"
            " reading already, and the part that is lost between reading and hearing. Parts below zero are gains.",
            gap_chart(findings),
        )
    )
    regions = region_chart(findings, inventory)
    if regions:
        what = {
            "teacher_kl": "the text model's predictions on text, against the adapted model's on speech",
            "misalignment": "the adapted model's own predictions on text, against those on speech",
        }[findings.regions.metric]
        first = findings.models[0].label
        about = f"KL divergence of {first} by region of the text pool: {what}. Regions are named by their keywords."
        sections.append(_section("Where the gap is, and what was chosen", about, regions))
    if choices:
        sections.append(_choices(choices))
    losses = loss_charts(findings)
    if losses:
        about = "The distillation loss, nats per text position, on a logarithmic scale; strong lines are moving means."
        if any("lexical" in entry for model in findings.models if model.training for entry in model.training.metrics):
            about += " Dashed: the lexical loss, nats per heard token; where it stands alone the language model waits."
        sections.append(_section("Training", about, losses))
    if findings.steps:
        total = duration(sum(step.seconds for step in findings.steps))
        peak = memory(max(step.peak_memory_bytes for step in findings.steps))
        resumed = " A resumed step counts its last go alone." if any(step.resumed for step in findings.steps) else ""
        sections.append(
            _section(
                "What it cost",
                f"{total} in all, at most {peak} of memory; the bars are wall-clock seconds.{resumed}",
                step_chart(findings),
            )
        )
    body = tag(
        "main",
        tag("header", tag("p", title, class_="title"), tag("h1", f"{headline(findings)}."), *_lead(findings)),
        *sections,
        tag(
            "footer", f"Made by saladkit {__version__} from the artefacts of one run; the figures are in summary.json."
        ),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLESHEET)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n"
