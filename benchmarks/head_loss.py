"""Compare `head_loss` with a sampled teacher with torch's own kl_div on all logits.

Two settings, each with a frozen and a trained head, forward and backward:
- same positions: both sides compute the same positions, and the other side is given the teacher's dense logits;
- as in training: the hidden states are those of a whole interleaved batch, whose speech carries no loss. Our side
  gathers the text positions first. The other side runs the heads of student and teacher at every place, and masks.

Memory is what one call allocates beyond what was allocated before, the given logits included. On a CPU each side runs
in a process of its own, whose peak resident memory is read; on a GPU torch counts.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from saladkit.teacher.distributions import SampledDistributions
from saladkit.teacher.head import LossRequest, head_loss
from shapes import configuration
from side_by_side import Target, arguments, emit, installed, is_h200, median_seconds, run_pairs
from training_rows import share_of_text

DISTINCT = 12


@dataclass(frozen=True)
class Inputs:
    """Hidden states [places, H] of student and teacher, both heads, and where the loss is.

    Attributes:
        text: int64 [P], the places that carry loss.
        sparse: the teacher at P positions, as a cache gives it.
        dense: the teacher's logits at P positions [P, V], if the other side is given them.
    """

    hidden: Tensor
    teacher_hidden: Tensor
    head: nn.Linear
    teacher_head: nn.Linear
    text: Tensor
    sparse: SampledDistributions
    labels: Tensor
    dense: Tensor | None


def inputs(options: argparse.Namespace, places: int, text: int, *, trained: bool, gift: bool) -> Inputs:
    """Return random inputs, with teacher weights that are as peaked as samples."""
    torch.manual_seed(0)
    config, new = configuration(options.shape), {"device": options.device, "dtype": getattr(torch, options.dtype)}
    width, vocabulary = config.hidden_size, config.vocab_size
    heads = [nn.Linear(width, vocabulary, bias=False, **new) for _ in range(2)]
    heads[0].requires_grad_(trained)
    ids = torch.randint(vocabulary, (text, DISTINCT), device=options.device)
    weights = torch.rand(text, DISTINCT, device=options.device).softmax(dim=-1)
    return Inputs(
        torch.randn(places, width, **new).requires_grad_(),
        torch.randn(places, width, **new),
        heads[0],
        heads[1].requires_grad_(False),
        torch.randperm(places, device=options.device)[:text].sort().values,
        SampledDistributions(ids, weights),
        ids[:, 0].clone(),
        torch.randn(text, vocabulary, **new) if gift else None,
    )


def ours(given: Inputs) -> None:
    """Gather the text positions, then run the head in pieces."""
    gathered = given.hidden[given.text]
    head_loss(gathered, given.head, [LossRequest(given.sparse, given.labels)]).total.backward()
    _forget(given)


def theirs_same_positions(given: Inputs) -> None:
    """Compute all logits at the positions that carry loss."""
    student = functional.log_softmax(given.head(given.hidden).float(), dim=-1)
    teacher = functional.softmax(given.dense.float(), dim=-1)
    functional.kl_div(student, teacher, reduction="sum").backward()
    _forget(given)


def theirs_in_training(given: Inputs) -> None:
    """Compute all logits of student and teacher at all places, and mask the loss."""
    mask = torch.zeros(len(given.hidden), device=given.hidden.device)
    mask[given.text] = 1.0
    with torch.no_grad():
        teacher = functional.softmax(given.teacher_head(given.teacher_hidden).float(), dim=-1)
    student = functional.log_softmax(given.head(given.hidden).float(), dim=-1)
    each = functional.kl_div(student, teacher, reduction="none").sum(dim=-1)
    (each * mask).sum().backward()
    _forget(given)


def theirs_by_liger(loss: nn.Module, given: Inputs) -> None:
    """Compute Liger's chunked divergence at the positions that carry loss, given the teacher's hidden states."""
    gathered, teacher = given.hidden[given.text], given.teacher_hidden[given.text]
    loss(gathered, given.head.weight, teacher, given.teacher_head.weight, given.labels, None, None).backward()
    _forget(given)


def _forget(given: Inputs) -> None:
    given.hidden.grad = given.head.weight.grad = None


THEIRS = {"same positions": theirs_same_positions, "as in training": theirs_in_training}


def sizes(setting: str, positions: int) -> tuple[int, int]:
    """Return the numbers of places and text positions; in training, about half of the places are text."""
    if setting == "same positions":
        return positions, positions
    return positions, round(positions * share_of_text())


def resident_bytes(name: str) -> int:
    """Return this process's memory as Linux counts it, now (VmRSS) or at its peak (VmHWM).

    getrusage's ru_maxrss cannot be used: in a child process it starts at the parent's value.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def peak_bytes(work: Callable[[Inputs], None], given: Inputs, device: str) -> int:
    """Return the bytes that one call allocates beyond what was allocated before."""
    if device == "cuda":
        work(given)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work(given)
        return torch.cuda.max_memory_allocated() - before
    before = resident_bytes("VmRSS")
    work(given)
    return resident_bytes("VmHWM") - before


