"""Which option an answer in words names: strictly, or by VoiceBench's own rule."""

import importlib
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from types import ModuleType

import numpy as np

from saladkit.errors import SaladError

_MARKED = r"\(?\**([A-Z])\**(?:\)|[.:,;)]|\s*$|\s*\n)"  # a letter that stands for an option, not an article or a name
_LETTER_FIRST = re.compile(rf"(?:^|\n)\s*{_MARKED}")
_LETTER_NAMED = re.compile(rf"(?i:\b(?:answer|option|choice)(?:\s+is|\s*:)?\s*:?\s*){_MARKED}")


@dataclass(frozen=True)
class Reading:
    """What an answer was read as: an option's index, None if none; `drawn` where it was drawn by chance instead."""

    choice: int | None
    drawn: bool = False


def read_strictly(response: str, choices: list[str]) -> Reading:
    """The one option that an answer names: by a letter that begins a line, by "the answer is C", or in its own words.

    An answer that names none, or several, is not read: `choice` is None.
    """
    response, letters = response.strip(), ascii_uppercase[: len(choices)]
    named = {*_LETTER_FIRST.findall(response), *_LETTER_NAMED.findall(response)} & {*letters}
    found = {letters.index(letter) for letter in named}
    if not found:
        line = _plain(response.split("\n")[0])
        found = {index for index, choice in enumerate(choices) if line and _plain(choice) == line}
    return Reading(found.pop() if len(found) == 1 else None)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def rule_file(folder: str | None) -> str | None:
    """Where a clone of VoiceBench has its rule."""
    return folder and str(Path(folder) / "src" / "evaluator" / "mcq.py")


class VoiceBenchRule:
    """The rule of a copy of VoiceBench, run as it is; what it cannot read it draws from A to D, here by a seed."""

    def __init__(self, folder: str, seed: int):
        """Load `src/evaluator/mcq.py` of `folder`, a clone of github.com/MatthewCYM/VoiceBench.

        Raises:
            SaladError: it is not there, or not as it was when this was written.
        """
        source = Path(rule_file(folder)).parent.resolve()
        try:
            package = ModuleType(f"voicebench_{zlib.crc32(str(source).encode())}")
            package.__path__ = [str(source)]  # its own __init__ imports what judging open answers needs
            sys.modules[package.__name__] = package
            self._extract = importlib.import_module(f"{package.__name__}.mcq").MCQEvaluator().extract_answer
        except (ImportError, AttributeError, TypeError, SyntaxError) as error:
            raise SaladError(
                f"{folder} is no VoiceBench with src/evaluator/mcq.py: {error}",
                "git clone https://github.com/MatthewCYM/VoiceBench, and give that folder.",
            ) from error
        self.seed = seed

    def read(self, id_: str, response: str) -> Reading:
        """The letter that VoiceBench's evaluator extracts; or one drawn from A to D, by the seed and the row's id."""
        letter = self._extract(response)
        if letter is not None and str(letter).upper() in tuple("ABCD"):
            return Reading("ABCD".index(str(letter).upper()))
        random = np.random.default_rng([self.seed, 11, *id_.encode()])
        return Reading(int(random.integers(4)), drawn=True)
