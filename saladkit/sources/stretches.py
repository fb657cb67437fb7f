"""A stretch of a longer recording, as the path of its audio: `talk.wav#t=12.5,15.75`, `call.flac#t=3,7&channel=1`.

`t=START,END` is a W3C media fragment, in seconds from the start (Media Fragments URI 1.0, section 4.2.1; either may be
left out). `channel=0,2` is our addition: channels, counted from 0; without it the mean of all channels is read. Every
audio `path` in samples may end so. The stretch is part of the path, not columns of its own, so that all that copies
`audio` copies the stretch too, and a program that does not know it finds no file instead of reading too much audio.
"""

import re
from dataclasses import dataclass

_FRAGMENT = re.compile(
    r"(?P<path>.+?)#"
    r"(?=[tc])(?:t=(?=[\d,])(?P<start>\d+(?:\.\d+)?)?(?:,(?P<end>\d+(?:\.\d+)?))?)?"
    r"(?:(?:(?<=#)|&)channel=(?P<channels>\d+(?:,\d+)*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Stretch:
    """The part of a file that is read.

    Attributes:
        start, end: in seconds; None for the end of the file.
        channels: counted from 0; None for all.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    channels: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, path: str) -> "Stretch":
        """Return the stretch that a path names: all of the file, unless the path ends in a fragment."""
        found = _FRAGMENT.fullmatch(path)
        if found is None:
            return cls(path)
        channels = tuple(map(int, found["channels"].split(","))) if found["channels"] else None
        return cls(found["path"], float(found["start"] or 0), float(found["end"]) if found["end"] else None, channels)

    @property
    def is_whole(self) -> bool:
        """Whether this is all of the file."""
        return self.start == 0 and self.end is None and self.channels is None

    def __str__(self) -> str:
        """Return the path with its fragment, times to the nanosecond."""
        end = "" if self.end is None else f",{_seconds(self.end)}"
        parts = [f"t={_seconds(self.start)}{end}"] if self.start or end else []
        parts += [f"channel={','.join(map(str, self.channels))}"] if self.channels is not None else []
        return f"{self.path}#{'&'.join(parts)}" if parts else self.path


def _seconds(time: float) -> str:
    return f"{time:.9f}".rstrip("0").rstrip(".")
