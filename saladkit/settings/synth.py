"""Settings of `synth`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Files, Language, Recognizer, Seed, Shards


@dataclass(frozen=True, kw_only=True)
class Gate(Settings):
    """The quality gate: bounds within which a recording is kept; None for no bound.

    The defaults keep every voice and rate of espeak-ng on the desk's texts, and catch the occasional failures of neural
    voices: they stop early, babble on or fall silent.
    """

    duration_ratio: tuple[float, float] | None = setting(
        (0.25, 3.0),
        low=0,
        help="Leave out recordings whose duration, divided by the one expected from the text, is outside this range.",
    )
    max_clipped: float | None = setting(
        0.01, low=0, high=1, help="Leave out recordings in which a larger share of samples is clipped (at full scale)."
    )
    max_silence: float | None = setting(2.0, low=0, help="Leave out recordings with a longer silence, in s.")
    min_level: float | None = setting(
        -50.0, high=0, help="Leave out recordings with a lower level, in dB relative to full scale."
    )
    max_cer: float | None = setting(
        None,
        low=0,
        help="Leave out recordings with a higher character error rate of the transcript by --asr.  [default: no limit]",
    )

    def check(self) -> None:
        """Raise a SaladError if bounds contradict each other."""
        super().check()
        if self.duration_ratio and self.duration_ratio[0] > self.duration_ratio[1]:
            raise SaladError("--duration-ratio: the first factor is above the second", "Give the lower factor first.")


@dataclass(frozen=True, kw_only=True)
class Speaking(Language, Recognizer, Gate, Device):
    """How every row is spoken and checked."""

    aligner: str | None = setting(
        None,
        metavar="NAME",
        help="Aligner for rows where the voice times too few words: ctc:MODEL or sphinx.",
    )
    codec: str = setting(
        "flac", choices=("flac", "wav"), help="Audio format; 16 bits, at the sample rate of the voice."
    )
    loudness: float | None = setting(
        None,
        low=-70,
        high=0,
        metavar="LUFS",
        help="Set every recording to this loudness (ITU-R BS.1770), such as -23.  [default: unchanged]",
    )

    def check(self) -> None:
        """Raise a SaladError if a bound cannot be checked."""
        super().check()
        if self.max_cer is not None and self.asr is None:
            raise SaladError("--max-cer needs a recognizer", "Name a recognizer with --asr.")


@dataclass(frozen=True, kw_only=True)
class SynthSettings(Speaking, Columns, Seed, Shards, Files):
    """Settings of `synth`: voices, and how every row is spoken."""

    starts_processes = True

    voices: tuple[str, ...] = setting(
        option="--voice",
        help="Voice; repeat for several, one of which is drawn for each row. espeak:VOICE[+VARIANT][@RATE];"
        " phones:VOICE[+VARIANT][@RATE], phone posteriors for --speech-encoder phones;"
        " piper:PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N]; kokoro:[FOLDER/]VOICE[@SPEED];"
        " command:[limit=SECONDS] PROGRAM [ARGUMENT...], which reads the text and writes a wav, or is given {text} and"
        " {wav} as arguments;"
        " openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE], a server. A RATE, SPEED, N or numbered SPEAKER may"
        " be a range LOW..HIGH, from which it is drawn for each row.",
    )
    choices: bool = setting(False, help="Also speak the choices of questions, for `saladkit eval --options spoken`.")
    markup: str = setting(
        "strip",
        choices=("strip", "keep", "skip"),
        help="What to do with markup of HTML, of XML such as SSML, and of Markdown: strip it from the text, which is"
        " also what a model then reads (the text as given stays in the column text_with_markup); keep it, and read it"
        " out; or skip the row.",
    )
    reuse: tuple[str, ...] = setting(
        (),
        metavar="FOLDER",
        recorded=False,
        help="Copy recordings of the same text, voice and settings from the output of an earlier `synth`; repeat for"
        " more.",
    )
