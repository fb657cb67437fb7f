"""Results of a block, saved after every batch: an interrupted run repeats only its last batch."""

import json
from collections.abc import Callable
from pathlib import Path


class PartialResults:
    """A file with one JSON line, [id, result], for each item. A last line that was cut off is ignored."""

    def __init__(self, path: Path):
        self.path, self._known = path, {}
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        for line in lines:
            id_, result = json.loads(line)
            self._known[id_] = result
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def get_or_compute(self, ids: list[str], compute: Callable[[], list]) -> list:
        """Return the saved results of a batch, in the order of `ids`, or compute and save them.

        If any result of a batch is missing, the whole batch is computed: in a smaller batch, results would differ in
        their last digits.

        Args:
            compute: returns one JSON value for each id.
        """
        if not all(id_ in self._known for id_ in ids):
            computed = compute()
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.writelines(json.dumps([id_, result]) + "\n" for id_, result in zip(ids, computed, strict=True))
            self._known |= dict(zip(ids, computed, strict=True))
        return [self._known[id_] for id_ in ids]
