"""Settings of `eval`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import setting
from saladkit.settings.shared import (
    AnswerLength,
    BadAudio,
    ChatPrompt,
    Columns,
    Device,
    Dtype,
    Files,
    Recognizer,
    Seed,
)

MODALITIES = ("text", "speech", "cascade")
CONTINUATION, LETTER, BEST = "continuation", "letter", "best"
SPLIT_ALWAYS = ("domain", "speaker", "held_out")  # columns of predictions by which figures are split


@dataclass(frozen=True, kw_only=True)
class Requests(ChatPrompt):
    """How a question becomes a request: template, few-shot examples and options."""

    template: str | None = setting(
        None,
        choices=(CONTINUATION, LETTER, BEST),
        help="continuation: score every option as a continuation of the question; letter: list the options, and"
        " score their letters; best: the more accurate of both on --dev.  [default: continuation; with --generate:"
        " letter]",
    )
    dev: str | None = setting(
        None,
        metavar="SOURCE",
        recorded=False,
        help="Questions on which --template best compares the templates: the first 500, as text.  [default: the"
        " benchmark's own]",
    )
    options: str = setting(
        "text",
        choices=("text", "spoken"),
        help="How listed options are given if the question is speech: as text, or as speech too.",
    )
    num_fewshot: int = setting(
        0, low=0, help="Number of few-shot examples before each question; fewer if they do not fit."
    )
    fewshot: str | None = setting(
        None,
        metavar="SOURCE",
        recorded=False,
        help="Samples that begin with the few-shot examples.  [default: the benchmark's own, or the task]",
    )
    fewshot_modality: str = setting(
        "same",
        choices=("same", "text"),
        help="Modality of the few-shot examples if the question is speech: speech too (same), or text.",
    )
    max_length: int = setting(
        2048, low=2, help="Longest prompt with its continuation, in positions; never longer than the model's own limit."
    )
    batch_size: int = setting(16, low=1, help="Questions per batch.")

    @property
    def spoken_options(self) -> bool:
        """Whether listed options are speech input too."""
        return self.options == "spoken"

    @property
    def spoken_examples(self) -> bool:
        """Whether few-shot examples are speech input if the question is."""
        return self.fewshot_modality == "same"

    def check(self) -> None:
        """Raise a SaladError if there is a system prompt without a chat."""
        super().check()
        if self.system_prompt is not None and not self.apply_chat_template:
            raise SaladError(
                "--system-prompt without a chat template has no place", "Add --apply-chat-template, or leave it out."
            )


@dataclass(frozen=True, kw_only=True)
class Generation(AnswerLength):
    """How models generate answers."""

    generate: bool = setting(
        False,
        help="Let the models write an answer, and find the option that it names, instead of scoring options; open"
        " questions are compared with their `reference`.",
    )
    also_generate: bool = setting(
        False,
        help="Score options, and let the models write an answer after the same prompt as well: it is right if it begins"
        " with the right option.",
    )
    sampling_temperature: float = setting(
        0.0, low=0, help="Temperature at which an answer's tokens are drawn; 0: always the most likely token."
    )
    sampling_top_k: int = setting(50, low=1, help="Draw tokens among this many most likely ones.")
    voicebench_compatible: str | None = setting(
        None,
        metavar="FOLDER",
        recorded=False,
        help="Let the models write an answer, and parse it by VoiceBench's rule, from its git clone in FOLDER: an"
        " option is drawn at random if the rule finds none.",
    )

    @property
    def writes(self) -> bool:
        """Whether models generate answers instead of having options scored."""
        return self.generate or self.voicebench_compatible is not None

    @property
    def new_tokens(self) -> int:
        """Tokens of an answer that a prompt leaves room for."""
        return self.max_new_tokens if self.writes or self.also_generate else 0


@dataclass(frozen=True, kw_only=True)
class EvalSettings(Recognizer, Requests, Generation, BadAudio, Columns, Seed, Device, Dtype, Files):
    """Settings of `eval`: models, modalities, requests and answers."""

    teacher: str | None = setting(
        None,
        recorded=False,
        help="The text LLM that MODEL was made from; it is given the questions as text, to measure the gap.",
    )
    compare: tuple[str, ...] = setting(
        (),
        metavar="CHECKPOINT",
        recorded=False,
        help="Another checkpoint to evaluate and compare with MODEL; repeat for more.",
    )
    modalities: tuple[str, ...] = setting(
        ("text", "speech"),
        option="--modality",
        choices=MODALITIES,
        commas=True,
        help="How questions are given; several are separated by commas. cascade: --teacher is given transcripts by"
        " --asr.",
    )
    perturb: tuple[str, ...] = setting(
        (),
        metavar="KIND=AMOUNT",
        help="Also give the recordings with noise (snr=10, in dB), or at another speed (speed=0.9); repeat for more.",
    )
    heard: tuple[str, ...] = setting(
        (),
        metavar="SAMPLES",
        recorded=False,
        help="Speech that the models were trained on. A question in a voice that does not occur in it counts as held"
        " out. Repeat for more.",
    )

    by: tuple[str, ...] = setting(
        (),
        metavar="COLUMN",
        help="Also split results by a text or boolean column of the questions; repeat for more.",
    )

    @property
    def chosen_template(self) -> str:
        """The template, or its default."""
        return self.template or (LETTER if self.writes else CONTINUATION)

    def check(self) -> None:
        """Raise a SaladError if settings contradict each other."""
        super().check()
        if self.asr is not None and "cascade" not in self.modalities:
            raise SaladError(f"--asr {self.asr} is used for --modality cascade only", "Add --modality cascade.")
        if "cascade" in self.modalities and (self.teacher is None or self.asr is None):
            raise SaladError(
                "a cascade needs a recognizer, and a text LLM that gets the transcripts",
                "Give --asr and --teacher.",
            )
        if self.perturb and self.modalities == ("text",):
            raise SaladError("--perturb changes recordings, but there is no speech input", "Add --modality speech.")
        if self.dev is not None and self.chosen_template != BEST:
            raise SaladError(f"--dev {self.dev} is used for --template best only", "Add --template best.")
        if self.fewshot is not None and not self.num_fewshot:
            raise SaladError(f"--fewshot {self.fewshot} is used with --num-fewshot only", "Add --num-fewshot.")
        if self.options == "spoken" and self.chosen_template == CONTINUATION:
            raise SaladError(
                "--options spoken is for listed options, and --template continuation lists none",
                "Add --template letter.",
            )
        if self.also_generate and self.writes:
            other = "--generate" if self.generate else "--voicebench-compatible"
            raise SaladError(
                f"--also-generate scores options, and {other} does not", f"Leave out {other}, or --also-generate."
            )
        for column in self.by:
            if column in SPLIT_ALWAYS:
                raise SaladError(f"--by {column}: results are always split by it", f"Leave out --by {column}.")
        if self.new_tokens >= self.max_length:
            raise SaladError(
                f"--max-new-tokens {self.max_new_tokens} leaves no room in --max-length {self.max_length}",
                "Give a smaller --max-new-tokens, or a larger --max-length.",
            )
