"""Say which claims hold on the desk: docs/claims.md from the runs of recipes/desk_claims.sh.

python examples/desk/claim_verdicts.py runs/claims/seed-0 runs/claims/seed-1 runs/claims/seed-2 -o docs/claims.md

Each claim is a number that is above a bound if the claim is true. It holds if both 95 % intervals of the number, of a
bootstrap over seeds and then items, and of t over the seeds, are above the bound; it does not hold if both are below;
otherwise the desk cannot tell.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.files import read_json
from saladkit.formats.gap_table import ITEMS
from saladkit.formats.results import ORIGINAL, PREDICTIONS, groups_of, read_rows
from saladkit.formats.tables import read_table
from saladkit.scoring.seeds import OverSeeds, Strata, over_seeds, seeds_note

MOST_SEEDS = 200
CELLS = ("near-easy", "near-hard", "far-easy", "far-hard")
FIRST = ("stage1", "nll", "half", "quarter-length", "half-length", "double-length", "one-voice")
SECOND = ("uniform", "active", "none", "coverage", "gamma-5", "half-regions", "double-regions")
SECOND += ("metric-jsd", "metric-nll-gap")


@dataclass(frozen=True)
class Run:
    """The artefacts of one seed."""

    folder: Path

    def answers(self, model: str, modality: str, task: str = "questions") -> dict[str, dict]:
        """Return the predictions of a model by question; `model` as in FIRST or SECOND, or `original`."""
        return _answers(self.folder, _folder_of(model), modality, task)

    def accuracy(self, model: str, modality: str, task: str = "questions") -> float:
        """Return the mean accuracy of the four cells."""
        return float(np.mean([of_cell.mean() for of_cell in self.right(model, modality, task)]))

    def right(self, model: str, modality: str, task: str = "questions") -> Strata:
        """Return whether each question was answered rightly, in points, by cell."""
        return self.points((model, modality), None, task)

    def points(self, first: tuple[str, str], second: tuple[str, str] | None, task: str = "questions") -> Strata:
        """Return the difference of two conditions (model, modality) on each question, in points, by cell."""
        one = self.answers(*first, task)
        other = self.answers(*second, task) if second else {}
        values: dict[str, list[float]] = {cell: [] for cell in CELLS}
        for id_, row in one.items():
            less = other[id_]["acc_norm"] if second else 0.0
            values[groups_of(row)["cell"]].append(100.0 * (row["acc_norm"] - less))
        return [np.array(of_cell) for of_cell in values.values() if of_cell]

    def nats(self, model: str, metric: str) -> dict[str, float]:
        """Return a figure of the gap table of each probe, in nats per token."""
        return _nats(self.folder / f"gap-{model}", metric)

    def more_nats(self, first: str, second: str, metric: str) -> Strata:
        """Return the difference of two models on each probe."""
        one, other = self.nats(first, metric), self.nats(second, metric)
        return [np.array([one[id_] - other[id_] for id_ in one])]

    def rank_correlation(self, metric: str, modality: str) -> Strata:
        """Return minus Spearman's rank correlation of a figure of the gap table with accuracy, over the checkpoints."""
        models = (*FIRST, *SECOND)
        gap = [np.mean(list(self.nats(model, metric).values())) for model in models]
        accuracy = [self.accuracy(model, modality) for model in models]
        return [np.array([-spearman(np.array(gap), np.array(accuracy))])]

    @cached_property
    def law(self) -> dict:
        """The fit of `fit-scaling`."""
        return read_json(self.folder / "scaling" / "scaling.json")["law"]


@dataclass(frozen=True)
class Claim:
    """A claim, as a number above a bound.

    Attributes:
        text: the claim in words.
        source: where it is from.
        number: what the number is.
        of_run: returns the number's values in one run.
        bound: above which the claim is true.
        varied: what makes the difference, as commands.
    """

    text: str
    source: str
    number: str
    of_run: Callable[[Run], Strata]
    bound: float = 0.0
    varied: str = ""

    def verdict(self, found: OverSeeds) -> str:
        """Return whether the claim holds."""
        lows = [found.low, found.low if found.t_low is None else found.t_low]
        highs = [found.high, found.high if found.t_high is None else found.t_high]
        if min(lows) > self.bound:
            return "holds"
        return "does not hold" if max(highs) < self.bound else "not told apart"


def _heard(first: str, second: str, task: str = "questions") -> Callable[[Run], Strata]:
    return lambda run: run.points((first, "speech"), (second, "speech"), task)


