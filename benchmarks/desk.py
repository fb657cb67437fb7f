"""Print what each step of a finished run on CPUs took and computed, beside what the machine can do.

python benchmarks/desk.py runs/demo             of recipes/demo.sh, recipes/desk.sh or recipes/laptop.sh
python benchmarks/desk.py runs/demo --took 280  one sentence for people: these seconds, and the machine's speed

One JSON line for each step, in their order, and one for all of them: `seconds` by the wall; `positions`, the tokens and
speech vectors that a model read; `gflop`; `ours`, its GFLOP/s; and `theirs`, the most GFLOP/s that this machine reaches
now on two threads in float32 products of square matrices, of the sizes in `matrix_products`. Steps of which no artefact
records the positions (`synth`, `regions`, `gap`, `eval` and others) have their seconds alone.

Counted are the matrix products of positions with parameters: 6 operations for a position and a parameter that is
trained, 4 where gradients pass a frozen one (LoRA), 2 where it is scored. The layers of a language model work on all
positions, except in lexical steps, in which it does not run; its output layer on positions with a loss; speech encoder
and adapter on all positions of rows with speech, text tokens included. Not counted are attention between positions, the
lexical loss, an encoder's first layers more than once a vector, padding, and the optimizer.
"""

import argparse
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from saladkit.formats.checkpoint import read_metrics
from saladkit.formats.files import read_json
from saladkit.formats.weights import read_shapes
from saladkit.reporting.inventory import Found, Inventory
from side_by_side import emit

SIZES = (128, 256, 512, 1024, 2048)  # the desk's matrices have at most 4,096 rows, and mostly 128 or 160 columns
THREADS = 2
# Operations a position and parameter: forward and backward; without the gradient of the parameter; forward alone.
TRAINED, PASSED, SCORED = 6, 4, 2


@dataclass(frozen=True)
class Parameters:
    """Numbers of parameters of a model: what makes vectors of speech, the language model's layers, its output layer."""

    speech: int
    layers: int
    head: int


def main() -> None:
    """Print the lines of the run that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--took", type=float, metavar="SECONDS", help="print one sentence with these seconds")
    options = parser.parse_args()
    run, reached = options.run, matrix_gflops()
    if options.took is not None:
        print(took(options.took, max(reached.values()), Inventory(run)), file=sys.stderr)
        return
    inventory = Inventory(run)
    by_name = {found.name: found for found in inventory.artefacts}
    total_seconds = total_gflop = 0.0
    for step in inventory.steps():
        positions, operations = work_of(by_name[step.name], inventory)
        gflop = None if operations is None else operations / 1e9
        total_seconds, total_gflop = total_seconds + step.seconds, total_gflop + (gflop or 0.0)
        # The seconds of a step that was resumed are those of its last run alone.
        show(step.name, run, step.seconds, positions, None if step.resumed else gflop, reached)
    show("all steps", run, total_seconds, None, total_gflop, reached)


def took(seconds: float, gflops: float, inventory: Inventory) -> str:
    """Return a sentence: the seconds of a run, the memory of its largest command, and the machine's speed."""
    largest = max(step.peak_memory_bytes or 0 for step in inventory.steps())
    return (
        f"{seconds:.0f} s, {largest / 1e9:.1f} GB in the largest command;"
        f" this machine multiplies float32 matrices at {gflops:.0f} GFLOP/s (two threads)"
    )


def show(
    name: str, run: Path, seconds: float, positions: int | None, gflop: float | None, reached: dict[int, float]
) -> None:
    """Print one line."""
    most = max(reached.values())
    speed = None if gflop is None or seconds == 0 else gflop / seconds
    emit(
        f"desk: {name}",
        ours=speed,
        theirs=most,
        unit="GFLOP/s",
        ratio=None if speed is None else speed / most,
        target=None,
        device="cpu",
        shape=run.name,
        seconds=round(seconds, 2),
        positions=positions,
        gflop=None if gflop is None else round(gflop, 2),
        matrix_products={str(rows): float(f"{value:.3g}") for rows, value in reached.items()},
    )


def matrix_gflops(sizes: tuple[int, ...] = SIZES, seconds: float = 0.3) -> dict[int, float]:
    """Measure the GFLOP/s of products of two square float32 matrices on two threads, {rows: GFLOP/s}.

    Args:
        seconds: how long each size is tried; the fastest product counts, because other work only slows it down.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    found = {rows: 2 * rows**3 / _seconds_of_product(rows, seconds) / 1e9 for rows in sizes}
    torch.set_num_threads(before)
    return found


def _seconds_of_product(rows: int, seconds: float) -> float:
    first, second = torch.rand(rows, rows), torch.rand(rows, rows)
    torch.matmul(first, second)  # warm
    taken: list[float] = []
    while len(taken) < 3 or sum(taken) < seconds:
        started = time.perf_counter()
        torch.matmul(first, second)
        taken.append(time.perf_counter() - started)
    return min(taken)


def work_of(step: Found, inventory: Inventory) -> tuple[int | None, float | None]:
    """Return the positions that a step's model read and the operations of this; None where they are not recorded."""
    verb = step.manifest["verb"]
    if verb in ("distill", "align"):
        return _training(step)
    positions = step.manifest["counts"].get("positions")
    model = step if verb == "train-lm" else inventory.by_digest("text-lm", step.reads("model"))
    if positions is None or model is None:
        return None, None
    parameters = parameters_of(model.path)
    return positions, (TRAINED if verb == "train-lm" else SCORED) * positions * (parameters.layers + parameters.head)


def _training(step: Found) -> tuple[int, float]:
    parameters, adapted = parameters_of(step.path), bool(step.manifest["settings"].get("lora_rank"))
    config, inputs = read_json(step.path / "config.json"), step.manifest["inputs"]
    if config.get("text_model"):  # the checkpoint has what was trained alone
        text = parameters_of(Path(config["text_model"]["name"]))
        parameters, adapted = Parameters(parameters.speech, text.layers, text.head), True
    per_layer = PASSED if adapted else TRAINED
    spoken = {entry["path"] for role, entry in inputs.items() if role.startswith("data ")}
    positions = operations = 0
    for row in read_metrics(step.path):
        read = _by_source(row, "positions of ")
        positions += sum(read.values())
        operations += TRAINED * parameters.speech * sum(count for source, count in read.items() if source in spoken)
        if "distillation" in row or "nll" in row:
            operations += per_layer * parameters.layers * sum(read.values())
            operations += per_layer * parameters.head * sum(_by_source(row, "loss positions of ").values())
    return positions, float(operations)


def _by_source(row: dict, beginning: str) -> dict[str, int]:
    return {name.removeprefix(beginning): count for name, count in row.items() if name.startswith(beginning)}


def parameters_of(folder: Path) -> Parameters:
    """Count the parameters of a text LLM or of a speech-adapted checkpoint; a tied output layer is the embeddings."""
    sizes = {
        name: math.prod(stored.shape) for of_file in read_shapes(folder).values() for name, stored in of_file.items()
    }
    speech = sum(size for name, size in sizes.items() if name.startswith(("speech_", "phoneme_")))
    embeddings = sum(size for name, size in sizes.items() if name.endswith("embed_tokens.weight"))
    head = sum(size for name, size in sizes.items() if name.endswith("lm_head.weight"))
    return Parameters(speech, sum(sizes.values()) - speech - embeddings - head, head or embeddings)


if __name__ == "__main__":
    main()
