"""Results of a block, saved after every batch: an interrupted run repeats only its last batch."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class PartialResults:
    """A file with one JSON line, [what, id, result], for each result. A last line that was cut off is ignored."""

    def __init__(self, path: Path):
        self.path: Path = path
        self._known: dict[tuple[str, str], Any] = {}
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        for line in lines:
            what, id_, result = json.loads(line)
            self._known[what, id_] = result
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def get_or_compute(self, ids: list[str], compute: Callable[[], list], what: str = "") -> list:
        """Return the saved results of a batch, in the order of `ids`, or compute and save them.

        If any result of a batch is missing, the whole batch is computed: in a smaller batch, results would differ in
        their last digits.

        Args:
            compute: returns one JSON value for each id.
            what: names the results, where items have results of several kinds.
        """
        if not all((what, id_) in self._known for id_ in ids):
            computed = {(what, id_): result for id_, result in zip(ids, compute(), strict=True)}
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.writelines(json.dumps([*key, result]) + "\n" for key, result in computed.items())
            self._known |= computed
        return [self._known[what, id_] for id_ in ids]