PAPER, BEYOND = "paper", "beyond it"
POINTS, NATS, CHECKPOINTS = "points", "nats a token", "minus the rank correlation over 16 checkpoints"
CLAIMS = (
    Claim("Distillation misaligns less than next-token prediction", PAPER, f"M, α = 0 minus α = 1, {NATS}",
          lambda run: run.more_nats("nll", "stage1", "misalignment"), varied="distill --alpha 0"),
    Claim("Distillation forgets less than next-token prediction", PAPER, f"F, α = 0 minus α = 1, {NATS}",
          lambda run: run.more_nats("nll", "stage1", "forgetting"), varied="distill --alpha 0"),
    Claim("α = 1 forgets less than α = 0.5", PAPER, f"F, α = 0.5 minus α = 1, {NATS}",
          lambda run: run.more_nats("half", "stage1", "forgetting"), varied="distill --alpha 0.5"),
    Claim("Distillation answers more spoken questions", PAPER, f"α = 1 minus α = 0, {POINTS}",
          _heard("stage1", "nll"), varied="distill --alpha 0"),
    Claim("M tells the accuracy on speech", PAPER, CHECKPOINTS,
          lambda run: run.rank_correlation("misalignment", "speech"), varied="gap, eval"),
    Claim("F tells the accuracy on text", PAPER, CHECKPOINTS,
          lambda run: run.rank_correlation("forgetting", "text"), varied="gap, eval"),
    Claim("M falls with training as a power of the positions", PAPER, "exponent of four lengths of Stage I",
          lambda run: [np.array([run.law["exponent"]["value"] if run.law["exponent_found"] else 0.0])],
          varied="distill --max-steps, fit-scaling"),
    Claim("Stage II on texts where the gap is beats random texts", PAPER, f"active minus uniform, {POINTS}",
          _heard("active", "uniform"), varied="select --strategy uniform"),
    Claim("Synthetic speech helps at all", PAPER, f"uniform minus none, {POINTS}", _heard("uniform", "none"),
          varied="align --data natural:2"),
    Claim("γ = 5 beats γ = 1", PAPER, POINTS, _heard("gamma-5", "active"), varied="select --gamma 5"),
    Claim("More regions beat fewer", PAPER, f"24 minus 6 regions, {POINTS}",
          _heard("double-regions", "half-regions"), varied="regions --clusters"),
    Claim("What is read survives: no more than 2 points are lost", PAPER, f"active minus text LLM, read, {POINTS}",
          lambda run: run.points(("active", "text"), (ORIGINAL, "text")), -2.0, "eval --modality text"),
    Claim("Three voices beat one on a voice that was not heard", BEYOND, f"Stage I, {POINTS}",
          _heard("stage1", "one-voice", "heldout"), varied="synth with one --voice"),
    Claim("The gap says more than the distance from speech", BEYOND, f"active minus coverage, {POINTS}",
          _heard("active", "coverage"), varied="select --strategy coverage"),
    Claim("Teacher KL is a better gap than Jensen-Shannon", BEYOND, POINTS, _heard("active", "metric-jsd"),
          varied="select --metric jsd"),
    Claim("Teacher KL is a better gap than the NLL gap", BEYOND, POINTS, _heard("active", "metric-nll-gap"),
          varied="select --metric nll-gap"),
)  # fmt: skip


def _folder_of(model: str) -> str:
    if model in ("stage1", ORIGINAL):
        return model
    return f"stage1-{model}" if model in FIRST else f"stage2-{model}"


@cache
def _answers(run: Path, model: str, modality: str, task: str) -> dict[str, dict]:
    rows = read_rows(run / "eval-all" / model / f"predictions-{task}_{modality}.parquet", PREDICTIONS)
    return {row["id"]: row for row in rows}


@cache
def _nats(gap: Path, metric: str) -> dict[str, float]:
    table = read_table(gap / "items.parquet", ITEMS)
    return dict(zip(table.column("id").to_pylist(), table.column(metric).to_pylist(), strict=True))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Return the rank correlation of two columns [n]."""
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def seeds_to_tell(of_seeds: list[float], bound: float) -> int | None:
    """Return of how many such seeds the t interval would leave out the bound, if the mean stays; None above 200."""
    from scipy.stats import t

    away, spread = abs(np.mean(of_seeds) - bound), np.std(of_seeds, ddof=1)
    enough = (seeds for seeds in range(2, MOST_SEEDS + 1) if t.ppf(0.975, seeds - 1) * spread / seeds**0.5 < away)
    return next(enough, None)


def _would_tell(claim: Claim, runs: list[Run], verdict: str) -> str:
    if verdict != "not told apart" or len(runs) == 1:
        return "–"
    of_seeds = [over_seeds([claim.of_run(run)]).value for run in runs]
    return str(seeds_to_tell(of_seeds, claim.bound) or f"more than {MOST_SEEDS}")


def page(runs: list[Run]) -> str:
    """Return docs/claims.md.

    Raises:
        SaladError: a part of a run is missing or damaged.
    """
    lines = [
        "# Claims on the desk",
        "",
        "Which claims of the paper (arXiv 2510.13632), and which beyond it, hold in a world that fits two CPU cores."
        " `bash recipes/desk_claims.sh` makes the runs and this page. Each claim is a number that is above its bound"
        " (0 unless it says another) if the claim is true. It holds if both 95 % intervals are above, it does not hold"
        " if both are below, and otherwise the desk cannot tell: then the page says of about how many such seeds the t"
        " interval would tell, if the mean stays as it is. Accuracies are means of four cells, by likelihood"
        " divided by length; M and F are of the same probes of the pool.",
        "",
        seeds_note(len(runs)),
        "",
        "| claim | from | number | mean | over seeds, then items | t over seeds | verdict | seeds to tell | varied |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for claim in CLAIMS:
        found = over_seeds([claim.of_run(run) for run in runs])
        digits = 1 if claim.number.endswith(POINTS) and claim.number != CHECKPOINTS else 3
        by_t = "–" if found.t_low is None else f"{found.t_low:.{digits}f} to {found.t_high:.{digits}f}"
        verdict = claim.verdict(found)
        lines.append(
            f"| {claim.text} | {claim.source} | {claim.number} | {found.value:+.{digits}f} |"
            f" {found.low:.{digits}f} to {found.high:.{digits}f} | {by_t} | {verdict} |"
            f" {_would_tell(claim, runs, verdict)} | `{claim.varied}` |"
        )
    lines += ["", "Training on the model's own words against training on others has a section of [results.md]"]
    lines[-1] += "(results.md#the-models-own-words)."
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the page, in Markdown")
    options = parser.parse_args()
    try:
        text = page([Run(folder) for folder in options.runs])
    except SaladError as error:
        parser.exit(2, f"error: {error.problem}\n  fix: {error.fix}\n")
    aside = options.out.with_suffix(".md.part")
    aside.write_text(text)
    os.replace(aside, options.out)


if __name__ == "__main__":
    main()
