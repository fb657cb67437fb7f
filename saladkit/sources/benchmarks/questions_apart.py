"""Questions that a data set keeps apart from its recordings: joined by the stem of the recording's file name."""

from pathlib import PurePosixPath

from saladkit.errors import SaladError
from saladkit.sources.benchmarks.copied_folder import CopiedFolder
from saladkit.sources.benchmarks.named import NamedSource
from saladkit.sources.hub import read_hub_file
from saladkit.sources.json_lines import json_lines


class QuestionsApart:
    """The rows of `Benchmark.questions`, JSON lines with an `id` and an `audio_path`, by the stem of that path."""

    def __init__(self, source: NamedSource, folder: CopiedFolder | None) -> None:
        """Read the file.

        Raises:
            SaladError: the file is not there, or a line is no question.
        """
        name = source.benchmark.questions or ""
        self._name, self._recording = name, source.benchmark.recording
        path = read_hub_file(source.benchmark.hub, name, fix=source.how_to_get) if folder is None else folder.file(name)
        if path is None:
            raise SaladError(
                f"{source.folder} holds the recordings of {source.benchmark.title}, and not {name}, its questions",
                f"Copy {name} of {source.benchmark.hub} into {source.folder}.",
            )
        self._questions: dict[str, list[dict]] = {}
        self._heard: set[str] = set()
        for number, row in json_lines(path):
            if not isinstance(row.get("audio_path"), str):
                raise SaladError(
                    f"{path}, line {number}, has no audio_path", f"Copy {name} from the original data set."
                )
            self._questions.setdefault(_stem(row["audio_path"]), []).append(row)

    def joined(self, row: dict) -> dict:
        """Return a row with its question; with `excluded` and an `id` if it has none, or several."""
        recording = row.get(self._recording)
        if not recording:
            raise ValueError("its recording has no file name, by which its question is found")
        stem = _stem(recording)
        found = self._questions.get(stem, [])
        self._heard.add(stem)
        if len(found) == 1:
            return row | found[0]
        return row | {"id": stem, "excluded": f"{self._name} has {len(found) or 'no'} questions about {recording}"}

    def unheard(self) -> list[dict]:
        """Return the questions whose recordings have not been joined, each with `id` and `excluded`."""
        rows = [row for stem, of_stem in self._questions.items() if stem not in self._heard for row in of_stem]
        return [{"id": row["id"], "excluded": f"its recording {row['audio_path']} is not there"} for row in rows]


def _stem(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).stem
