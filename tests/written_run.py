"""A small run in the layout of the desk's runs, written with the real writers, as input of `report`."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.formats import checkpoint, gap_table, regions, results, samples
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.embeddings import text_digest, write_embeddings_part
from saladkit.scoring.conditions import Condition
from saladkit.scoring.distance_behind_speech import distance_rows
from saladkit.scoring.figures import compute_figures
from saladkit.speech.audio.encoding import encode_flac

SUBJECTS = {"capitals": True, "organs": False}  # name -> heard
ITEMS = 4  # a subject
MODELS = {"stage1": "stage1", "stage2_uniform": "uniform", "stage2_active": "active"}
SETTINGS = {
    "teacher": "eval-teacher/original",
    "results": tuple(f"{name}=eval-{folder}/{folder}" for name, folder in MODELS.items()),
    "contrasts": (("stage2_active", "stage2_uniform"), ("stage2_active", "stage1"), ("stage2_uniform", "stage1")),
    "speech": "natural",
    "held_out": "heldout",
    "title": "A <small> run & more",
}
SPANS = {"text_words": [10, 30], "speech_words": [5, 15]}
# Right answers, item by item: four of the heard subject, then four of the unheard one.
READ = {"teacher": "1111 1111", "stage1": "1111 1110", "uniform": "1111 1111", "active": "1111 1111"}
HEARD = {"stage1": "1110 1000", "uniform": "1110 1100", "active": "1111 1101"}
HELD_OUT = {"stage1": "1100 0000", "uniform": "1100 1000", "active": "1110 1100"}


def finish(writer, summary=None, identity=None, **counts):
    writer.finish(counts=counts, identity=identity or {})
    writer.record({"command": writer.plan["verb"], "seconds": 1.5, "peak_memory_bytes": 1000, **(summary or {})})


def write_samples(folder, rows, *, verb="synth", settings=None, inputs=None, summary=None):
    started = {"schema": samples.SCHEMA, "version": samples.VERSION, "verb": verb}
    writer = create_artefact(folder, **started, settings=settings or {}, inputs=inputs or {})
    with writer.writing("part-00000-of-00001.parquet") as aside:
        samples.write_samples(pa.Table.from_pylist(rows), aside)
    finish(writer, summary, rows=len(rows), seconds_of_speech=3600.0)


def tone(number, seconds=0.05):
    return encode_flac(0.2 * np.sin(2 * np.pi * (300 + 20 * number) * np.arange(int(16000 * seconds)) / 16000), 16000)


def questions(voice, subjects=SUBJECTS, items=ITEMS):
    return [
        {
            "id": f"{subject}-{number:03d}",
            "text": f"The <i>answer</i> to {subject} number {number} is",
            "choices": ["one & only", "two", "three", "four"],
            "answer": number % 4,
            "domain": subject,
            "speaker": voice,
            "audio": {"bytes": tone(number), "path": None},
        }
        for subject in subjects
        for number in range(items)
    ]


def predictions(rows, model, task, modality, right):
    bits, found = [bit == "1" for bit in right.replace(" ", "")], []
    for row, is_right in zip(rows, bits, strict=True):
        best = row["answer"] if is_right else (row["answer"] + 1) % len(row["choices"])
        likely = [-0.1 * len(c) if i == best else -0.9 * len(c) for i, c in enumerate(row["choices"])]
        prediction = {key: row[key] for key in ("id", "domain", "speaker", "text", "choices", "answer")}
        prediction |= {"model": model, "task": task, "modality": modality, "scored": row["choices"]}
        prediction |= {"context": row["text"], "log_likelihoods": likely, "greedy": [False] * len(likely)}
        found.append(prediction | {"acc": is_right, "acc_norm": is_right, "shots": 0, "words_dropped": 0})
    return found


def grouped_and_written(model, row):
    """Questions are in groups, the first of each subject in no cell; every second right answer is written too."""
    number = int(row["id"][-3:])
    groups = {"spoken": "yes" if number % 2 else "no"} | ({"cell": "near" if number > 2 else "far"} if number else {})
    is_right = row["acc_norm"] and (number % 2 == 0 or model == "active")
    written = {"response": "one & only.", "parsed": row["answer"] if is_right else None, "drawn": False}
    pairs = [{"column": column, "value": value} for column, value in groups.items()]
    return row | written | {"acc_written": is_right, "groups": pairs}


def _answered(model, task, predicted):
    """Predictions by condition and id, as `compute_figures` wants them."""
    found = {}
    for row in (row | {"acc_written": None, "groups": [], "held_out": None} for rows in predicted for row in rows):
        if row["task"] == task:
            found.setdefault(Condition(model, row["modality"]), {})[row["id"]] = row
    return found


def write_results(folder, model, path, predicted, tasks, answered=lambda model, row: row, transcripts=None):
    writer = create_artefact(
        folder,
        schema=results.SCHEMA,
        version=results.VERSION,
        verb="eval",
        settings={},
        inputs={f"model {model}": path} | {f"task {task.name}": task for task in tasks},
    )
    for name, rows in predicted.items():
        with writer.writing(f"predictions-{name}.parquet") as aside:
            results.write_rows(aside, [answered(model, row) for row in rows], results.PREDICTIONS)
    figures = [
        figure
        for task in tasks
        for figure in compute_figures(task.name, _answered(model, task.name, predicted.values()))
    ]
    with writer.writing(results.FIGURES_FILE) as aside:
        results.write_rows(aside, figures, results.FIGURES)
    for task, rows in (transcripts or {}).items():
        with writer.writing(f"transcripts-{task}_cascade.parquet") as aside:
            results.write_rows(aside, rows, results.TRANSCRIPTS)
    finish(writer, items=sum(map(len, predicted.values())))


def write_checkpoint(folder, inputs, verb, losses=(2.0, 1.0, 0.5), seed=0, **settings):
    writer = create_artefact(
        folder,
        schema=checkpoint.SCHEMA,
        version=checkpoint.VERSION,
        verb=verb,
        settings={"seed": seed, **settings},
        inputs=inputs,
    )
    with writer.writing("config.json") as aside:
        aside.write_text(json.dumps({"model_type": "salad", "name": folder.name, "seed": seed}))
    with writer.writing(checkpoint.METRICS) as aside:
        # The first steps learn words alone: no distillation is logged.
        rows = [{"step": 10, "loss": 7.0, "lexical": 7.0}]
        rows += [{"step": 10 * (i + 2), "loss": loss + 3, "distillation": loss} for i, loss in enumerate(losses)]
        aside.write_text("".join(json.dumps(row) + "\n" for row in rows))
    finish(writer, steps=len(losses))


def write_gap(folder, heard_by, spoken, values, *, by_region=None, with_regions=None, interleavings=4, trained_on=None):
    writer = create_artefact(
        folder,
        schema=gap_table.SCHEMA,
        version=gap_table.VERSION,
        verb="gap",
        settings={"interleavings": interleavings, **SPANS},
        inputs={
            "checkpoint": heard_by,
            "teacher": folder.parent / "lm.txt",
            "regions": with_regions,
            "samples 0": spoken,
        },
    )
    figures = dict.fromkeys(gap_table.METRICS, 0.5)
    about = {"region": None, "domain": "capitals", "speaker": "a", "tokens": 10, "tokens_behind": [2, 1, 3, 4, 0, 0]}
    items = [
        {"id": f"item-{i}", **about, **figures, "misalignment": value, "forgetting": value / 10}
        | {f"{metric}_behind": [6 * value, 2 * value, value, value, 0.0, 0.0] for metric in gap_table.BY_DISTANCE}
        for i, value in enumerate(values)
    ]
    rows = []
    for region, value in enumerate(by_region or []):
        parts = {"": value, "_low": value * 0.8, "_high": value * 1.2, "_shrunk": value}
        columns = {f"{metric}{part}": v for metric in gap_table.METRICS for part, v in parts.items()}
        rows.append({"kind": "region", "group": str(region), "region": region, "probes": 6, **columns})
    spread = [
        {"kind": "region", "metric": metric, "reliability": 0.5, "icc": 0.25} for metric in gap_table.METRICS if rows
    ]
    if trained_on:
        means = {metric: sum(item[metric] for item in items) / len(items) for metric in gap_table.METRICS}
        rows.append({"kind": "all", "group": "all", **means})
    gap_table.write_gap_table(writer, items, rows, spread, distance_rows(items))
    finish(writer, identity={"trained_on": {"positions_read": trained_on}} if trained_on else None, rows=len(items))


def write_regions(folder, keywords, texts=10):
    """Regions of a pool with `texts` texts each, which lies beside the folder."""
    pool = folder.parent / "pool.parquet"
    rows = [
        {"id": f"pool-{region}-{i}", "text": f"Text {i} <b>& more"}
        for region in range(len(keywords))
        for i in range(texts)
    ]
    pq.write_table(pa.Table.from_pylist(rows), pool)
    writer = create_artefact(
        folder,
        schema=regions.SCHEMA,
        version=regions.VERSION,
        verb="regions",
        settings={"id_column": "id", "text_column": "text", "audio_column": "audio"},
        inputs={"pool": pool},
    )
    table = [
        {
            "region": i,
            "texts": texts,
            "pool_share": 1 / len(keywords),
            "speech_share": 0.25,
            "distance_to_speech_50": 0.1 * i,
            "keywords": words,
            "samples": ["a text"],
        }
        for i, words in enumerate(keywords)
    ]
    of_region = np.repeat(np.arange(len(keywords)), texts)
    about = {"distance_to_speech": 0.1, "nearest_spoken": ["n0"]}
    known = [about | {"id": row["id"], "region": int(of)} for row, of in zip(rows, of_region, strict=True)]
    generator = np.random.default_rng(0)
    centroids = np.eye(len(keywords), 8)
    vectors = centroids[of_region] + 0.2 * generator.normal(size=(len(rows), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    part = regions.embeddings_part(regions.POOL, 0, 1)
    write_embeddings_part(folder / part, [text_digest(row["text"]) for row in rows], np.full(len(rows), -1), vectors)
    assert writer.has_all([part, part.replace(".safetensors", ".parquet")])
    regions.write_regions(writer, centroids, np.zeros(8), pa.Table.from_pylist(known, regions.TEXTS), table)
    finish(writer, texts=len(rows))


def write_run(
    run,
    *,
    subjects=SUBJECTS,
    items=ITEMS,
    read=READ,
    heard=HEARD,
    held_out=HELD_OUT,
    keywords=(("paris", "rome", "<b>city"), ("heart", "liver", "lung")),
    region_gaps=(0.5, 2.0),
    chosen=((2, 2), (0, 4)),
    gaps=((0.2, 0.4), (0.2, 0.2), (0.1, 0.1)),
    losses=(2.0, 1.0, 0.5),
    answered=lambda model, row: row,
    seed=0,
    training=None,
    interleavings=4,
):
    """A run in the shape of the desk demo's; `answered` may change each model's predictions."""
    trained = {"seed": seed, **(training or {})}
    run.mkdir(parents=True, exist_ok=True)
    (run / "lm.txt").write_text("the text LLM")
    natural = [
        {"id": f"n{i}", "text": "spoken", "domain": s} for i, s in enumerate(s for s, h in subjects.items() if h)
    ]
    write_samples(run / "natural", natural, summary={"seconds": 40.25, "peak_memory_bytes": 5_000_000})
    asked = questions("espeak:en-us", subjects, items)
    write_samples(run / "questions", asked)
    held = questions("espeak:en-gb", subjects, items)
    write_samples(run / "heldout", held)
    write_regions(run / "regions", keywords)
    write_checkpoint(run / "stage1", {"data 0": run / "natural", "model": run / "lm.txt"}, "distill", losses, **trained)
    write_gap(
        run / "gap-probes",
        run / "stage1",
        run / "natural",
        [9.0, 9.5],
        by_region=region_gaps,
        with_regions=run / "regions",
    )
    for (name, counts), draws in zip(zip(("uniform", "active"), chosen, strict=True), (0, 5), strict=True):
        texts = [
            {"id": f"pool-{region}-{i}", "text": "a text", "region": region, "strategy": name, "draw": i}
            for region, count in enumerate(counts)
            for i in range(count)
        ]
        settings = {
            "gamma": draws,
            "metric": "teacher-kl" if draws else None,
            "strategy": name,
            "count": len(texts),
            "per_region": None,
        }
        inputs = {"regions": run / "regions"}
        write_samples(run / f"chosen-{name}", texts, verb="select", settings=settings, inputs=inputs)
        spoken = [text | {"duration": 2.0} for text in texts]
        write_samples(run / f"speech-{name}", spoken, inputs={"samples": run / f"chosen-{name}"})
        data = {"data 0": run / "natural", "data 1": run / f"speech-{name}", "checkpoint": run / "stage1"}
        write_checkpoint(run / name, data, "align", [loss / 2 for loss in losses], **trained)
    for folder, values in zip(MODELS.values(), gaps, strict=True):
        write_gap(run / "gaps" / folder, run / folder, run / "questions", list(values), interleavings=interleavings)
    tasks = [run / "questions", run / "heldout"]
    only_text = {"questions_text": predictions(asked, "original", "questions", "text", read["teacher"])}
    write_results(run / "eval-teacher", "original", run / "lm.txt", only_text, tasks[:1], answered)
    for folder in MODELS.values():
        predicted = {
            "questions_text": predictions(asked, folder, "questions", "text", read[folder]),
            "questions_speech": predictions(asked, folder, "questions", "speech", heard[folder]),
            "heldout_speech": predictions(held, folder, "heldout", "speech", held_out[folder]),
        }
        write_results(run / f"eval-{folder}", folder, run / folder, predicted, tasks, answered)
