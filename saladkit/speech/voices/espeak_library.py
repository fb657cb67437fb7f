"""Load the library of espeak-ng anew for each use, and find the files of its voices.

No call of espeak-ng makes samples independent of what was spoken before: its wave generator keeps state in
function-local statics (pitch flutter, wave phase, noise), which neither setting the voice again nor espeak_Terminate
resets. So every utterance loads the library anew and fixes the seed of its noise. benchmarks/synth_espeak.py measures
the cost as `loading_ms` and `synthesis_ms`.
"""

import _ctypes
import ctypes
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

from saladkit.errors import SaladError

# From speak_lib.h, API revision 12
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_INITIALIZE_PHONEME_EVENTS = 0x0001
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_EVENT_PHONEME = 7

_DESCRIPTORS = Path("/proc/self/fd")  # on Linux
# The library has one set of statics: threads take turns.
_library_lock = threading.Lock()


class _EventId(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # 1-based, in characters
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms, rounded down from `sample`
        ("sample", ctypes.c_int),  # from the start of the utterance: more precise than `audio_position`
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


class _VoiceEntry(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),  # (priority byte, zero-terminated code)*, zero byte
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Synthesis:
    """What espeak-ng reports of one text.

    Attributes:
        samples: int16 [n].
        words: where each word begins: (0-based character of the text, sample).
        phonemes: where each phoneme begins: (espeak-ng's name of it, sample); empty unless they were asked for.
    """

    samples: np.ndarray
    words: list[tuple[int, int]]
    phonemes: list[tuple[str, int]]


@contextmanager
def fresh_library(*, phonemes: bool = False) -> Iterator[ctypes.CDLL]:
    """Load espeak-ng with all statics in their initial state, and unload it afterwards.

    Threads wait for each other here. Nothing else in the process may load the library: a second handle would keep the
    statics, and samples would depend on what was spoken before.

    Args:
        phonemes: whether it reports where each phoneme begins.
    """
    options = _INITIALIZE_DONT_EXIT | (_INITIALIZE_PHONEME_EVENTS if phonemes else 0)
    with _library_lock:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        if library.espeak_ng_GetSampleRate() != 0:
            warnings.warn(
                "espeak-ng stays loaded because something else in this process uses it: "
                "its samples depend on what was spoken before",
                stacklevel=2,
            )
        try:
            data_path = espeakng_loader.get_data_path().encode()
            library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, options)
            # espeak_Initialize seeds with the time of day, and the breath of f2, f3, whisper... is noise
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            if os.name == "posix":
                ctypes.CDLL(None).srand(1)  # builds of espeak-ng differ in which generator they use
            yield library
        finally:
            library.espeak_Terminate()
            unload = getattr(_ctypes, "dlclose" if os.name == "posix" else "FreeLibrary")
            unload(library._handle)


def set_voice(library: ctypes.CDLL, voice_file: str, words_per_minute: int) -> bool:
    """Set the library's voice, such as "gmw/en-US+f3", and its rate; return False if the voice cannot be loaded.

    espeak_SetVoiceByName lowers the name: if the file's name has capitals, every newly loaded library reads all voice
    files to find it. espeak_ng_SetVoiceByFile finds it at once, but takes paths of at most 59 characters. The path of a
    file descriptor is short enough.
    """
    name, plus, variant = voice_file.partition("+")
    path = Path(espeakng_loader.get_data_path()) / "lang" / name
    if name != name.lower() and path.is_file() and _DESCRIPTORS.is_dir():
        with path.open("rb") as file:
            short_path = f"{_DESCRIPTORS}/{file.fileno()}{plus}{variant}"
            loaded = library.espeak_ng_SetVoiceByFile(short_path.encode()) == 0
    else:
        loaded = library.espeak_SetVoiceByName(voice_file.encode()) == 0
    library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
    return loaded


def synthesize(library: ctypes.CDLL, text: str) -> Synthesis:
    """Speak a text."""
    blocks: list[bytes] = []
    words: list[tuple[int, int]] = []
    phonemes: list[tuple[str, int]] = []

    def collect(block: "ctypes._Pointer[ctypes.c_short]", length: int, event: "ctypes._Pointer[_Event]") -> int:
        if block and length:
            blocks.append(ctypes.string_at(block, 2 * length))
        index = 0
        while event[index].type != _EVENT_LIST_TERMINATED:
            if event[index].type == _EVENT_WORD:
                words.append((event[index].text_position - 1, event[index].sample))
            elif event[index].type == _EVENT_PHONEME:
                # A name of eight bytes fills the field without a zero at the end.
                phonemes.append((bytes(event[index].id.string).partition(b"\0")[0].decode(), event[index].sample))
            index += 1
        return 0

    callback = _SynthCallback(collect)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(
        encoded,
        ctypes.c_size_t(len(encoded) + 1),
        ctypes.c_uint(0),
        _POS_CHARACTER,
        ctypes.c_uint(0),
        ctypes.c_uint(_CHARS_UTF8),
        None,
        None,
    )
    return Synthesis(np.frombuffer(b"".join(blocks), np.int16), words, phonemes)


def find_voice_file(voice: str) -> str:
    """Return the voice file ("gmw/en") for a file name or a language code ("en-gb").

    espeak_SetVoiceByName takes only file names and English display names; it does not know "en-gb".

    Raises:
        SaladError: espeak-ng has no such voice.
    """
    wanted = voice.lower()
    candidates: list[tuple[int, str]] = []
    codes: set[str] = set()
    with fresh_library() as library:
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceEntry))
        for entry in library.espeak_ListVoices(None):
            if not entry:
                break
            identifier = entry.contents.identifier.decode()
            languages = _languages(entry.contents.languages)
            codes.add(languages[0][1])
            if wanted in (identifier.lower(), identifier.rpartition("/")[2].lower()):
                candidates.append((0, identifier))
            candidates += [(priority, identifier) for priority, code in languages if code == wanted]
    if not candidates:
        raise SaladError(
            f"espeak-ng has no voice {voice!r}",
            "Use one of: " + ", ".join(sorted(codes)) + ".",
        )
    return min(candidates)[1]


def _languages(address: int) -> list[tuple[int, str]]:
    """Return the (priority, language code) pairs of a voice; a lower number is a better match."""
    languages = []
    while priority := ctypes.string_at(address, 1)[0]:
        code = ctypes.string_at(address + 1)
        languages.append((priority, code.decode()))
        address += len(code) + 2
    return languages


def check_variant(variant: str) -> None:
    """Check that a variant exists; if not, espeak-ng would use the plain voice without a warning.

    Raises:
        SaladError: espeak-ng has no such variant.
    """
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    variants = sorted(path.name for path in folder.iterdir())
    if variant not in variants:
        raise SaladError(
            f"espeak-ng has no variant {variant!r}",
            "Use one of: " + ", ".join(variants) + ".",
        )