def peak_bytes_of(side: str, setting: str, head: str, options: argparse.Namespace) -> int:
    """Return the peak bytes of one side; on a CPU, measure them in a new process."""
    if options.device == "cpu":
        command = [sys.executable, __file__, "--device", "cpu", "--dtype", options.dtype, "--shape", options.shape]
        command += ["--memory-positions", str(options.memory_positions), "--peak", side, setting, head]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return _peak_here(side, setting, head, options)


def _peak_here(side: str, setting: str, head: str, options: argparse.Namespace) -> int:
    gift = side == "theirs" and setting == "same positions"
    places, text = sizes(setting, options.memory_positions)
    given = inputs(options, places, text, trained=head == "trained", gift=gift)
    return peak_bytes(ours if side == "ours" else THEIRS[setting], given, options.device)


def main() -> None:
    """Print lines of time and of memory, and one against Liger if it is installed."""
    parser = arguments(__doc__.splitlines()[0], shape="0.5b")
    parser.add_argument("--positions", type=int, default=256, help="places in a timed run")
    parser.add_argument(
        "--memory-positions", type=int, default=2048, help="places in a run that measures memory; 0: measure no memory"
    )
    parser.add_argument("--peak", nargs=3, metavar=("SIDE", "SETTING", "HEAD"), help="print one side's peak in bytes")
    options = parser.parse_args()
    if options.peak:
        print(_peak_here(*options.peak, options))
        return
    true_shape = options.shape != "tiny"
    common = {"device": options.device, "shape": options.shape, "dtype": options.dtype, "distinct": DISTINCT}
    for setting in THEIRS:
        for head in ("frozen", "trained"):
            places, text = sizes(setting, options.positions)
            given = inputs(options, places, text, trained=head == "trained", gift=setting == "same positions")
            work = partial(ours, given), partial(THEIRS[setting], given)
            found = run_pairs(*work, options.pairs, options.device)
            emit(
                f"loss and head, time: {setting}, head {head}",
                ours=1000 * found.ours,
                theirs=1000 * found.theirs,
                unit="ms",
                ratio=found.speedup,
                target=Target("ratio", ">=", 3, holds=true_shape),
                pairs=found.pairs,
                places=places,
                text_positions=text,
                **common,
            )
            del given, work
            if not options.memory_positions:
                continue
            peaks = [peak_bytes_of(side, setting, head, options) / 2**20 for side in ("ours", "theirs")]
            emit(
                f"loss and head, memory: {setting}, head {head}",
                ours=peaks[0],
                theirs=peaks[1],
                unit="MiB",
                ratio=peaks[0] / peaks[1],
                target=Target("ratio", "<=", 0.2, holds=true_shape),
                places=options.memory_positions,
                text_positions=sizes(setting, options.memory_positions)[1],
                **common,
            )
    if options.device == "cuda":
        on_one_gpu(options, common)
        against_liger(options, common)


def on_one_gpu(options: argparse.Namespace, common: dict) -> None:
    """Measure the absolute target: 8,192 positions with loss at H = 4,096, head frozen."""
    given = inputs(options, 8192, 8192, trained=False, gift=False)
    taken = median_seconds(partial(ours, given), options.pairs, options.device)
    peak = peak_bytes(ours, given, options.device)
    holds = is_h200(options.device) and configuration(options.shape).hidden_size == 4096
    for name, value, unit, most in (
        ("time", 1000 * taken, "ms", 30),
        ("memory", peak / 1e9, "GB", 3),
    ):
        target = Target("ours", "<=", most, holds)
        further = {"runs": options.pairs, "text_positions": 8192} | common
        name = f"loss and head, {name}: 8,192 positions, frozen, alone"
        emit(name, ours=value, theirs=None, unit=unit, ratio=None, target=target, **further)


def against_liger(options: argparse.Namespace, common: dict) -> None:
    """Compare with Liger's chunked distillation loss, without its hard part, at the same text positions."""
    name = "loss and head, time: Liger's chunked JSD, head trained"
    if not installed("liger_kernel"):
        missing = {"missing": "liger-kernel is not installed"} | common
        emit(name, ours=None, theirs=None, unit="ms", ratio=None, target=None, **missing)
        return
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    loss = LigerFusedLinearJSDLoss(weight_hard_loss=0.0, weight_soft_loss=1.0)
    places, text = sizes("as in training", options.positions)
    given = inputs(options, places, text, trained=True, gift=False)
    found = run_pairs(partial(ours, given), partial(theirs_by_liger, loss, given), options.pairs, options.device)
    emit(
        name,
        ours=1000 * found.ours,
        theirs=1000 * found.theirs,
        unit="ms",
        ratio=found.speedup,
        target=None,
        pairs=found.pairs,
        text_positions=text,
        **common,
    )


if __name__ == "__main__":
    main()
