"""Compare training steps/s with our setting of OpenMP's waiting threads and with libgomp's own.

A small model is trained with all cores, first alone and then beside one process that keeps one core busy. Every run is
a process of its own, because libgomp reads the setting when it loads.
"""

import os
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

from saladkit.machine import busy_share, waiting_variables
from side_by_side import Target, arguments, emit

WIDTH, LAYERS, VOCABULARY, ROWS, LENGTH = 128, 4, 512, 8, 64
BUSY = [sys.executable, "-c", "while True: pass"]


def main() -> None:
    """Print one line for a machine without other work and one for a busy machine."""
    parser = arguments(__doc__.splitlines()[0], shape="small")
    parser.add_argument("--seconds", type=float, default=5, help="length of each run")
    parser.add_argument("--train", action="store_true", help="be one of the runs: print its steps/s")
    options = parser.parse_args()
    if options.train:
        print(steps_per_second(options.seconds))
        return
    idle = [[run(ours, options.seconds) for ours in (True, False)] for _ in range(options.pairs)]
    show("training steps, idle machine", idle, Target("ratio", ">=", 0.95), shape=options.shape)
    other = subprocess.Popen(BUSY)
    try:
        busy = [[run(ours, options.seconds) for ours in (True, False)] for _ in range(options.pairs)]
    finally:
        other.kill()
        other.wait()
    kept = statistics.median(ours for ours, _ in busy) / statistics.median(theirs for _, theirs in idle)
    # With one other busy thread, half of the machine is the fair share of each program on two cores.
    fair = Target("kept", ">=", 0.5, holds=os.cpu_count() == 2)
    show("training steps, one core busy", busy, fair, shape=options.shape, kept=round(kept, 3))


def show(name: str, pairs: list[list[float]], target: Target, **further: object) -> None:
    """Print one line: medians of both sides, and the median ratio of the pairs."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    emit(name, ours=ours, theirs=theirs, unit="steps/s", ratio=ratio, target=target, device="cpu", **further)


def run(ours: bool, seconds: float) -> float:
    """Return the steps/s of a new process, with what a command would set now or with libgomp's own setting."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    environment |= waiting_variables(busy_share()) if ours else {}
    words = [sys.executable, __file__, "--train", "--seconds", str(seconds)]
    return float(subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout)


def steps_per_second(seconds: float) -> float:
    """Train a small model for some seconds and return its steps/s."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, batch_first=True, dropout=0.0)
    body = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    network = nn.Sequential(nn.Embedding(VOCABULARY, WIDTH), body, nn.Linear(WIDTH, VOCABULARY))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    tokens = torch.randint(0, VOCABULARY, (ROWS, LENGTH))

    def step() -> None:
        loss = nn.functional.cross_entropy(network(tokens).flatten(0, 1), tokens.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(5):  # warm
        step()
    steps, started = 0, time.perf_counter()
    while steps == 0 or time.perf_counter() - started < seconds:
        step()
        steps += 1
    return steps / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
