"""Settings of `select`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Decontamination, Device, Files, Seed

# The table in `selection/strategies.py` has these names, in this order (`tests/selection/test_strategies.py`).
STRATEGIES = ("active", "uniform", "proportional", "balanced", "coverage", "dsir", "knn", "hybrid")
MEASURED = ("active", "knn", "hybrid")  # strategies that need a gap table
USE_GAMMA = ("active", "coverage", "knn", "hybrid")
COVERAGE = "coverage"  # the one metric that regions hold themselves: the distance to spoken texts
PROGRESS = "progress"  # the one metric of two gap tables (`scoring/progress.py`)
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
        help="How texts are drawn. active: mostly from regions with a large gap, P(region) ~ P_pool * M^gamma (the"
        " method). uniform: every text is equally likely. proportional: exactly by each region's share of the pool."
        " balanced: small regions count more (MetaCLIP). coverage: mostly far from spoken texts. dsir: mostly with"
        " words like those of --target. knn: mostly where the nearest probes have a large gap. hybrid: active and"
        " coverage combined.",
    )
    gap: str | None = setting(
        None,
        recorded=False,
        help="Gap table (from `saladkit gap --regions`), for active, knn and hybrid.",
    )
    bad_speech: str = setting(
        "leave-out",
        choices=("leave-out", "keep"),
        applies=lambda own: own.gap is not None and not own.probing,
        help="What to do with regions that --gap marks as bad speech, under any strategy.",
    )
    gap_before: str | None = setting(
        None,
        recorded=False,
        help="Gap table of an earlier checkpoint, on the same probes as --gap, for --metric progress.",
    )
    gamma: float = setting(
        5.0,
        low=0,
        applies=lambda own: own.strategy in USE_GAMMA and not own.probing,
        help="Exponent of active, coverage, knn and hybrid: the higher, the stronger the preference.",
    )
    metric: str = setting(
        "teacher-kl",
        choices=(*SELECTION_METRICS, PROGRESS, COVERAGE),
        applies=lambda own: own.strategy in MEASURED and not own.probing,
        help="Figure of the gap table to use as M; progress: teacher KL of --gap-before minus that of --gap, which is"
        " large where training has helped; coverage: the distance to spoken texts, from the regions.",
    )
    max_noise: float = setting(
        0.33,
        low=0,
        high=1,
        recorded=False,
        help="Refuse a --gamma with which the sampling error of M puts more than this share of the texts into other"
        " regions; 1 refuses none.",
    )
    bonus: float = setting(
        1.0,
        applies=lambda own: own.strategy == "knn" and not own.probing,
        help="For knn: number of standard deviations to add to a predicted gap, so that uncertain texts are preferred.",
    )
    target: tuple[str, ...] = setting(
        (),
        metavar="SAMPLES",
        recorded=False,
        help="For dsir: samples that chosen texts shall be similar to; repeat for more.",
    )

    def check(self) -> None:
        """Raise a SaladError if the strategy lacks a setting that it needs, or has one that it does not use."""
        super().check()
        self._check_gap_before()
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
                "--strategy knn needs a figure of the gap table, and --metric coverage is not in it",
                "Give another --metric, such as misalignment or teacher-kl.",
            )
        if (self.strategy == "dsir") != bool(self.target):
            problem = "needs --target" if self.strategy == "dsir" else "does not use --target"
            raise SaladError(f"--strategy {self.strategy} {problem}", "Give --target with dsir, and only with dsir.")

    def _check_gap_before(self) -> None:
        used = self.metric == PROGRESS and self.strategy in MEASURED and self.gap is not None and not self.probing
        if used and self.gap_before is None:
            raise SaladError(
                "--metric progress needs the gap table of an earlier checkpoint",
                "Give --gap-before, or another --metric, such as teacher-kl.",
            )
        if self.gap_before is not None and not used:
            raise SaladError(
                "--gap-before has no effect here: it is for --metric progress, with --gap",
                f"Omit --gap-before, or give --metric progress with --gap and a strategy of {', '.join(MEASURED)}.",
            )

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the strategy has no effect."""
        return False


