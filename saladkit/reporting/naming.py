"""What results are called: short names for keys, readable ones for people."""

import os
import re

ROMAN = {"1": "I", "2": "II", "3": "III"}


def without_common_prefix(names: list[str]) -> list[str]:
    """Drop what all names begin with, up to an underscore; nothing is dropped from a single name."""
    prefix = os.path.commonprefix(names) if len(names) > 1 else ""
    cut = prefix.rfind("_") + 1
    return [name[cut:] for name in names]


def contrast_key(first: str, second: str) -> str:
    """`stage2_active`, `stage2_uniform` -> `active_minus_uniform`."""
    return "_minus_".join(without_common_prefix([first, second]))


def label(name: str) -> str:
    """A result's name as people read it: `stage2_active` -> `Stage II active`."""
    words = re.sub(r"(?i)(?<![a-z])stage_?([123])(?![0-9])", lambda match: f"Stage {ROMAN[match[1]]} ", name).replace(
        "_", " "
    )
    words = " ".join(words.split())
    return words[:1].upper() + words[1:]
