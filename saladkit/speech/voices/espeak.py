"""espeak-ng in this process: formant voices that report when each word begins.

The same text and voice give the same samples, whatever was spoken before. espeak-ng has no call for
that: its wave generator keeps state in function-local statics (pitch flutter, wave phase, noise),
which neither setting the voice again nor espeak_Terminate resets. So every utterance loads the
library afresh and fixes the seed of its noise. That costs 3 ms; 5.9 s of speech take 9 ms on one
core, 680 times real time (1,000 times without reloading, and not reproducible).
"""

import _ctypes
import ctypes
import os
import random
import re
import threading
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from importlib.metadata import version
from pathlib import Path

import espeakng_loader
import numpy as np

from saladkit.errors import SaladError
from saladkit.formats.words import Word, split_words
from saladkit.speech.voices.control_characters import CONTROL_TO_SPACE
from saladkit.speech.voices.ranges import Range
from saladkit.speech.voices.voice import Utterance

# from speak_lib.h, API revision 12
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1

_DEFAULT_RATE = "175"
# espeak-ng's own limits; above 450 it speeds samples up after it has noted the word events
_RATES = (80, 450)

# One library, one set of statics: utterances of several threads take turns.
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
        ("audio_position", ctypes.c_int),  # ms, cut down from `sample`
        ("sample", ctypes.c_int),  # from the start of the utterance: the precise one
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


class EspeakVoice:
    """`VOICE[+VARIANT][@RATE]`, e.g. "en-us", "en-gb+m3", "en-us+f2@160", "en-us@150..200".

    VOICE is a language code or a voice file of espeak-ng, VARIANT a file of its `voices/!v`, RATE
    80 to 450 words per minute (default 175), or a range of them. Raises SaladError where one of the
    three does not exist.
    """

    def __init__(self, description: str, *, device: str = "cpu"):
        self.name = f"espeak:{description}"
        self.speaker = self.name.partition("@")[0]
        parts = re.fullmatch(r"([^+@]+)(?:\+([^@]+))?(?:@(\d+(?:\.\.\d+)?))?", description)
        if not parts:
            raise SaladError(
                f"{self.name!r} does not describe an espeak-ng voice.",
                "Write espeak:VOICE[+VARIANT][@RATE], for example espeak:en-us+f3@160.",
            )
        voice, variant, rate = parts.groups()
        self._rate = Range.parse(rate or _DEFAULT_RATE, within=_RATES, what="words per minute")
        self._voice_file = _find_voice_file(voice)
        self.language = voice.lower() if "/" not in voice else self._voice_file.rpartition("/")[2].lower()
        self.identity = {"espeakng-loader": version("espeakng-loader")}
        if variant:
            _check_variant(variant)
            self._voice_file += f"+{variant}"

    def narrowed(self, draws: random.Random) -> "EspeakVoice":
        """With one rate, a whole number, where the name gives a range."""
        if self._rate.is_one:
            return self
        voice = copy(self)
        voice._rate = self._rate.draw_whole(draws)
        voice.name = f"{self.speaker}@{voice._rate}"
        return voice

    def speak(self, text: str) -> Utterance:
        """Speak `text` (22050 Hz for nearly every voice).

        A word starts at the first event espeak-ng reports inside it: 11 ms before the first sound
        after a pause, measured with four variants. It ends where the next timed word starts, so
        pauses belong to the word before them; the last one ends at the last nonzero sample
        (espeak-ng adds up to 7 ms of zeros). Words that espeak-ng speaks as one with the word
        before ("of the", "in the", "most of") have no event of their own and so no times: 3.9 % of
        3182 words of English prose.

        Raises SaladError if espeak-ng finds no word in `text`.
        """
        with fresh_library() as library:
            if library.espeak_SetVoiceByName(self._voice_file.encode()) != 0:
                raise SaladError(
                    f"espeak-ng cannot load the voice {self.name!r}.",
                    "Choose another voice, for example espeak:en-us.",
                )
            library.espeak_SetParameter(_PARAMETER_RATE, round(self._rate.low), 0)
            pcm, events = _synthesize(library, text.translate(CONTROL_TO_SPACE))
            sample_rate = library.espeak_ng_GetSampleRate()

        sounding = np.flatnonzero(pcm)
        if not events or not len(sounding):
            raise SaladError(
                f"espeak-ng finds nothing to speak in {text[:80]!r}.",
                "Remove texts without letters or digits.",
            )
        starts = _first_events(split_words(text), events)
        samples = pcm.astype(np.float32) / 32768
        words = _words_with_times(text, starts, int(sounding[-1]) + 1, sample_rate)
        return Utterance(samples, sample_rate, words)