@dataclass(frozen=True, kw_only=True)
class Budget(Settings):
    """How much speech to select. Set exactly one of per_region, count, tokens, hours or fraction_of."""

    per_region: int | None = setting(
        None, low=1, help="Budget: this many texts of every region, as probes for `saladkit gap`."
    )
    count: int | None = setting(None, low=1, help="Budget: this many texts.")
    tokens: int | None = setting(None, low=1, help="Budget: this many tokens of --tokenizer.")
    tokenizer: str | None = setting(
        None, metavar="MODEL", recorded=False, help="Model whose tokenizer counts --tokens."
    )
    hours: float | None = setting(None, above=0, help="Budget: this many hours of speech, predicted from the texts.")
    fraction_of: tuple[str, float] | None = setting(
        None,
        above=0,
        metavar="SPEECH SHARE",
        recorded=False,
        help="Budget: this share of the hours of the samples SPEECH.",
    )
    rate_from: tuple[str, ...] = setting(
        (),
        metavar="SPEECH",
        recorded=False,
        help="Samples with durations, to estimate the speaking rate that predicts hours.  [default: those of"
        " --fraction-of]",
    )
    words_per_second: float = setting(
        2.5,
        above=0,
        applies=lambda own: not own.rate_from and own.fraction_of is None,
        help="Speaking rate that is assumed, unless it is estimated from samples.",
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
class Filters(Decontamination):
    """Which texts are left out because of their content."""

    min_words: int | None = setting(None, low=1, help="Leave out texts with fewer words.")
    max_words: int | None = setting(None, low=1, help="Leave out texts with more words.")
    any_text: bool = setting(
        False, help="Keep texts that are hard to speak: tables, code, links, texts with hardly any letters."
    )
    near_duplicate: float | None = setting(
        None,
        above=0,
        high=1,
        metavar="COSINE",
        help="Leave out a text if the cosine similarity to a text drawn earlier is at least this; texts that the"
        " embedder has read in part must also agree in the words beyond.",
    )
    decontaminate_cosine: float | None = setting(
        None,
        above=0,
        high=1,
        metavar="COSINE",
        help="Also leave out texts whose cosine similarity to one of the --decontaminate questions is at least this.",
    )
    decontaminate_answers: bool = setting(
        False,
        applies=lambda own: bool(own.decontaminate),
        help="Also leave out texts that hold the fact that a question asks: its right answer and the words that the"
        " question is about, in one sentence. Without it, chosen texts that do are counted.",
    )

    def check(self) -> None:
        """Raise a SaladError if a filter has nothing to compare with."""
        super().check()
        further = {"cosine": self.decontaminate_cosine is not None, "answers": self.decontaminate_answers}
        for name in (name for name, given in further.items() if given and not self.decontaminate):
            raise SaladError(f"--decontaminate-{name} has no questions to compare with", "Give --decontaminate.")


@dataclass(frozen=True, kw_only=True)
class SelectSettings(Preference, Budget, Filters, Columns, Seed, Device, Files):
    """Settings of `select`: strategy, budget and filters."""

    regions: str = setting(recorded=False, help="Regions of POOL (from `saladkit regions`).")
    exclude: tuple[str, ...] = setting(
        (),
        recorded=False,
        help="Leave out texts whose ids are in these samples, such as an earlier selection; repeat for more.",
    )
    explain: bool = setting(
        False, recorded=False, help="Print a table of all regions on stderr: keywords, gap, number of chosen texts."
    )

    @property
    def probing(self) -> bool:
        """Whether probes of every region are drawn; then the strategy has no effect."""
        return self.per_region is not None

    def check(self) -> None:
        """Raise a SaladError if settings contradict each other."""
        super().check()
        if self.near_duplicate is not None and self.probing:
            raise SaladError("--near-duplicate is not for probes", "Omit --near-duplicate with --per-region.")
