"""Settings of `eval`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Dtype, Files, Recognizer, Seed

MODALITIES = ("text", "speech", "cascade")
CONTINUATION, LETTER, BEST = "continuation", "letter", "best"


@dataclass(frozen=True, kw_only=True)
class Requests(Settings):
    """How a question becomes a request: its template, its examples, its options."""

    template: str | None = setting(
        None,
        choices=(CONTINUATION, LETTER, BEST),
        help="Score options as continuations, or list them and score their letters; best: whichever does better on"
        " --dev.  [default: continuation; with --generate: letter]",
    )
    dev: str | None = setting(
        None,
        metavar="SOURCE",
        recorded=False,
        help="Solved questions to choose the template on: the first 500, as text.  [default: the benchmark's own]",
    )
    options: str = setting(
        "text",
        choices=("text", "spoken"),
        help="How listed options are given where the question is speech input.",
    )
    num_fewshot: int = setting(0, low=0, help="Few-shot examples before each question: as many as fit, at most this.")
    fewshot: str | None = setting(
        None,
        metavar="SOURCE",
        recorded=False,
        help="Source of the few-shot examples, taken from its start.  [default: the benchmark's own, or the task]",
    )
    fewshot_modality: str = setting(
        "same",
        choices=("same", "text"),
        help="Modality of the examples before a question that is speech input: also speech, or text.",
    )
    max_length: int = setting(
        2048, low=2, help="Positions of context at most, and never more than the model was made for."
    )
    batch_size: int = setting(16, low=1, help="Questions per batch.")

    @property
    def spoken_options(self) -> bool:
        """Whether listed options are speech input too."""
        return self.options == "spoken"

    @property
    def spoken_examples(self) -> bool:
        """Whether the examples before a question that is speech input are speech input too."""
        return self.fewshot_modality == "same"


@dataclass(frozen=True, kw_only=True)
class Generation(Settings):
    """How answers are written, where models write them."""

    generate: bool = setting(False, help="Let the models write an answer, and see which option it names.")
    max_new_tokens: int = setting(64, low=1, help="Length of a written answer at most.")
    sampling_temperature: float = setting(
        0.0, low=0, help="Draw an answer's tokens by --seed at this temperature; 0 takes the most likely."
    )
    sampling_top_k: int = setting(50, low=1, help="Draw among this many most likely tokens.")
    voicebench_compatible: str | None = setting(
        None,
        metavar="FOLDER",
        recorded=False,
        help="Read answers by VoiceBench's rule, from a clone of it in FOLDER; answers that the rule cannot read are"
        " drawn.",
    )

    @property
    def writes(self) -> bool:
        """Whether the models write their answers."""
        return self.generate or self.voicebench_compatible is not None


@dataclass(frozen=True, kw_only=True)
class EvalSettings(Recognizer, Requests, Generation, Columns, Seed, Device, Dtype, Files):
    """Which models answer, in which modalities, and how they are asked."""

    teacher: str | None = setting(
        None, recorded=False, help="The text LLM that MODEL was made from: reads the questions too, and adds the gap."
    )
    compare: tuple[str, ...] = setting(
        (), metavar="CHECKPOINT", recorded=False, help="Another checkpoint to compare with MODEL; repeat for more."
    )
    modalities: tuple[str, ...] = setting(
        ("text", "speech"),
        option="--modality",
        choices=MODALITIES,
        commas=True,
        help="How questions are given: one, or several with commas. cascade: --teacher reads the transcript by --asr.",
    )
    perturb: tuple[str, ...] = setting(
        (),
        metavar="KIND=AMOUNT",
        help="Also give the recordings with noise (snr=10, in dB) or at another speed (speed=0.9); repeat for more.",
    )
    heard: tuple[str, ...] = setting(
        (),
        metavar="SAMPLES",
        recorded=False,
        help="Speech that the models were trained on: voices that it lacks are held out; repeat for more.",
    )

    @property
    def chosen_template(self) -> str:
        """The template, its default resolved."""
        return self.template or (LETTER if self.writes else CONTINUATION)

    def check(self) -> None:
        """Raise a SaladError where settings contradict each other."""
        super().check()
        if self.asr is not None and "cascade" not in self.modalities:
            raise SaladError(f"--asr {self.asr} has nothing to write down", "Add --modality cascade.")
        if "cascade" in self.modalities and (self.teacher is None or self.asr is None):
            raise SaladError(
                "a cascade needs a recognizer and the text LLM that reads what it wrote down",
                "Give --asr and --teacher.",
            )
        if self.perturb and self.modalities == ("text",):
            raise SaladError("--perturb changes recordings, and nothing is heard", "Add --modality speech.")
        if self.dev is not None and self.chosen_template != BEST:
            raise SaladError(f"--dev {self.dev}, and no template to choose on it", "Add --template best.")
        if self.fewshot is not None and not self.num_fewshot:
            raise SaladError(f"--fewshot {self.fewshot}, and no examples are asked for", "Add --num-fewshot.")
        if self.options == "spoken" and self.chosen_template == CONTINUATION:
            raise SaladError("--options spoken, and no options are listed", "Add --template letter.")
        if self.writes and self.max_new_tokens >= self.max_length:
            raise SaladError(
                f"--max-new-tokens {self.max_new_tokens} leaves no room in --max-length {self.max_length}",
                "Give a smaller number.",
            )
