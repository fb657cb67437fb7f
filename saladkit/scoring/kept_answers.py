"""Answers of a block as they come, so that a run that is cut off asks nothing twice but the batch that it was in."""

import json
from collections.abc import Callable
from pathlib import Path


class KeptAnswers:
    """One JSON line an item, behind each batch; a line that was cut off is none."""

    def __init__(self, path: Path):
        self.path, self._known = path, {}
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        for line in lines:
            id_, answer = json.loads(line)
            self._known[id_] = answer
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def of_batch(self, ids: list[str], make: Callable[[], list]) -> list:
        """What `make` gives for a batch, JSON values in the order of `ids`; kept from before if all of them are.

        A batch of which some are missing is made whole again: what stands beside an item changes its last digits.
        """
        if not all(id_ in self._known for id_ in ids):
            made = make()
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.writelines(json.dumps([id_, answer]) + "\n" for id_, answer in zip(ids, made, strict=True))
            self._known |= dict(zip(ids, made, strict=True))
        return [self._known[id_] for id_ in ids]
