"""Settings of `select`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Files, Seed

STRATEGIES = ("active", "uniform", "proportional", "balanced", "coverage", "dsir", "knn", "hybrid")
MEASURED = ("active", "knn", "hybrid")  # strategies that need a gap table
USE_GAMMA = ("active", "coverage", "knn", "hybrid")
COVERAGE = "coverage"  # a metric that the regions themselves have: the distance to speech
SELECTION_METRICS = {  # all other metrics, with their columns in a gap table (`formats/gap_table.py`)
    "misalignment": "misalignment",
    "teacher-kl": "teacher_kl",
    "accuracy": "accuracy_gap",
    "nll-gap": "nll_gap",
    "jsd": "jsd",
}


@dataclass(frozen=True, kw_only=True)
class Preference(Settings):
    """The selection strategy, and the figures that it uses."""

    strategy: str = setting(
        "active",
        choices=STRATEGIES,
        applies=lambda own: not own.probing,
        help="How texts are drawn. active: P(region) ~ P_pool * M^gamma (the method). uniform: every text alike."
        " proportional: each region by its share. balanced: small regions as often as large ones (MetaCLIP). coverage:"
        " texts far from speech. dsir: texts whose words resemble --target. knn: by the nearest probes. hybrid: by M of"
        " the region and distance from speech.",
    )
    gap: str | None = setting(
        None,
        recorded=False,
        help="Gap table with regions, for active, knn and hybrid. Its regions of bad speech are left out.",
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
        help="Figure of the gap table that is used as M; coverage: the regions' distance to speech.",
    )
    bonus: float = setting(
        1.0,
        applies=lambda own: own.strategy == "knn" and not own.probing,
        help="Standard deviations of the predicted M that knn adds to it, to prefer uncertain texts.",
    )
    target: tuple[str, ...] = setting(
        (), metavar="SAMPLES", recorded=False, help="Samples that texts drawn by dsir resemble; repeat for more."
    )

    def check(self) -> None:
        """Raise a SaladError if the strategy lacks a setting that it needs, or has one that it does not use."""
        super().check()
        if self.probing:
            return
        needs_no_gap = self.strategy != "knn" and (self.metric == COVERAGE or self.gamma == 0)
        if self.strategy in MEASURED and self.gap is None and not needs_no_gap:
            raise SaladError(
                f"there is no gap table, and --strategy {self.strategy} needs one",
                "Give --gap, or a strategy without one, such as uniform.",
            )
        if self.strategy == "knn" and self.metric == COVERAGE:
            raise SaladError(
                "--strategy knn needs a figure of the gap table, and --metric coverage is none",
                "Give another --metric.",
            )
        if (self.strategy == "dsir") != bool(self.target):
            problem = "needs --target" if self.strategy == "dsir" else "does not use --target"
            raise SaladError(f"--strategy {self.strategy} {problem}", "Give --target with dsir, and only with dsir.")

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the strategy has no effect."""
        return False


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """How much speech to select. Set exactly one of per_region, count, tokens, hours or fraction_of."""

    per_region: int | None = setting(None, low=1, help="Budget: number of texts of every region (probes).")
    count: int | None = setting(None, low=1, help="Budget: number of texts.")
    tokens: int | None = setting(None, low=1, help="Budget: number of tokens, by --tokenizer.")
    tokenizer: str | None = setting(
        None, metavar="MODEL", recorded=False, help="Model whose tokenizer counts --tokens."
    )
    hours: float | None = setting(None, above=0, help="Budget: predicted hours of speech.")
    fraction_of: tuple[str, float] | None = setting(
        None,
        above=0,
        metavar="SPEECH SHARE",
        recorded=False,
        help="Budget: predicted hours of speech, as a share of the hours of these samples.",
    )
    rate_from: tuple[str, ...] = setting(
        (),
        metavar="SPEECH",
        recorded=False,
        help="Samples with durations, to which the speaking rate is fitted.  [default: those of --fraction-of]",
    )
    words_per_second: float = setting(
        2.5,
        above=0,
        applies=lambda own: not own.rate_from and own.fraction_of is None,
        help="Speaking rate, unless it is fitted.",
    )

    def check(self) -> None:
        """Raise a SaladError unless exactly one kind of budget is given."""
        super().check()
        kinds = (self.per_region, self.count, self.tokens, self.hours, self.fraction_of)
        if sum(kind is not None for kind in kinds) != 1:
            raise SaladError(
                "there is no budget, or more than one",
                "Give exactly one of --per-region, --count, --tokens, --hours and --fraction-of.",
            )
        if (self.tokens is None) != (self.tokenizer is None):
            raise SaladError("--tokens and --tokenizer need each other", "Give both, or another budget.")

    def recorded(self) -> dict:
        """Return the settings that a manifest records; of fraction_of only the share, as the speech is an input."""
        return super().recorded() | {"fraction": None if self.fraction_of is None else self.fraction_of[1]}


@dataclass(frozen=True, kw_only=True)
class Filters(Settings):
    """Which texts are left out because of their content."""

    min_words: int | None = setting(None, low=1, help="Leave out shorter texts.")
    max_words: int | None = setting(None, low=1, help="Leave out longer texts.")
    any_text: bool = setting(False, help="Keep also tables, code, links and texts with hardly any letters.")
    near_duplicate: float | None = setting(
        None,
        above=0,
        high=1,
        metavar="COSINE",
        help="Leave out a text whose embedding has this cosine similarity or more to that of a text drawn before.",
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
        help="Also leave out a text whose embedding has this cosine similarity or more to that of a question.",
    )

    def check(self) -> None:
        """Raise a SaladError if a filter has nothing to compare with."""
        super().check()
        if self.decontaminate_cosine is not None and not self.decontaminate:
            raise SaladError("--decontaminate-cosine has no questions to compare with", "Give --decontaminate.")


@dataclass(frozen=True, kw_only=True)
class SelectSettings(Preference, Budget, Filters, Columns, Seed, Device, Files):
    """Settings of `select`: strategy, budget and filters."""

    regions: str = setting(recorded=False, help="Regions of the pool (`saladkit regions`).")
    exclude: tuple[str, ...] = setting((), recorded=False, help="Samples chosen before; repeat for more.")
    explain: bool = setting(
        False, recorded=False, help="Print a table of the regions on stderr: keywords, gaps, texts drawn."
    )

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the strategy has no effect."""
        return self.per_region is not None

    def check(self) -> None:
        """Raise a SaladError if settings contradict each other."""
        super().check()
        if self.near_duplicate is not None and self.probing:
            raise SaladError("--near-duplicate is not for probes", "Leave it out with --per-region.")
