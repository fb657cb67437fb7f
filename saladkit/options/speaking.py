"""How `synth` speaks, and what it lets pass."""

from collections.abc import Callable
from functools import wraps

import click

from saladkit import options

_speaking = options.stack(
    click.option(
        "--voice",
        "voices",
        multiple=True,
        required=True,
        help="espeak:VOICE[+VARIANT][@RATE]; piper:PATH.onnx[#SPEAKER][@RATE][,noise=N][,noise-w=N];"
        " kokoro:[FOLDER/]VOICE[@SPEED]; command:[limit=SECONDS] PROGRAM [ARGUMENT...], which reads the text and writes"
        " a wav; openai:URL#VOICE[@SPEED][,model=NAME][,language=CODE], a server. A RATE, SPEED, N or numbered SPEAKER"
        " may be a range LOW..HIGH, drawn for each row. Repeat for more voices.",
    ),
    click.option("--choices", is_flag=True, help="Speak the choices of questions too (eval --options spoken)."),
    options.language,
    click.option(
        "--aligner",
        metavar="NAME",
        help="Places the words of rows for whose words the engine reports too few times: ctc:MODEL or sphinx.",
    ),
    click.option(
        "--codec",
        type=click.Choice(["flac", "wav"]),
        default="flac",
        show_default=True,
        help="16 bits, at the voice's own sample rate.",
    ),
    click.option(
        "--loudness",
        type=options.Real(min=-70, max=0),
        metavar="LUFS",
        help="Set every recording to it (ITU-R BS.1770), -23 say.  [default: as the voice made it]",
    ),
    click.option(
        "--reuse",
        multiple=True,
        metavar="FOLDER",
        help="Speech made before: what is equal in text, voice and settings is copied; repeat.",
    ),
    click.option("--workers", type=click.IntRange(min=0), default=0, help="Processes.  [default: one a core]"),
)
_gate = options.stack(
    click.option(
        "--duration-ratio",
        type=(options.Real(min=0), options.Real(min=0)),
        default=(0.25, 3.0),
        show_default=True,
        help="Recordings that are shorter or longer, by these factors of what their text should take, are left out.",
    ),
    click.option(
        "--max-clipped",
        type=options.Real(min=0, max=1),
        default=0.01,
        show_default=True,
        help="Largest share of samples at full scale.",
    ),
    click.option(
        "--max-silence",
        type=options.Real(min=0),
        default=2.0,
        show_default=True,
        help="Longest silence, in s.",
    ),
    click.option(
        "--min-level",
        type=options.Real(max=0),
        default=-50.0,
        show_default=True,
        help="Lowest level, in dB of full scale.",
    ),
    options.asr,
    click.option(
        "--max-cer", type=options.Real(min=0), help="Largest character error rate of what --asr hears.  [default: any]"
    ),
    options.device,
)
NAMES = ("codec", "loudness", "language", "aligner", "asr", "device")
GATE_NAMES = {"max_clipped": "clipped", "max_silence": "silence", "min_level": "level", "max_cer": "cer"}


def speaking(command: Callable) -> Callable:
    """The options of voices and of the gate; those of each row's speech are handed over together as `speaking`."""

    @wraps(command)
    def with_settings(**arguments: object) -> object:
        gate = {theirs: arguments.pop(ours) for ours, theirs in GATE_NAMES.items()}
        gate["duration_ratio"] = arguments.pop("duration_ratio")
        return command(speaking={name: arguments.pop(name) for name in NAMES} | {"gate": gate}, **arguments)

    return _speaking(_gate(with_settings))
