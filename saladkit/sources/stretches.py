"""A stretch of a longer recording, as the path of its audio: `talk.wav#t=12.5,15.75`, `call.flac#t=3,7&channel=1`.

`t=START,END` is the W3C's way to name a stretch of media, in seconds from the beginning (Media Fragments URI 1.0,
section 4.2.1; either may be left out). `channel=0,2`, ours, names channels, counted from 0; without it all are heard,
as their mean. Any `path` of audio in samples may end so. It stands in the path, not in columns of its own, so that
whatever copies `audio` copies it whole, and so that a program that does not know it finds no file rather than hear too
much.
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
    """What is heard of a file.

    Attributes:
        start, end: in seconds; an `end` of None is the file's.
        channels: counted from 0; None for all.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    channels: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, path: str) -> "Stretch":
        """The stretch that a path names: all of the file, unless the path ends in a fragment."""
        found = _FRAGMENT.fullmatch(path)
        if found is None:
            return cls(path)
        channels = tuple(map(int, found["channels"].split(","))) if found["channels"] else None
        return cls(found["path"], float(found["start"] or 0), float(found["end"]) if found["end"] else None, channels)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return self.start == 0 and self.end is None and self.channels is None

    def __str__(self) -> str:
        """The path with its fragment, times to the nanosecond."""
        end = "" if self.end is None else f",{_seconds(self.end)}"
        parts = [f"t={_seconds(self.start)}{end}"] if self.start or end else []
        parts += [f"channel={','.join(map(str, self.channels))}"] if self.channels is not None else []
        return f"{self.path}#{'&'.join(parts)}" if parts else self.path


def _seconds(time: float) -> str:
    return f"{time:.9f}".rstrip("0").rstrip(".")
