"""Which foreign reader reads a path: one table of readers, each asked once."""

from collections.abc import Callable
from dataclasses import dataclass

from saladkit.errors import SaladError
from saladkit.sources.foreign.audiofolder import is_audiofolder, read_audiofolder
from saladkit.sources.foreign.common_voice import is_common_voice, read_common_voice
from saladkit.sources.foreign.kaldi import is_kaldi, read_kaldi
from saladkit.sources.foreign.lhotse import is_cuts, is_shar, read_cuts, read_shar
from saladkit.sources.foreign.ljspeech import is_ljspeech, read_ljspeech
from saladkit.sources.foreign.mls import is_mls, read_mls
from saladkit.sources.foreign.nemo import is_nemo, read_nemo
from saladkit.sources.foreign.rows import ForeignSamples
from saladkit.sources.foreign.text_beside_audio import is_text_beside_audio, read_text_beside_audio
from saladkit.sources.foreign.vctk import is_vctk, read_vctk
from saladkit.sources.place import Place
from saladkit.sources.wanted import Wanted


@dataclass(frozen=True)
class Reader:
    """One way in which other tools lay out samples.

    Attributes:
        name: what people call the layout.
        recognises: whether a place has this layout; looks at names first, and opens only Parquet files of this layout.
        read: reads the samples of a place with this layout.
    """

    name: str
    recognises: Callable[[Place], bool]
    read: Callable[[Place, Wanted], ForeignSamples]


# In this order: a place belongs to the first reader that recognises it.
READERS = (
    Reader("Lhotse Shar", is_shar, read_shar),
    Reader("audiofolder", is_audiofolder, read_audiofolder),
    Reader("Common Voice", is_common_voice, read_common_voice),
    Reader("Kaldi", is_kaldi, read_kaldi),
    Reader("LJSpeech", is_ljspeech, read_ljspeech),
    Reader("VCTK", is_vctk, read_vctk),
    Reader("Multilingual LibriSpeech", is_mls, read_mls),
    Reader("recordings with their texts", is_text_beside_audio, read_text_beside_audio),
    Reader("NeMo manifest", is_nemo, read_nemo),
    Reader("Lhotse cuts", is_cuts, read_cuts),
)


def find_reader(place: Place) -> Reader | None:
    """Return the foreign reader of a place; None for Parquet and JSON lines with our columns, and for anything else.

    Raises:
        SaladError: a file that has to be opened cannot be read, or a JSON file that is not a known manifest.
    """
    for reader in READERS:
        if reader.recognises(place):
            return reader
    if place.is_json and place.path.suffix != ".jsonl":
        raise SaladError(
            f"{place.path} is neither a NeMo manifest (one JSON object with audio_filepath a line) nor Lhotse cuts",
            _advice(place.first_object or {}),
        )
    return None


def _advice(first: dict) -> str:
    if "recording_id" in first or "sources" in first:
        return "Join recordings and supervisions into cuts first: `lhotse cut simple`."
    return "Give the manifest of the recordings, or samples in a .parquet or .jsonl file, not compressed."
