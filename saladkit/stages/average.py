"""`average`: the weighted mean of the weights of checkpoints."""

import math
from collections.abc import Iterator
from pathlib import Path

from saladkit.formats.checkpoint import CARD, CONFIGURATIONS, SCHEMA, VERSION, configurations
from saladkit.job import Job, Made, Part, Work, numbered
from saladkit.model.averaging import WeightAverage
from saladkit.settings.average import AverageSettings
from saladkit.training.average_card import average_card


def average(checkpoints: list[str], output: str | Path, settings: AverageSettings) -> dict:
    """Write the checkpoint whose weights are the weighted mean of those of `checkpoints`.

    Between the weights of a model before and after it was trained further often lies one that has learned the new and
    forgotten less of the old (WiSE-FT, arXiv 2109.01903). The mean has the configuration and the tokenizer of the first
    checkpoint, and no state from before a decay. Of checkpoints that hold only what was trained, the mean holds no more
    (`model/averaging.py`).

    Returns:
        The summary: weights, tensors and parameters.

    Raises:
        SaladError: there are fewer than two checkpoints, the weights do not belong to them, or the checkpoints cannot
            be read or differ in more than their weights.
    """
    weights = settings.weights_of(len(checkpoints))
    mean = WeightAverage.open(checkpoints, weights)
    parts = [Part((file,), rows=len(tensors)) for file, tensors in mean.files.items()]
    shapes = [stored.shape for tensors in mean.files.values() for stored in tensors.values()]
    counts = {"checkpoints": len(checkpoints), "tensors": len(shapes), "parameters": sum(map(math.prod, shapes))}

    def make(work: Work) -> Made:
        def fill(missing: Iterator[int]) -> None:
            for index in missing:
                (file,) = parts[index].files
                with work.writing(file) as aside:
                    mean.write(file, aside)
                work.advance(parts[index].rows)

        work.fill(parts, fill, unit="tensor")
        mean.write_about(work.path)
        with work.writing(CARD) as aside:
            aside.write_text(average_card(work.writer.plan, mean.config, weights))
        work.adopt_all()
        identity = {CONFIGURATIONS: configurations(work.path)}
        return Made(counts=counts, figures=counts | {"weights": list(weights)}, identity=identity)

    job = Job(
        "average",
        SCHEMA,
        VERSION,
        settings,
        inputs=numbered("checkpoint", checkpoints),
        identified={"weights": list(weights)},
    )
    return job.run(output, plan=counts | {"weights": list(weights)}, make=make)
