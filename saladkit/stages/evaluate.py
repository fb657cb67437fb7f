"""`eval`: models scored on the same questions, read, heard and transcribed, and the gap between them."""

from dataclasses import asdict
from pathlib import Path

from saladkit.errors import SaladError
from saladkit.formats.artefact import WORKING, ArtefactWriter, create_artefact
from saladkit.formats.checkpoint import model_digest
from saladkit.formats.files import write_json
from saladkit.formats.harness import harness_results
from saladkit.formats.results import (
    FIGURES,
    FIGURES_FILE,
    GAP_PARTS,
    ORIGINAL,
    SCHEMA,
    VERSION,
    file_name,
    write_rows,
)
from saladkit.machine import resolve_device
from saladkit.model.loading import load_tokenizer
from saladkit.progress import say
from saladkit.rows.tokens import tokenizer_digest
from saladkit.runtime import Run
from saladkit.scoring.answer_parsing import VoiceBenchRule, rule_file
from saladkit.scoring.conditions import MODALITIES, conditions_of
from saladkit.scoring.evaluation import BEST, Evaluation
from saladkit.scoring.figures import compute_figures
from saladkit.scoring.generation import Generation
from saladkit.scoring.models import HowAsked, hears
from saladkit.scoring.printed_results import Answers, result_lines, summarize
from saladkit.scoring.tasks import check_files, check_texts, read_tasks, titles_of
from saladkit.sources.columns import OUR_NAMES, ColumnNames
from saladkit.sources.digests import digest_source
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.perturbation import Perturbation
from saladkit.speech.audio.resampling import resampler_identity
from saladkit.speech.transcribers.transcriber import open_transcriber


