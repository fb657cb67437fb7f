"""What is preferred, and what is left out: the options of `select` that are no budget."""

from dataclasses import dataclass, fields

from saladkit.errors import SaladError
from saladkit.formats.gap_table import COVERAGE
from saladkit.selection.budget import Budget
from saladkit.selection.decontamination import NGRAM
from saladkit.settings.select import MEASURED, USE_GAMMA


@dataclass(frozen=True)
class Filters:
    """What is left out for what it says; None and empty: no such filter."""

    min_words: int | None = None
    max_words: int | None = None
    speakable_only: bool = True
    near_duplicate: float | None = None  # cosine similarity from which on two texts are the same
    decontaminate: tuple[str, ...] = ()  # questions of the evaluation
    ngram: int = NGRAM
    decontaminate_cosine: float | None = None

    def check(self, probing: bool) -> None:
        """Raise a SaladError if one of them could do nothing."""
        if self.decontaminate_cosine is not None and not self.decontaminate:
            raise SaladError("--decontaminate-cosine has no questions to compare with", "Give --decontaminate.")
        if self.near_duplicate is not None and probing:
            raise SaladError("--near-duplicate is not for probes", "Leave it out with --per-region.")


@dataclass(frozen=True)
class Choice:
    """What is preferred, and by which figures."""

    strategy: str = "active"  # one of `selection.strategies.STRATEGIES`
    gamma: float = 5.0
    metric: str = "teacher-kl"  # which figure of the gap table, or of the regions, is M
    bonus: float = 1.0  # of `knn`: standard deviations of a prediction that are added to it
    target: tuple[str, ...] = ()  # of `dsir`: samples whose like is wanted

    def check(self, gap: str | None) -> None:
        """Raise a SaladError if something is missing that the strategy goes by."""
        asks_nothing = self.strategy != "knn" and (self.metric == COVERAGE or self.gamma == 0)
        if self.strategy in MEASURED and gap is None and not asks_nothing:
            raise SaladError(
                f"there is no gap table, and --strategy {self.strategy} goes by it",
                "Give --gap, or a strategy that needs none, such as uniform.",
            )
        if self.strategy == "knn" and self.metric == COVERAGE:
            raise SaladError("--strategy knn goes by what was measured, not by coverage", "Give another --metric.")
        if (self.strategy == "dsir") != bool(self.target):
            problem = "needs texts to be like" if self.strategy == "dsir" else "goes by no target"
            raise SaladError(f"--strategy {self.strategy} {problem}", "Give --target with dsir, and with it alone.")

    def settings(self) -> dict:
        """What of it changes the texts that are chosen."""
        return {
            "strategy": self.strategy,
            "gamma": self.gamma if self.strategy in USE_GAMMA else None,
            "metric": self.metric if self.strategy in MEASURED else None,
            "bonus": self.bonus if self.strategy == "knn" else None,
        }


def selection_settings(settings: dict) -> dict:
    """The shell's options of `select`, with those of `choice`, `budget` and `filters` gathered."""
    rest = settings | {"speakable_only": not settings["any_text"]}
    del rest["any_text"]
    gathered = {
        name: kind(**{field.name: rest.pop(field.name) for field in fields(kind)})
        for name, kind in (("choice", Choice), ("budget", Budget), ("filters", Filters))
    }
    return rest | gathered
