"""Time two ways of doing the same thing, side by side in one process: pairs of runs, their medians, one JSON line.

Every line has `name`, `ours`, `theirs`, `unit`, `ratio`, `target`, `reached`, `machine`. `ratio` is how many times
faster (or fuller) ours is; for bytes it is ours / theirs. `target` names a field and its bound. `reached` says whether
the field meets the bound; it is null without a target, and where the target is for another machine or shape.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Pairs:
    """Medians over pairs of runs: seconds of ours, seconds of theirs, and theirs / ours of each pair."""

    ours: float
    theirs: float
    speedup: float
    pairs: int


@dataclass(frozen=True)
class Target:
    """The bound of a line's `field`: at least, or at most, a number."""

    field: str
    relation: str
    value: float
    holds: bool = True  # whether the target is for this machine and shape

    def __str__(self) -> str:
        return f"{self.field} {self.relation} {self.value:g}"

    def reached(self, line: dict) -> bool | None:
        """Return whether the line meets the bound; None if the target is for another machine or shape."""
        if not self.holds:
            return None
        found = line[self.field]
        return bool(found >= self.value if self.relation == ">=" else found <= self.value)


def arguments(description: str, *, shape: str, dtype: str = "float32", pairs: int = 5) -> argparse.ArgumentParser:
    """Make a parser with the options that all scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default=dtype, choices=["float32", "bfloat16"])
    parser.add_argument("--shape", default=shape, help="a name of benchmarks/shapes.py")
    parser.add_argument("--pairs", type=int, default=pairs, help="runs of each side, after one to warm up")
    return parser


def run_pairs(
    ours: Callable[[], object], theirs: Callable[[], object], pairs: int, device: str, warm_up: bool = True
) -> Pairs:
    """Time both sides in pairs of runs, after one of each to warm up if asked; the sides take turns at being first."""
    sides = (ours, theirs)
    for side in sides if warm_up else ():
        seconds(side, device)
    taken: tuple[list[float], list[float]] = ([], [])
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            taken[side].append(seconds(sides[side], device))
    speedups = [theirs / ours for ours, theirs in zip(*taken, strict=True)]
    return Pairs(*(statistics.median(values) for values in (*taken, speedups)), pairs)


def median_seconds(work: Callable[[], object], runs: int, device: str) -> float:
    """Return the median seconds of one side alone, for an absolute figure, after one warm-up run."""
    seconds(work, device)
    return statistics.median(seconds(work, device) for _ in range(runs))


def seconds(work: Callable[[], object], device: str) -> float:
    """Return the seconds of one call, until the device has finished its work."""
    _synchronise(device)
    started = time.perf_counter()
    work()
    _synchronise(device)
    return time.perf_counter() - started


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def machine(device: str) -> dict:
    """Describe the machine that a figure was measured on."""
    found = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cores": os.cpu_count()}
    if device == "cuda":
        return {"device": torch.cuda.get_device_name()} | found
    return {"device": _processor()} | found


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    fields = dict((part.strip() for part in line.split(":", 1)) for line in lines if ":" in line)
    name = fields.get("model name", platform.processor() or platform.machine())
    # On cloud machines the name says neither the generation nor the clock.
    generation = f" (family {fields['cpu family']}, model {fields['model']})" if "cpu family" in fields else ""
    return name + generation


def is_h200(device: str) -> bool:
    """Return whether this is the GPU that the absolute targets are for."""
    return device == "cuda" and "H200" in torch.cuda.get_device_name()


def installed(package: str) -> bool:
    """Return whether a package that is not among our requirements is installed."""
    return importlib.util.find_spec(package) is not None


def emit(
    name: str,
    *,
    ours: float | None,
    theirs: float | None,
    unit: str,
    ratio: float | None,
    target: Target | None,
    device: str,
    **further: object,
) -> None:
    """Print one figure as a JSON line; `further` are fields that the figure depends on."""
    line = {"name": name, "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio}
    line = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in line.items()}
    reached = None if target is None else target.reached(line | further)
    line |= {"target": None if target is None else str(target), "reached": reached}
    print(json.dumps(line | {"machine": machine(device), "device": device} | further), flush=True)
