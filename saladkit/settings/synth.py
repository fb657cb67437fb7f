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
        help="Leave out recordings whose duration, divided by that expected of the text, is outside these two bounds.",
    )
    max_clipped: float | None = setting(
        0.01, low=0, high=1, help="Leave out recordings with a larger share of samples at full scale."
    )
    max_silence: float | None = setting(2.0, low=0, help="Leave out recordings with a longer silence, in s.")
    min_level: float | None = setting(-50.0, high=0, help="Leave out quieter recordings, in dB of full scale.")
    max_cer: float | None = setting(
        None,
        low=0,
        help="Leave out recordings of which the transcript by --asr has a higher character error rate.  [default: keep"
        " all]",
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
        help="Aligner for rows in which the engine reports too few word times: ctc:MODEL or sphinx.",
    )
    codec: str = setting(
        "flac", choices=("flac", "wav"), help="Format of the recordings, with 16 bits at the voice's own sample rate."
    )
    loudness: float | None = setting(
        None,
        low=-70,
        high=0,
        metavar="LUFS",
        help="Bring every recording to this loudness (ITU-R BS.1770), such as -23.  [default: as the voice made it]",
    )

    def check(self) -> None:
        """Raise a SaladError if a bound cannot be checked."""
        super().check()
        if self.max_cer is not None and self.asr is None:
            raise SaladError("--max-cer needs a recognizer", "Name a recognizer with --asr.")


@dataclass(frozen=True, kw_only=True)
class SynthSettings(Speaking, Columns, Seed, Shards, Files):
    """Settings of `synth`: voices, and how every row is spoken."""

    voices: tuple[str, ...] = setting(
        option="--voice",
        help="Voice; repeat for more. espeak:VOICE[+VARIANT][@RATE];"
        " piper:PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N]; kokoro:[FOLDER/]VOICE[@SPEED];"
        " command:[limit=SECONDS] PROGRAM [ARGUMENT...], which reads the text and writes a wav;"
        " openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE], a server. RATE, SPEED, N and a numbered SPEAKER may be"
        " a range LOW..HIGH, from which a value is drawn for each row.",
    )
    choices: bool = setting(False, help="Also speak the choices of questions, for `eval --options spoken`.")
    reuse: tuple[str, ...] = setting(
        (),
        metavar="FOLDER",
        recorded=False,
        help="Copy recordings with the same text, voice and settings from this earlier speech; repeat for more.",
    )
    workers: int = setting(0, low=0, recorded=False, help="Number of processes; 0: one per core.")
