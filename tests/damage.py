"""Damage files of artefacts at random."""

import json
import random
from pathlib import Path


def flip(path: Path, generator: random.Random) -> None:
    """Flip one random bit of a file."""
    data = bytearray(path.read_bytes())
    place = generator.randrange(8 * len(data))
    data[place // 8] ^= 1 << place % 8
    path.write_bytes(data)


def stored_files(folder: Path) -> list[str]:
    """Return the manifest and the files that it lists."""
    return ["manifest.json", *json.loads((folder / "manifest.json").read_text())["files"]]
