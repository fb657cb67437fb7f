"""Parse written answers to multiple-choice questions: strictly, or by VoiceBench's own rule."""

import importlib
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from saladkit.errors import SaladError
from saladkit.scoring.answer_text import spoken_answer
from saladkit.scoring.written_answers import WrittenAnswer

_RULE = Path("src", "evaluator", "mcq.py")  # in a clone of VoiceBench


@dataclass(frozen=True)
class ParsedAnswer:
    """The option that an answer names.

    Attributes:
        choice: index of the option; None if the answer names no option or several.
        drawn: whether the option was drawn at random, because the answer could not be parsed.
    """

    choice: int | None
    drawn: bool = False


def parse_strictly(response: str, choices: list[str]) -> ParsedAnswer:
    """Return the option that an answer names: by its letter, or in the option's own words.

    An option is declared ("the answer is B", "I think it's (C)", a boxed letter, a first line of a letter alone) or
    begins a line ("b) London", "B because …", "London"). Lines that begin with several options list them, and name
    none. `choice` is None if the answer names no option or contradicts itself.
    """
    return ParsedAnswer(WrittenAnswer(response, choices).choice())


def voicebench_rule_file(folder: str | None) -> str | None:
    """Return the file of the rule in a clone of VoiceBench; None without a clone."""
    return None if folder is None else str(Path(folder) / _RULE)


class VoiceBenchRule:
    """The rule of a clone of VoiceBench, run unchanged.

    VoiceBench draws a letter from A to D for an answer that its rule cannot parse; here the draw depends on a seed.
    """

    def __init__(self, folder: str, seed: int):
        """Load `src/evaluator/mcq.py` of `folder`, a clone of github.com/MatthewCYM/VoiceBench.

        Raises:
            SaladError: the file is missing, or its interface has changed.
        """
        source = (Path(folder) / _RULE).parent.resolve()
        try:
            package = ModuleType(f"voicebench_{zlib.crc32(str(source).encode())}")
            package.__path__ = [str(source)]  # VoiceBench's __init__ imports packages for open answers
            sys.modules[package.__name__] = package
            self._extract = importlib.import_module(f"{package.__name__}.mcq").MCQEvaluator().extract_answer
        except (ImportError, AttributeError, TypeError, SyntaxError) as error:
            raise SaladError(
                f"{folder} is no VoiceBench with src/evaluator/mcq.py: {error}",
                "Run git clone https://github.com/MatthewCYM/VoiceBench, and give that folder.",
            ) from error
        self.seed = seed

    def parse(self, id_: str, response: str) -> ParsedAnswer:
        """Return the letter that VoiceBench's evaluator extracts, or a letter from A to D drawn by seed and id."""
        letter = self._extract(spoken_answer(response))
        if letter is not None and str(letter).upper() in tuple("ABCD"):
            return ParsedAnswer("ABCD".index(str(letter).upper()))
        random = np.random.default_rng([self.seed, 11, *id_.encode()])
        return ParsedAnswer(int(random.integers(4)), drawn=True)
