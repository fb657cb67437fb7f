"""Samples of any kind, as `datasets`, Lhotse, NeMo and ms-swift have them. All four are read again by every command.

python examples/neighbours/hand_over.py nemo spoken -o manifest
python examples/neighbours/hand_over.py lhotse spoken -o cuts
python examples/neighbours/hand_over.py datasets spoken -o dataset
python examples/neighbours/hand_over.py swift spoken-chats -o rows

Stretches of long recordings stay stretches for NeMo (`offset`) and Lhotse (cuts). `datasets` and ms-swift know whole
files alone, so they get the stretch in a file of its own.
"""

import json
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import click
import soundfile

from saladkit.api import read_samples
from saladkit.errors import SaladError
from saladkit.formats.samples import iterate_rows
from saladkit.sources.stretches import Stretch
from saladkit.speech.audio.decoding import decode_row, seconds_of_row

NOT_THEIRS = ("audio", "words", "messages")  # columns that are laid out in another way, or have no place


def to_datasets(source: str, output: Path) -> int:
    """Write a `datasets.Dataset` with an Audio column by `save_to_disk`; returns the number of rows."""
    from datasets import Audio, Dataset

    table = read_samples(source, needed=("id", "text", "audio"))
    rows = Dataset.from_list([row | {"audio": _content(row, source)} for row in iterate_rows(table)])
    rows.cast_column("audio", Audio()).save_to_disk(output)
    return len(rows)


def to_nemo(source: str, output: Path) -> int:
    """Write `manifest.jsonl`, and WAV files for recordings inside a table; return the number of rows."""

    def lines() -> Iterator[dict]:
        for row in _rows(source):
            stretch = _file(row, source, output)
            line = {"audio_filepath": stretch.path, "duration": seconds_of_row(row, source)}
            line |= {} if stretch.is_whole else {"offset": stretch.start}
            yield line | {name: value for name, value in row.items() if name not in (*NOT_THEIRS, "duration")}

    return _write_lines(lines(), output / "manifest.jsonl")


def to_lhotse(source: str, output: Path) -> int:
    """Write `cuts.jsonl.gz`, each cut with its words, and WAV files for recordings inside a table."""
    from lhotse import CutSet, MonoCut, Recording, SupervisionSegment
    from lhotse.supervision import AlignmentItem

    def cut(row: dict) -> MonoCut:
        stretch, seconds = _file(row, source, output), seconds_of_row(row, source)
        recording = Recording.from_file(stretch.path, recording_id=stretch.path)
        words = [
            AlignmentItem(word["word"], stretch.start + (word["start"] or 0), _length(word), word["score"])
            for word in row.get("words") or []
        ]
        supervision = SupervisionSegment(
            id=row["id"],
            recording_id=recording.id,
            start=0,
            duration=seconds,
            text=row["text"],
            speaker=row.get("speaker"),
            alignment={"word": words} if words else None,
        )
        return MonoCut(row["id"], stretch.start, seconds, 0, supervisions=[supervision], recording=recording)

    cuts = CutSet.from_cuts(map(cut, _rows(source)))
    output.mkdir(parents=True, exist_ok=True)
    cuts.to_file(output / "cuts.jsonl.gz")
    return len(cuts.to_eager())


def to_swift(source: str, output: Path) -> int:
    """Write `rows.jsonl`: `messages` with `<audio>`, `audios`, and `audio_texts` for our own readers.

    A row without messages becomes a turn of the user, which is heard.
    """

    def lines() -> Iterator[dict]:
        for row in _rows(source):
            heard = [{"type": "audio", "text": row["text"]}]
            messages = row.get("messages") or [{"role": "user", "content": heard}]
            yield {
                "id": row["id"],
                "messages": [{"role": turn["role"], "content": _tagged(turn)} for turn in messages],
                "audios": [_file(row, source, output, whole=True).path],
                "audio_texts": [row["text"]],
            }

    return _write_lines(lines(), output / "rows.jsonl")


def _tagged(turn: dict) -> str:
    return " ".join("<audio>" if part["type"] == "audio" else part["text"] for part in turn["content"])


def _rows(source: str) -> Iterator[dict]:
    return iterate_rows(read_samples(source, needed=("id", "text", "audio")))


def _length(word: dict) -> float:
    """Return the seconds of a word; 0 says that nobody knows its times."""
    return 0.0 if word["start"] is None else word["end"] - word["start"]


def _content(row: dict, source: str) -> dict:
    """Return a recording as `datasets` takes it: its content, or the path of a whole file."""
    if row["audio"]["bytes"] is not None or Stretch.parse(row["audio"]["path"]).is_whole:
        return row["audio"]
    encoded = BytesIO()
    _write(row, source, encoded)
    return {"bytes": encoded.getvalue(), "path": None}


def _file(row: dict, source: str, output: Path, whole: bool = False) -> Stretch:
    """Return where the recording of a row lies: in its own file, or in one that is written into `output`."""
    content, stored = row["audio"]["bytes"], Stretch.parse(row["audio"]["path"] or "")
    if content is None and stored.channels is None and (stored.is_whole or not whole):
        return Stretch(str(Path(stored.path).resolve()), stored.start, stored.end)
    path = output.resolve() / "audio" / f"{quote(row['id'], safe='')}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(row, source, path)
    return Stretch(str(path))


def _write(row: dict, source: str, file: Path | BytesIO) -> None:
    samples, rate = decode_row(row, source)
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")  # 16 bits would round what was decoded


def _write_lines(lines: Iterator[dict], path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        return sum(bool(stream.write(json.dumps(line, ensure_ascii=False) + "\n")) for line in lines)


KINDS: dict[str, Callable[[str, Path], int]] = {
    "datasets": to_datasets,
    "lhotse": to_lhotse,
    "nemo": to_nemo,
    "swift": to_swift,
}


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("source")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
def main(kind: str, source: str, output: Path) -> None:
    """Write the samples of SOURCE as KIND has them."""
    try:
        print(f"{KINDS[kind](source, output)} rows in {output}")
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
