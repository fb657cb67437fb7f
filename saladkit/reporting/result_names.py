"""Names of results: short ones for keys, readable ones for the page."""

import os
import re

# Keys of the summary, which cannot be names of results.
RESERVED = frozenset(
    {"command", "output", "text_accuracy", "subjects", "seconds", "total_seconds", "peak_memory_bytes"}
    | {"peak_memory_bytes_by_step", "chance", "best_guess", "tasks", "held_out_task", "choices", "examples", "regions"}
    | {"seeds", "seeds_note", "over_seeds", "text_groups", "missing", "runs"}
)
ROMAN = {"1": "I", "2": "II", "3": "III"}


def without_common_prefix(names: list[str]) -> list[str]:
    """Drop the beginning that all names share, up to an underscore; keep a single name whole."""
    prefix = os.path.commonprefix(names) if len(names) > 1 else ""
    cut = prefix.rfind("_") + 1
    return [name[cut:] for name in names]


def contrast_key(first: str, second: str) -> str:
    """Return the key of a difference: `stage2_active`, `stage2_uniform` -> `active_minus_uniform`."""
    return "_minus_".join(without_common_prefix([first, second]))


def label(name: str) -> str:
    """Return a readable name: `stage2_active` -> `Stage II active`."""
    words = re.sub(r"(?i)(?<![a-z])stage_?([123])(?![0-9])", lambda match: f"Stage {ROMAN[match[1]]} ", name).replace(
        "_", " "
    )
    words = " ".join(words.split())
    return words[:1].upper() + words[1:]