def evaluate(
    model: str,
    tasks: list[str],
    output: str | Path,
    *,
    teacher: str | None = None,
    compare: tuple[str, ...] = (),
    modalities: tuple[str, ...] = ("text", "speech"),
    asr: str | None = None,
    template: str | None = None,
    num_fewshot: int = 0,
    dev: str | None = None,
    fewshot: str | None = None,
    fewshot_modality: str = "same",
    options: str = "text",
    max_length: int = 2048,
    perturb: tuple[str, ...] = (),
    heard: tuple[str, ...] = (),
    generate: bool = False,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_k: int = 50,
    voicebench_compatible: str | None = None,
    batch_size: int = 16,
    seed: int = 0,
    names: ColumnNames = OUR_NAMES,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> dict:
    """Score every task under every condition by the likelihood of its choices, or by what is written in answer.

    Args:
        teacher: the text LLM that the models were made from; it reads the questions, and their transcripts.
        generate: let the models write; `voicebench_compatible` is a copy of VoiceBench whose rule reads the answers.
        template: one of `wording.TEMPLATES`, or `best`; None: `letter` where answers are written, else `continuation`.
        dev: solved questions on which the better template is chosen.
        compare: further checkpoints, compared with `model`.
        heard: speech that the models have learned from; voices that it lacks are held out.

    Returns:
        The summary: accuracies, and the gap with its parts.

    Raises:
        SaladError: a model or questions that are none, a text LLM asked to hear, scores that are not finite.
    """
    run = Run("eval")
    models = _named(model, compare)
    conditions = conditions_of(
        list(models),
        original=teacher is not None,
        modalities=modalities,
        perturbations=[Perturbation.parse(text) for text in dict.fromkeys(perturb)],
    )
    _check(models, teacher, asr, modalities, perturb)
    if teacher is not None:
        models[ORIGINAL] = teacher
        _check_tokenizers(models)
    template = template or ("letter" if generate or voicebench_compatible else "continuation")
    writes = generate or voicebench_compatible is not None
    _check_options(template, dev, fewshot, num_fewshot, options, max_new_tokens if writes else 0, max_length)
    if voicebench_compatible:
        VoiceBenchRule(voicebench_compatible, seed)
    generation = Generation(max_new_tokens, temperature, top_k, seed) if generate or voicebench_compatible else None
    how = HowAsked(
        num_fewshot,
        options == "spoken",
        fewshot_modality == "same",
        max_length,
        batch_size,
        seed,
        generation,
        voicebench_compatible,
    )
    listens = any(condition.listens for condition in conditions)
    found = read_tasks(tasks, how, template, fewshot, dev, listens, names, limit)
    if any(condition.modality == "text" for condition in conditions):
        check_texts(found)
    check_files(found, conditions)
    if dry_run:
        items = {f"{c.name} {task.name}": len(task.rows) for c in conditions for task in found}
        return run.summary({"dry_run": True, "items": items})
    voices = _voices(heard, names)
    writer = create_artefact(
        output,
        schema=SCHEMA,
        version=VERSION,
        verb="eval",
        settings={
            "models": list(models),  # whom the others are compared with
            "modalities": sorted(modalities),
            "template": template,
            **asdict(how),
            "perturb": list(perturb),
            "dtype": dtype,
            "limit": limit,
            "columns": vars(names),
            **resampler_identity(),
        },
        inputs={f"model {label}": path for label, path in models.items()}
        | {"asr": asr, "fewshot": fewshot, "dev": dev, "voicebench": rule_file(voicebench_compatible)}
        | {f"heard {i}": path for i, path in enumerate(heard)}
        | {f"task {task.name}": task.source for task in found},
        overwrite=overwrite,
        digest=digest_source,
    )
    if writer.finished is not None:
        return writer.finished
    device = resolve_device(device)
    evaluation = Evaluation(writer, found, conditions, models, how, template, voices, device, dtype)
    evaluation.transcribe(lambda: open_transcriber(asr, device=device, dtype=dtype))
    evaluation.ask()
    answers = evaluation.answers()
    figures = [
        row
        for task, answered in answers.items()
        for row in compute_figures(task, {c: {row["id"]: row for row in rows} for c, rows in answered.items()})
    ]
    with writer.writing(FIGURES_FILE) as aside:
        write_rows(aside, figures, FIGURES)
    templates = evaluation.templates()
    for label, path in models.items():
        config = {"templates": templates, "options": options, "fewshot": fewshot, "dtype": dtype}
        _write_harness_results(writer, label, path, answers, figures, config)
    left_out = evaluation.left_out()
    identity = {label: model_digest(path) for label, path in models.items()}
    items = sum(len(rows) for answered in answers.values() for rows in answered.values())
    cut = sum(row["words_dropped"] > 0 for answered in answers.values() for rows in answered.values() for row in rows)
    writer.finish(counts={"items": items, "truncated": cut}, skipped=left_out, identity=identity)
    if voicebench_compatible:
        say("answers are read by VoiceBench's rule; what it cannot read is a letter from A to D, drawn by --seed")
    summary = {"templates": templates, "titles": titles_of(found)} | summarize(answers, figures, left_out)
    for line in result_lines(summary):
        say(line)
    return run.summary(summary, writer)


def _named(model: str, compare: tuple[str, ...]) -> dict[str, str]:
    named: dict[str, str] = {}
    for path in (model, *compare):
        label = Path(path).resolve().name
        if label in named or label in (ORIGINAL, WORKING):
            raise SaladError(
                f"two models are called '{label}'"
                if label in named
                else f"'{label}' is the name of another thing here",
                "Rename a folder: models are called after their folders.",
            )
        named[label] = path
    return named


def _check(
    models: dict[str, str], teacher: str | None, asr: str | None, modalities: tuple[str, ...], perturb: tuple[str, ...]
) -> None:
    for path in models.values():
        if not hears(path) and "speech" in modalities:
            raise SaladError(
                f"{path} is a text LLM and hears nothing", "Give --modality text, or a checkpoint that hears."
            )
    if teacher is not None and hears(teacher):
        raise SaladError(f"{teacher} is a speech-adapted checkpoint", "Give the text LLM that it was made from.")
    if asr is not None and "cascade" not in modalities:
        raise SaladError(f"--asr {asr} has nothing to write down", "Add --modality cascade.")
    if "cascade" in modalities and (teacher is None or asr is None):
        raise SaladError(
            "a cascade needs a recognizer and the text LLM that reads what it wrote down", "Give --asr and --teacher."
        )
    if perturb and modalities == ("text",):
        raise SaladError("--perturb changes recordings, and nothing is heard", "Add --modality speech.")


def _check_tokenizers(models: dict[str, str]) -> None:
    digests = {label: tokenizer_digest(load_tokenizer(path)) for label, path in models.items()}
    for label, digest in digests.items():
        if digest != digests[ORIGINAL]:
            raise SaladError(
                f"{models[ORIGINAL]} has another tokenizer than {models[label]}", "Give the text LLM it started from."
            )


def _check_options(
    template: str,
    dev: str | None,
    fewshot: str | None,
    shots: int,
    options: str,
    max_new_tokens: int,
    max_length: int,
) -> None:
    if dev is not None and template != BEST:
        raise SaladError(f"--dev {dev}, and no template to choose on it", "Add --template best.")
    if fewshot is not None and not shots:
        raise SaladError(f"--fewshot {fewshot}, and no examples are asked for", "Add --num-fewshot.")
    if options == "spoken" and template == "continuation":
        raise SaladError("--options spoken, and no options are listed", "Add --template letter.")
    if max_new_tokens >= max_length:
        raise SaladError(
            f"--max-new-tokens {max_new_tokens} leaves no room in --max-length {max_length}", "Give a smaller number."
        )


def _voices(heard: tuple[str, ...], names: ColumnNames) -> set[str] | None:
    if not heard:
        return None
    voices: set[str] = set()
    for source in heard:
        table = read_samples(source, needed=["id", "speaker"], optional=[], names=names)
        voices |= set(table.column("speaker").to_pylist())
    return voices


def _write_harness_results(
    writer: ArtefactWriter, label: str, path: str, answers: Answers, figures: list[dict], config: dict
) -> None:
    own = [row for answered in answers.values() for c, rows in answered.items() if c.model == label for row in rows]
    asked = [f"{label} {modality}" for modality in MODALITIES]
    gaps = [
        row for row in figures if row["group_kind"] == "all" and row["figure"] in GAP_PARTS and row["second"] in asked
    ]
    name = f"{file_name(label)}/results_{file_name(label)}.json"
    write_json(writer.path / name, harness_results(own, path, config, gaps))
    writer.has(name)
