"""Damage valid files as strangers and disks do: bytes, texts, JSON values, Parquet columns, safetensors headers."""

import copy
import gzip
import io
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

DEEP = 100_000  # lists in lists; Python's own parsers give up at about 1,000
_RAW = {"@deep@": "[" * DEEP + "]" * DEEP, "@digits@": "9" * 5000, "@large@": "1e400"}  # JSON that no value gives
VALUES = [None, True, 0, -1, 7, 2**31, 2**63, 10**30, -(2**63) - 1, 0.5, math.nan, math.inf, -math.inf, 1e308]
VALUES += ["", " ", "x", "0", "\0", "\ud800", "\u2028", "../..", "a" * 5000, [], [[]], [None], {}, {"": None}, *_RAW]
WORDS = [
    "",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "1e999",
    "9" * 5000,
    "1_0",
    "٣",
    "\0",
    '"',
    "\t",
    "\n",
    "\r",
    "|",
    "{",
    "<",
]
WORDS += ["\ufeff", "\u2028", "\ud800", "%00", "../..", "/"]
BYTES = [
    b"",
    b"\0",
    b"\xff",
    b"\0" * 8,
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 3,
    b"\xff" * 3 + b"\x7f",
    b"\r\n",
    b"\xed\xa0\x80",
]
BYTES += [
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"PAR1",
    b"RIFF",
    b"OggS",
    b"ID3",
    b"\x80\0\0\0",
]
COLUMNS = [
    [1],
    [None],
    [math.nan],
    ["x"],
    [""],
    [b"\xff\0"],
    [[]],
    [[None]],
    [{"bytes": b"", "path": None}],
    [-1],
]
COLUMNS += [
    [{"word": None, "start": math.nan, "end": -1.0, "score": 2.0}],
    [True],
    [2**62],
    ["a" * 5000],
    [["x", None]],
]

_whole = st.integers(0, 2**32 - 1)


def _place(numbers: tuple[int, int], size: int) -> int:
    """Return a place in [0, size]: near the beginning, near the end or anywhere, where headers and footers get most."""
    where, number = numbers
    if where == 0:
        return min(size, number % 64)
    return max(0, size - number % 64) if where == 1 else number % (size + 1)


_places = st.tuples(st.integers(0, 2), _whole)
_edits = st.one_of(
    st.tuples(st.just("flip"), _places, st.integers(0, 7)),
    st.tuples(st.just("end"), _places, st.just(0)),
    st.tuples(st.just("remove"), _places, st.integers(1, 600)),
    st.tuples(st.just("repeat"), _places, st.integers(1, 600)),
    st.tuples(st.just("write"), _places, st.sampled_from(BYTES)),
    st.tuples(st.just("insert"), _places, st.sampled_from(BYTES)),
)


def _edited(data: bytes, edit: tuple) -> bytes:
    kind, numbers, what = edit
    at = _place(numbers, len(data))
    if kind == "flip":
        return data[:at] + bytes(byte ^ 1 << what for byte in data[at : at + 1]) + data[at + 1 :]
    if kind == "end":
        return data[:at]
    if kind == "remove":
        return data[:at] + data[at + what :]
    if kind == "repeat":
        return data[: at + what] + data[at:]
    return data[:at] + what + data[at + (len(what) if kind == "write" else 0) :]


@st.composite
def damaged_bytes(draw, data: bytes) -> bytes:
    """One to three edits anywhere."""
    for edit in draw(st.lists(_edits, min_size=1, max_size=3)):
        data = _edited(data, edit)
    return data


@st.composite
def damaged_text(draw, data: bytes) -> bytes:
    """Fields, lines or the encoding of a text changed."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    for _ in range(draw(st.integers(1, 2))):
        fields = text.split(separator := draw(st.sampled_from([" ", "\n", "\t", "|", ",", '"'])))
        at = draw(_whole) % len(fields)
        fields[at : at + draw(st.integers(0, 2))] = draw(st.sampled_from([[], *([word] for word in WORDS)]))
        text = separator.join(fields)
    return text.encode(draw(st.sampled_from(["utf-8"] * 6 + ["utf-16", "utf-32", "utf-7"])), "surrogatepass")


def _nodes(value: object) -> list[tuple]:
    """Return (container, key) of everything in a JSON value."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        found += _nodes(inner)
    return found