@contextmanager
def fresh_library() -> Iterator[ctypes.CDLL]:
    """Load espeak-ng with all its statics as in the file; unload it afterwards.

    The one loader of the process, and one user at a time: threads wait for each other here.
    A second handle kept open elsewhere would hold the statics, and samples would depend on what was spoken before.
    """
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
            library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, _INITIALIZE_DONT_EXIT)
            # espeak_Initialize seeds with the time of day: the breath of f2, f3, whisper... is noise
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            if os.name == "posix":
                ctypes.CDLL(None).srand(1)  # builds of espeak-ng differ in which generator they use
            yield library
        finally:
            library.espeak_Terminate()
            unload = getattr(_ctypes, "dlclose" if os.name == "posix" else "FreeLibrary")
            unload(library._handle)


def _synthesize(library: ctypes.CDLL, text: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Samples int16 [n] and the word events: (0-based character, sample)."""
    blocks: list[bytes] = []
    events: list[tuple[int, int]] = []

    def collect(block: "ctypes._Pointer[ctypes.c_short]", length: int, event: "ctypes._Pointer[_Event]") -> int:
        if block and length:
            blocks.append(ctypes.string_at(block, 2 * length))
        index = 0
        while event[index].type != _EVENT_LIST_TERMINATED:
            if event[index].type == _EVENT_WORD:
                events.append((event[index].text_position - 1, event[index].sample))
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
    return np.frombuffer(b"".join(blocks), np.int16), events


def _first_events(spans: list[tuple[str, int, int]], events: list[tuple[int, int]]) -> list[int | None]:
    """For each word the sample of the first event inside it, or None.

    Later events of a word (digit groups, hyphens, "e.g.") and events that point back are not
    starts. Two kinds of event point beside the word they announce: at a hyphen that stands alone
    ("go - now", the event of "now"), and behind a mark that is spoken ("yes . no", the "dot").
    """
    spoken = [index for index, (word, _, _) in enumerate(spans) if word.strip("-")]
    ends = [spans[index][2] for index in spoken]
    starts: list[int | None] = [None] * len(spans)
    last_timed = -1
    for position, sample in events:
        rank = bisect_right(ends, position)
        if rank and position == ends[rank - 1] and not _has_letters(spans[spoken[rank - 1]][0]):
            rank -= 1
        if last_timed < rank < len(spoken):
            starts[spoken[rank]] = sample
            last_timed = rank
    return starts


def _has_letters(word: str) -> bool:
    return any(character.isalnum() for character in word)


def _words_with_times(text: str, starts: list[int | None], speech_end: int, sample_rate: int) -> list[Word]:
    words: list[Word] = []
    next_start = speech_end
    for word, start in reversed(list(zip(text.split(), starts, strict=True))):
        if start is None:
            words.append(Word(word, None, None))
        else:
            words.append(Word(word, start / sample_rate, next_start / sample_rate))
            next_start = start
    return words[::-1]


def _find_voice_file(voice: str) -> str:
    """The voice file ("gmw/en") for a file name or a language code ("en-gb").

    espeak_SetVoiceByName takes only file names and English display names; it does not know
    "en-gb".
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
            f"espeak-ng has no voice {voice!r}.",
            "Use one of: " + ", ".join(sorted(codes)) + ".",
        )
    return min(candidates)[1]


def _languages(address: int) -> list[tuple[int, str]]:
    """(priority, language code) pairs of a voice; a lower priority number is a better match."""
    languages = []
    while priority := ctypes.string_at(address, 1)[0]:
        code = ctypes.string_at(address + 1)
        languages.append((priority, code.decode()))
        address += len(code) + 2
    return languages


def _check_variant(variant: str) -> None:
    """espeak-ng speaks with the plain voice, without a word, where the variant does not exist."""
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    variants = sorted(path.name for path in folder.iterdir())
    if variant not in variants:
        raise SaladError(
            f"espeak-ng has no variant {variant!r}.",
            "Use one of: " + ", ".join(variants) + ".",
        )
