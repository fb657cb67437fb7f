"""Everything that the page shows of a run, read and drawn once."""

from dataclasses import dataclass
from pathlib import Path

from saladkit.reporting.accuracy_by_voice import VoiceRow, voice_rows
from saladkit.reporting.artefact_table import ArtefactRow, artefact_rows
from saladkit.reporting.charts.regions import ShownSelection, shown_selections
from saladkit.reporting.charts.rendering import Chart, Picture
from saladkit.reporting.charts.run_charts import Drawn, draw_charts
from saladkit.reporting.compared_run import ComparedRun
from saladkit.reporting.evaluations import Evaluation, other_evaluations
from saladkit.reporting.findings import Findings
from saladkit.reporting.inventory import Step
from saladkit.reporting.lost_items import LostItems, lost_items
from saladkit.reporting.misalignment_curve import MisalignmentCurve, misalignment_curve
from saladkit.reporting.pool_map import PoolMap, pool_map
from saladkit.reporting.predictions import artefact_of
from saladkit.reporting.provenance import TrainingLog, logs_of_run
from saladkit.reporting.region_gaps import RegionGaps, first_region_gaps
from saladkit.reporting.seeds import SeedsFindings
from saladkit.reporting.side_by_side import SideBySide
from saladkit.reporting.spoken_questions import SpokenQuestion, questions_to_play
from saladkit.reporting.strategy_comparison import StrategyFindings


@dataclass(frozen=True)
class PageContent:
    """What the page shows; a part that a run does not have is empty or None."""

    run: ComparedRun
    charts: dict[str, Chart]
    pictures: dict[str, Picture]  # files alone
    questions: list[SpokenQuestion]
    lost: LostItems | None
    voices: list[VoiceRow]
    regions: RegionGaps | None
    selections: list[ShownSelection]
    map: PoolMap | None
    logs: list[TrainingLog]
    misalignment: MisalignmentCurve | None
    strategies: list[StrategyFindings]  # the control first
    seeds: SeedsFindings | None  # None for one run
    evaluations: list[Evaluation]  # that are not compared
    artefacts: list[ArtefactRow]
    steps: list[Step]
    beside: SideBySide | None  # None for one run

    @property
    def title(self) -> str:
        """The page's heading."""
        return self.run.settings.title

    @property
    def findings(self) -> Findings | None:
        """The numbers of the comparison."""
        return self.run.findings


def page_content(
    run: ComparedRun, strategies: list[StrategyFindings], seeds: SeedsFindings | None, beside: SideBySide | None
) -> PageContent:
    """Read what the page shows beyond the comparison, and draw the charts.

    Raises:
        SaladError: an artefact is damaged.
    """
    inventory, findings, answers = run.inventory, run.findings, run.answers
    regions = findings.regions if findings else first_region_gaps(inventory)
    models = findings.models if findings else []
    names = [selection.name for selection in regions.selections] if regions else []
    selections = shown_selections(names, models, inventory)
    voices = voice_rows(answers) if answers else []
    view, curve, logs = pool_map(inventory, regions), misalignment_curve(inventory), _logs(run)
    steps = inventory.steps()
    charts, pictures = draw_charts(Drawn(findings, strategies, voices, regions, selections, logs, curve, steps, view))
    return PageContent(
        run=run,
        charts=charts,
        pictures=pictures,
        questions=_questions(run),
        lost=lost_items(answers) if answers else None,
        voices=voices,
        regions=regions,
        selections=selections,
        map=view,
        logs=logs,
        misalignment=curve,
        strategies=strategies,
        seeds=seeds,
        evaluations=other_evaluations(inventory, _compared(run)),
        artefacts=artefact_rows(inventory),
        steps=steps,
        beside=beside,
    )


def _logs(run: ComparedRun) -> list[TrainingLog]:
    """Return the training logs of the models that are compared, or without a comparison all of the run."""
    if run.findings is None:
        return logs_of_run(run.inventory)
    return [
        TrainingLog(model.label, *((model.training.verb, model.training.metrics) if model.training else ("", [])))
        for model in run.findings.models
    ]


def _questions(run: ComparedRun) -> list[SpokenQuestion]:
    if run.answers is None or run.findings is None:
        return []
    answers, findings = run.answers, run.findings
    return questions_to_play(run.inventory, answers.teacher, answers.models, findings.subjects, findings.items.keys)


def _compared(run: ComparedRun) -> set[Path]:
    """Return the folders of the results artefacts that are compared."""
    if run.answers is None:
        return set()
    places = [run.answers.teacher.place, *(model.place for model in run.answers.models)]
    return {artefact_of(place).resolve() for place in places}
