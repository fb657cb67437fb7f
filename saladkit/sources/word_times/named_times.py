"""What a reader of word times returns: words under the names that the tool gave."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from saladkit.formats.words import Word


@dataclass(frozen=True)
class NamedTimes:
    """The words of every recording as the tool spelled and timed them (s).

    Attributes:
        names: the tool's own names of the recordings, at least one.
        words_of: returns the words of a name; raises a SaladError if its file cannot be read.
    """

    names: Collection[str]
    words_of: Callable[[str], list[Word]]
