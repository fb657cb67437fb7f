"""Public corpora as samples: recordings and texts of one corpus, from its published files to Parquet files.

python recipes/public_data.py libriheavy libriheavy_cuts_large.jsonl.gz -o speech   # audio stays in Libri-Light's files
python recipes/public_data.py emilia 'Emilia-YODAS/EN/*.tar' -o speech   # audio goes into the Parquet files
python recipes/public_data.py texts 'cosmopedia-v2/*.parquet' -o replay  # id and text alone

A file that is there is not made again. Rows are read one by one or in groups: memory does not grow with a corpus.
"""

import gzip
import json
import sys
import tarfile
from collections.abc import Iterator
from glob import glob
from itertools import islice
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from saladkit.errors import SaladError
from saladkit.formats.files import written_aside
from saladkit.formats.samples import write_samples
from saladkit.sources.stretches import Stretch

ROWS = 100_000  # of a part without audio


def libriheavy_rows(path: Path) -> Iterator[dict]:
    """Yield the cuts of LibriHeavy: the text with case and punctuation, and a stretch of a book of Libri-Light.

    Paths of recordings count from the folder of the manifest, as published: `download/librilight/…`.
    """
    with gzip.open(path, "rt") as lines:
        for line in lines:
            cut = json.loads(line)
            (supervision,), recording = cut["supervisions"], cut["recording"]
            file = (path.parent / recording["sources"][0]["source"]).resolve()
            yield {
                "id": cut["id"],
                "text": supervision["custom"]["texts"][0],
                "audio": {"bytes": None, "path": str(Stretch(str(file), cut["start"], cut["start"] + cut["duration"]))},
                "duration": cut["duration"],
                "speaker": supervision["speaker"],
                "source": "libriheavy",
            }


def emilia_rows(path: Path) -> Iterator[dict]:
    """Yield the rows of one tar file of Emilia: pairs of `ID.mp3` and `ID.json`, in either order."""
    waiting: dict[str, dict] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name, _, suffix = member.name.rpartition(".")
            if not member.isfile() or suffix not in ("mp3", "json"):
                continue
            content = archive.extractfile(member).read()  # type: ignore[union-attr]  # of a file, it is never None
            waiting.setdefault(name, {})[suffix] = content
            if len(waiting[name]) == 2:
                found = waiting.pop(name)
                told = json.loads(found["json"])
                row = {"id": told["id"], "text": told["text"].strip(), "audio": {"bytes": found["mp3"], "path": None}}
                yield row | {"duration": told["duration"], "speaker": told["speaker"], "source": "emilia"}
    if waiting:
        raise SaladError(
            f"{path} has {next(iter(waiting))} without its recording or its text", "Download the file again."
        )


def text_rows(path: Path) -> Iterator[dict]:
    """Yield id and text of a Parquet file; without a column `id`, the id is the file's name with the row's number."""
    file, number = pq.ParquetFile(path), 0
    columns = [name for name in ("id", "text") if name in file.schema_arrow.names]
    for batch in file.iter_batches(8192, columns=columns):
        for row in batch.to_pylist():
            yield {"id": str(row.get("id", f"{name_of(path)}/{number}")), "text": row["text"]}
            number += 1


KINDS = {"libriheavy": (libriheavy_rows, ROWS), "emilia": (emilia_rows, None), "texts": (text_rows, ROWS)}


def convert(kind: str, path: Path, output: Path) -> int:
    """Write the parts of one published file; returns how many there are."""
    rows_of, most = KINDS[kind]
    rows, number = rows_of(path), 0
    try:
        while group := list(islice(rows, most)):
            with written_aside(output / f"{name_of(path)}-{number:05d}.parquet") as aside:
                write_samples(pa.Table.from_pylist(group), aside)
            number += 1
    except (tarfile.TarError, EOFError, OSError, KeyError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise SaladError(f"{path} is damaged or not as published: {error!r}", "Download the file again.") from error
    (output / f"{name_of(path)}.done").touch()
    return number


def name_of(path: Path) -> str:
    """Return what the parts of a file are called: files of several folders have the same names."""
    return f"{path.parent.name}-{path.name.partition('.')[0]}"


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("pattern")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the samples.")
def main(kind: str, pattern: str, output: Path) -> None:
    """Make samples of the published files that match PATTERN."""
    try:
        if not (files := sorted(map(Path, glob(pattern)))):
            raise SaladError(f"no file is named {pattern}", "Download the corpus first: recipes/public_data.sh.")
        output.mkdir(parents=True, exist_ok=True)
        for path in files:
            if not (output / f"{name_of(path)}.done").exists():
                print(f"{path}: {convert(kind, path, output)} parts", file=sys.stderr)
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
