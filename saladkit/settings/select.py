"""Settings of `select`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Files, Seed

STRATEGIES = ("active", "uniform", "proportional", "balanced", "coverage", "dsir", "knn", "hybrid")
MEASURED = ("active", "knn", "hybrid")  # go by a gap table
USE_GAMMA = ("active", "coverage", "knn", "hybrid")
COVERAGE = "coverage"  # the metric that the regions have themselves
SELECTION_METRICS = {  # further metrics, each with its figure in a gap table (`formats/gap_table.py`)
    "misalignment": "misalignment",
    "teacher-kl": "teacher_kl",
    "accuracy": "accuracy_gap",
    "nll-gap": "nll_gap",
    "jsd": "jsd",
}


@dataclass(frozen=True, kw_only=True)
class Preference(Settings):
    """Which texts are preferred, and by which figures."""

    strategy: str = setting(
        "active",
        choices=STRATEGIES,
        applies=lambda own: not own.probing,
        help="active: P(region) ~ P_pool * M^gamma (the method). uniform: any text. proportional: every region by"
        " its share. balanced: small regions as often as large ones (MetaCLIP). coverage: far from speech. dsir:"
        " similar to --target in words. knn: by the nearest probes. hybrid: M of the region, and far from speech.",
    )
    gap: str | None = setting(
        None,
        recorded=False,
        help="Gap table by region: needed by active, knn and hybrid. Its regions of bad speech are left out.",
    )
    gamma: float = setting(
        5.0,
        low=0,
        applies=lambda own: own.strategy in USE_GAMMA and not own.probing,
        help="Exponent of active, coverage, knn and hybrid.",
    )
    metric: str = setting(
        "teacher-kl",
        choices=(*SELECTION_METRICS, COVERAGE),
        applies=lambda own: own.strategy in MEASURED and not own.probing,
        help="Figure of the gap table that is M; coverage: the distance to speech that the regions have.",
    )
    bonus: float = setting(
        1.0,
        applies=lambda own: own.strategy == "knn" and not own.probing,
        help="Standard deviations of its prediction that knn adds to the prediction.",
    )
    target: tuple[str, ...] = setting(
        (), metavar="SAMPLES", recorded=False, help="Samples that dsir chooses similar texts to; repeat for more."
    )

    def check(self) -> None:
        """Raise a SaladError if something is missing that the strategy goes by."""
        super().check()
        if self.probing:
            return
        asks_nothing = self.strategy != "knn" and (self.metric == COVERAGE or self.gamma == 0)
        if self.strategy in MEASURED and self.gap is None and not asks_nothing:
            raise SaladError(
                f"there is no gap table, and --strategy {self.strategy} goes by it",
                "Give --gap, or a strategy that needs none, such as uniform.",
            )
        if self.strategy == "knn" and self.metric == COVERAGE:
            raise SaladError("--strategy knn goes by what was measured, not by coverage", "Give another --metric.")
        if (self.strategy == "dsir") != bool(self.target):
            problem = "needs texts to be like" if self.strategy == "dsir" else "goes by no target"
            raise SaladError(f"--strategy {self.strategy} {problem}", "Give --target with dsir, and with it alone.")

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the preference counts for nothing."""
        return False


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """How much speech is selected: exactly one of per_region, count, tokens, hours and fraction_of is set."""

    per_region: int | None = setting(None, low=1, help="Budget: this many texts of every region (probes).")
    count: int | None = setting(None, low=1, help="Budget: texts.")
    tokens: int | None = setting(None, low=1, help="Budget: tokens of --tokenizer.")
    tokenizer: str | None = setting(
        None, metavar="MODEL", recorded=False, help="Model whose tokenizer counts --tokens."
    )
    hours: float | None = setting(None, above=0, help="Budget: predicted hours of speech.")
    fraction_of: tuple[str, float] | None = setting(
        None, above=0, metavar="SPEECH SHARE", recorded=False, help="Budget: this share of the hours of these samples."
    )
    rate_from: tuple[str, ...] = setting(
        (),
        metavar="SPEECH",
        recorded=False,
        help="Samples with durations to fit the speaking rate to.  [default: those of --fraction-of]",
    )
    words_per_second: float = setting(
        2.5,
        above=0,
        applies=lambda own: not own.rate_from and own.fraction_of is None,
        help="Speaking rate where none is fitted.",
    )

    def check(self) -> None:
        """Raise a SaladError unless the budget is clear."""
        super().check()
        kinds = (self.per_region, self.count, self.tokens, self.hours, self.fraction_of)
        if sum(kind is not None for kind in kinds) != 1:
            raise SaladError(
                "the budget is not clear",
                "Give exactly one of --per-region, --count, --tokens, --hours and --fraction-of.",
            )
        if (self.tokens is None) != (self.tokenizer is None):
            raise SaladError(
                "--tokens and --tokenizer need each other: whose tokens are counted", "Give both, or another budget."
            )

    def recorded(self) -> dict:
        """Return what a manifest records; of fraction_of the share, as the speech is an input."""
        return super().recorded() | {"fraction": None if self.fraction_of is None else self.fraction_of[1]}


@dataclass(frozen=True, kw_only=True)
class Filters(Settings):
    """Which texts are left out for what they say."""

    min_words: int | None = setting(None, low=1, help="Leave out shorter texts.")
    max_words: int | None = setting(None, low=1, help="Leave out longer texts.")
    any_text: bool = setting(False, help="Keep tables, code, links and texts with hardly any letters.")
    near_duplicate: float | None = setting(
        None,
        above=0,
        high=1,
        metavar="COSINE",
        help="Leave out a text whose vector is this similar to that of a text drawn before.",
    )
    decontaminate: tuple[str, ...] = setting(
        (),
        metavar="QUESTIONS",
        recorded=False,
        help="Leave out texts that share --ngram words in a row with these questions; repeat for more.",
    )
    ngram: int = setting(
        13, low=1, applies=lambda own: bool(own.decontaminate), help="Words in a row, for --decontaminate."
    )
    decontaminate_cosine: float | None = setting(
        None,
        above=0,
        high=1,
        metavar="COSINE",
        help="Leave out also texts whose vector is this similar to a question's.",
    )

    def check(self) -> None:
        """Raise a SaladError if a filter could do nothing."""
        super().check()
        if self.decontaminate_cosine is not None and not self.decontaminate:
            raise SaladError("--decontaminate-cosine has no questions to compare with", "Give --decontaminate.")


@dataclass(frozen=True, kw_only=True)
class SelectSettings(Preference, Budget, Filters, Columns, Seed, Device, Files):
    """Which texts of a pool are chosen, and how many."""

    regions: str = setting(recorded=False, help="Regions of the pool (`saladkit regions`).")
    exclude: tuple[str, ...] = setting((), recorded=False, help="Samples chosen before; repeat for more.")
    explain: bool = setting(
        False, recorded=False, help="Print the regions as a table on stderr: keywords, gaps, what was drawn."
    )

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the preference counts for nothing."""
        return self.per_region is not None

    def check(self) -> None:
        """Raise a SaladError where settings contradict each other."""
        super().check()
        if self.near_duplicate is not None and self.probing:
            raise SaladError("--near-duplicate is not for probes", "Leave it out with --per-region.")
