"""Settings of `synth`."""

from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.settings.setting import Settings, setting
from saladkit.settings.shared import Columns, Device, Files, Language, Recognizer, Seed, Shards


@dataclass(frozen=True, kw_only=True)
class Gate(Settings):
    """Between which bounds a recording is kept; None removes a bound.

    The defaults keep every voice and rate of espeak-ng on the desk's texts; they catch what neural voices now and then
    do: stop early, babble on, fall silent.
    """

    duration_ratio: tuple[float, float] | None = setting(
        (0.25, 3.0),
        low=0,
        help="Leave out recordings that are shorter or longer than expected of their text by these factors.",
    )
    max_clipped: float | None = setting(0.01, low=0, high=1, help="Largest share of samples at full scale.")
    max_silence: float | None = setting(2.0, low=0, help="Longest silence, in s.")
    min_level: float | None = setting(-50.0, high=0, help="Lowest level, in dB of full scale.")
    max_cer: float | None = setting(
        None, low=0, help="Largest character error rate of the transcript by --asr.  [default: any]"
    )

    def check(self) -> None:
        """Raise a SaladError where bounds contradict each other."""
        super().check()
        if self.duration_ratio and self.duration_ratio[0] > self.duration_ratio[1]:
            raise SaladError("--duration-ratio: the first factor is above the second", "Give the lower one first.")


@dataclass(frozen=True, kw_only=True)
class Speaking(Language, Recognizer, Gate, Device):
    """How every row is spoken and checked."""

    aligner: str | None = setting(
        None,
        metavar="NAME",
        help="Aligner for rows for whose words the engine reports too few times: ctc:MODEL or sphinx.",
    )
    codec: str = setting("flac", choices=("flac", "wav"), help="16 bits, at the voice's own sample rate.")
    loudness: float | None = setting(
        None,
        low=-70,
        high=0,
        metavar="LUFS",
        help="Set every recording to this loudness (ITU-R BS.1770), such as -23.  [default: as the voice made it]",
    )

    def check(self) -> None:
        """Raise a SaladError where a bound cannot be checked."""
        super().check()
        if self.max_cer is not None and self.asr is None:
            raise SaladError("--max-cer is given, but nobody listens", "Name a recognizer with --asr.")


@dataclass(frozen=True, kw_only=True)
class SynthSettings(Speaking, Columns, Seed, Shards, Files):
    """Which voices speak, and how."""

    voices: tuple[str, ...] = setting(
        option="--voice",
        help="espeak:VOICE[+VARIANT][@RATE]; piper:PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N];"
        " kokoro:[FOLDER/]VOICE[@SPEED]; command:[limit=SECONDS] PROGRAM [ARGUMENT...], which reads the text and"
        " writes a wav; openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE], a server. A RATE, SPEED, N or"
        " numbered SPEAKER may be a range LOW..HIGH, drawn for each row. Repeat for more voices.",
    )
    choices: bool = setting(False, help="Also speak the choices of questions (eval --options spoken).")
    reuse: tuple[str, ...] = setting(
        (),
        metavar="FOLDER",
        recorded=False,
        help="Copy what earlier speech has with the same text, voice and settings; repeat for more.",
    )
    workers: int = setting(0, low=0, recorded=False, help="Number of processes; 0: one per core.")