def _json(value: object) -> str:
    text = json.dumps(value)
    for name, raw in _RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text


@st.composite
def damaged_value(draw, value: object) -> str:
    """JSON with one to three values replaced, removed, renamed or nested."""
    value = json.loads(json.dumps([value]))
    for _ in range(draw(st.integers(1, 3))):
        nodes = _nodes(value)
        container, key = nodes[draw(_whole) % len(nodes)]
        change = draw(st.sampled_from(["replace"] * 3 + ["remove", "rename", "nest"]))
        if change == "replace" or container is value:
            container[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))  # later edits go into it
        elif change == "nest":
            container[key] = [container[key]]
        elif change == "remove" or isinstance(container, list):
            del container[key]
        else:
            container[draw(st.sampled_from(WORDS))] = container.pop(key)
    return _json(value[0])


@st.composite
def damaged_json(draw, data: bytes) -> bytes:
    """One value of a JSON file, or one line of JSON lines, damaged; or a line repeated."""
    try:
        lines, separator = [json.loads(data)], ""
    except ValueError:
        lines, separator = [json.loads(line) for line in data.splitlines() if line.strip()], "\n"
    at = draw(_whole) % len(lines)
    texts = list(map(_json, lines))
    texts[at] = draw(st.one_of(damaged_value(lines[at]), damaged_value(lines[at]), st.sampled_from(texts)))
    return (separator.join(texts) + separator).encode()


@st.composite
def damaged_columns(draw, data: bytes) -> bytes:
    """A Parquet file with a column removed, repeated, or of another type, or with other rows."""
    table = pq.read_table(io.BytesIO(data))
    for _ in range(draw(st.integers(1, 2))):
        if not table.num_columns:
            break
        at = draw(_whole) % table.num_columns
        change, name = (
            draw(st.sampled_from(["type"] * 3 + ["remove", "repeat", "rows", "none"])),
            table.column_names[at],
        )
        if change == "type":
            values = draw(st.sampled_from(COLUMNS)) * table.num_rows
            table = table.set_column(at, name, pa.array(values))
        elif change == "remove":
            table = table.remove_column(at)
        elif change == "repeat":
            table = table.append_column(name, table.column(at))
        else:
            table = table.slice(0, 0) if change == "none" else pa.concat_tables([table, table.slice(0, 1)])
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


@st.composite
def damaged_header(draw, data: bytes) -> bytes:
    """A safetensors file with values of its header damaged, and mostly the right length before it."""
    size = int.from_bytes(data[:8], "little")
    header = draw(damaged_value(json.loads(data[8 : 8 + size]))).encode()
    length = draw(st.sampled_from([len(header)] * 6 + [0, 1, 2**31, 2**62, 2**64 - 1]))
    return length.to_bytes(8, "little") + header + data[8 + size :]


def damaged(name: str, data: bytes) -> st.SearchStrategy[bytes]:
    """Damaged contents of a file of this name, by its bytes or by what they mean."""
    by_meaning = {".json": damaged_json, ".jsonl": damaged_json, ".parquet": damaged_columns}
    by_meaning |= {".safetensors": damaged_header}
    by_meaning |= dict.fromkeys([".txt", ".ctm", ".TextGrid", ".csv", ".tsv", ".scp", ""], damaged_text)
    suffix = "." + name.rpartition(".")[2] if "." in name else ""
    if name.endswith(".jsonl.gz"):
        plain = damaged_json(gzip.decompress(data)).map(lambda text: gzip.compress(text, 1))
    elif suffix in by_meaning and data:
        plain = by_meaning[suffix](data)
    else:
        return damaged_bytes(data)
    return st.one_of(plain, plain, damaged_bytes(data))
