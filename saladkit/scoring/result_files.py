"""Write the figures of an evaluation, and the result files of lm-evaluation-harness."""

from saladkit.formats.artefact_writer import ArtefactWriter
from saladkit.formats.files import write_json
from saladkit.formats.harness import harness_results
from saladkit.formats.results import FIGURES, FIGURES_FILE, GAP_PARTS, file_name, write_rows
from saladkit.scoring.figures import compute_figures
from saladkit.scoring.printed_results import Predictions
from saladkit.settings.evaluate import MODALITIES, EvalSettings


def write_figures(writer: ArtefactWriter, predictions: Predictions) -> list[dict]:
    """Compute every accuracy and paired difference, write them, and return them."""
    figures = [
        row
        for task, answered in predictions.items()
        for row in compute_figures(task, {c: {row["id"]: row for row in rows} for c, rows in answered.items()})
    ]
    with writer.writing(FIGURES_FILE) as aside:
        write_rows(aside, figures, FIGURES)
    return figures


def write_harness_results(
    writer: ArtefactWriter,
    models: dict[str, str],
    predictions: Predictions,
    figures: list[dict],
    templates: dict[str, dict],
    settings: EvalSettings,
) -> None:
    """Write `results_*.json` of every model."""
    config: dict[str, object] = {
        "templates": templates,
        "options": settings.options,
        "fewshot": settings.fewshot,
        "dtype": settings.dtype,
    }
    if settings.apply_chat_template:
        config |= {"apply_chat_template": True, "system_instruction": settings.system_prompt}
    every = [figure for figure in figures if figure["group_kind"] == "all" and figure["figure"] in GAP_PARTS]
    for label, path in models.items():
        own = [
            row for answered in predictions.values() for c, rows in answered.items() if c.model == label for row in rows
        ]
        asked = [f"{label} {modality}" for modality in MODALITIES]
        gaps = [figure for figure in every if figure["second"] in asked]
        with writer.writing(f"{file_name(label)}/results_{file_name(label)}.json") as aside:
            write_json(aside, harness_results(own, path, config, gaps))
