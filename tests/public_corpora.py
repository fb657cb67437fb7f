"""The paper's corpora in the schemas in which they are published, with a few rows."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from saladkit.speech.audio.decoding import decode_row


def libriheavy(folder: Path, rows: list[dict]) -> Path:
    """Cuts of one book of Libri-Light, which lies where the manifest says."""
    book = "small/100/sea_fairies_0812_librivox_64kb_mp3/01_baum_sea_fairies_64kb"
    pieces, lines, begin = [], [], 0.0
    for number, row in enumerate(rows):
        samples, rate = decode_row(row, "rows")
        pieces += list(samples)
        cut = {"id": f"{book}_{number}", "start": begin, "duration": len(samples) / rate, "channel": 0}
        custom = {"texts": [row["text"], row["text"].upper()], "pre_texts": ["", ""], "begin_byte": 1, "end_byte": 9}
        supervision = cut | {
            "recording_id": book,
            "start": 0,
            "language": "English",
            "speaker": "100",
            "custom": custom,
        }
        lines.append(cut | {"supervisions": [supervision], "type": "MonoCut"})
        begin += len(samples) / rate
    source = {"type": "file", "channels": [0], "source": f"download/librilight/{book}.flac"}
    recording = {"id": book, "sources": [source], "sampling_rate": rate, "num_samples": len(pieces), "duration": begin}
    (folder / source["source"]).parent.mkdir(parents=True)
    soundfile.write(folder / source["source"], pieces, rate)
    path = folder / "libriheavy_cuts_small.jsonl.gz"
    with gzip.open(path, "wt") as stream:
        stream.writelines(json.dumps(line | {"recording": recording}) + "\n" for line in lines)
    return path


def emilia(folder: Path, rows: list[dict]) -> Path:
    """One tar file, in which a recording stands before or after what is said of it."""
    folder.mkdir(parents=True)
    path = folder / "EN-B000000.tar"
    with tarfile.open(path, "w") as archive:
        for number, row in enumerate(rows):
            samples, rate = decode_row(row, "rows")
            id_, sound = f"EN_B00000_S00000_W{number:06d}", io.BytesIO()
            soundfile.write(sound, samples, rate, format="MP3")
            told = {"id": id_, "wav": f"EN_B00000/EN_B00000_S00000/mp3/{id_}.mp3", "text": f" {row['text']}"}
            told |= {"duration": len(samples) / rate, "speaker": "EN_B00000_S00000", "language": "en", "dnsmos": 3.3}
            files = [(f"{id_}.mp3", sound.getvalue()), (f"{id_}.json", json.dumps(told).encode())]
            for name, content in files[:: 1 if number % 2 else -1]:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def fineweb_edu(folder: Path, texts: list[str]) -> Path:
    """Rows with an id of their own."""
    rows = [
        {"text": text, "id": f"<urn:uuid:{number}>", "dump": "CC-MAIN-2013-20", "url": "http://a.example/", "date": ""}
        | {
            "file_path": "s3://a",
            "language": "en",
            "language_score": 0.9,
            "token_count": 9,
            "score": 3.1,
            "int_score": 3,
        }
        for number, text in enumerate(texts)
    ]
    return _write(folder / "000_00000.parquet", rows)


def cosmopedia(folder: Path, texts: list[str]) -> Path:
    """Rows without ids."""
    told = {"prompt": "Write", "token_length": 9, "audience": "general", "format": "textbook", "seed_data": "a"}
    return _write(folder / "train-00000-of-00104.parquet", [told | {"text": text} for text in texts])


def _write(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
