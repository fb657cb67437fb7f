"""One reader for every source of samples: artefact, Parquet, JSON lines, folder, glob, foreign column names."""

import json

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saladkit.errors import SaladError
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.samples import (
    AUDIO,
    COLUMNS,
    SCHEMA,
    VERSION,
    WORDS,
    iterate_rows,
    row_at,
    take_rows,
    words_from_row,
    words_to_row,
    write_samples,
)
from saladkit.formats.words import Word, split_words
from saladkit.sources import mapped_tables
from saladkit.sources.columns import ColumnNames, Columns
from saladkit.sources.samples import check_ids_distinct, read_samples

ROWS = [
    {"id": f"row-{i}", "text": f"Text number {i}.", "domain": "even" if i % 2 == 0 else "odd", "extra": i}
    for i in range(5)
]


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_artefact(folder, rows):
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={})
    for index, part in enumerate((rows[:2], rows[2:])):
        with writer.writing(f"part-0000{index}-of-00002.parquet") as aside:
            write_samples(pa.Table.from_pylist(part), aside)
    writer.finish(counts={"rows": len(rows)})


def write_arrow(path, rows, new=pa.ipc.new_stream):
    table = pa.Table.from_pylist(rows)
    with new(str(path), table.schema) as writer:
        writer.write_table(table)


@pytest.fixture(params=["parquet", "jsonl", "glob", "folder", "artefact", "arrow stream", "arrow file", "saved"])
def source(request, tmp_path):
    if request.param == "artefact":
        as_artefact(tmp_path / "artefact", ROWS)
        return tmp_path / "artefact"
    if request.param == "parquet":
        write_parquet(tmp_path / "rows.parquet", ROWS)
        return tmp_path / "rows.parquet"
    if request.param == "jsonl":
        write_jsonl(tmp_path / "rows.jsonl", ROWS)
        return tmp_path / "rows.jsonl"
    if request.param.startswith("arrow"):
        write_arrow(tmp_path / "rows.arrow", ROWS, pa.ipc.new_file if "file" in request.param else pa.ipc.new_stream)
        return tmp_path / "rows.arrow"
    if request.param == "saved":
        rows = datasets.Dataset.from_list(ROWS)
        rows.save_to_disk(tmp_path / "saved", num_shards=2)
        datasets.load_from_disk(tmp_path / "saved").map(lambda row: {"text": "left by map"})
        assert list((tmp_path / "saved").glob("cache-*.arrow"))
        return tmp_path / "saved"
    write_parquet(tmp_path / "a.parquet", ROWS[:2])
    write_parquet(tmp_path / "b.parquet", ROWS[2:])
    return tmp_path if request.param == "folder" else tmp_path / "*.parquet"


def test_every_source_gives_the_same_rows(source):
    assert read_samples(source, needed=["text"]).to_pylist() == ROWS
    some = read_samples(source, needed=["text"], optional=["domain", "speaker"], limit=3)
    assert some.to_pylist() == [{key: row[key] for key in ("id", "text", "domain")} for row in ROWS[:3]]
    assert read_samples(source, needed=["id"], optional=[]).column_names == ["id"]


def test_known_columns_have_our_types(source):
    table = read_samples(source, needed=["text"])
    for column in table.column_names:
        if column in COLUMNS:
            assert table.schema.field(column).type == COLUMNS[column]


def test_foreign_names_become_ours(tmp_path):
    rows = [{"key": row["id"], "sentence": row["text"], "text": "a caption", "wav": "a.flac"} for row in ROWS]
    write_parquet(tmp_path / "rows.parquet", rows)
    names = ColumnNames(id="key", text="sentence", audio="wav")
    table = read_samples(tmp_path / "rows.parquet", needed=["text", "audio"], names=names)
    assert table.column("id").to_pylist() == [row["id"] for row in ROWS]
    assert table.column("text").to_pylist() == [row["text"] for row in ROWS]
    assert table.schema.field("audio").type == AUDIO
    chosen = read_samples(tmp_path / "rows.parquet", needed=["text"], optional=[], names=names)
    assert sorted(chosen.column_names) == ["id", "text"]
    assert chosen.column("text").to_pylist() == [row["text"] for row in ROWS]


def test_audio_paths_are_taken_from_the_files_folder(tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [{"id": "a", "audio": "clips/a.flac"}, {"id": "b", "audio": "/else/b.flac"}])
    audio = read_samples(tmp_path / "rows.jsonl", needed=["audio"]).column("audio").to_pylist()
    assert audio == [{"bytes": None, "path": str(tmp_path / "clips/a.flac")}, {"bytes": None, "path": "/else/b.flac"}]


def test_numbers_as_ids_become_strings(tmp_path):
    write_parquet(tmp_path / "rows.parquet", [{"id": 7, "text": "a"}, {"id": 8, "text": "b"}])
    assert read_samples(tmp_path / "rows.parquet", needed=["text"]).column("id").to_pylist() == ["7", "8"]


def test_words_survive_writing_and_reading(tmp_path):
    words = [Word("Most", 0.0, 0.2, 0.9), Word("of", None, None), Word("us.", 0.2, 0.5)]
    row = {"id": "a", "text": "Most of us.", "words": words_to_row(words)}
    audio = {"bytes": b"RIFF", "path": None}
    write_samples(pa.Table.from_pylist([row | {"audio": audio, "further": [1, 2]}]), tmp_path / "rows.parquet")
    table = read_samples(tmp_path / "rows.parquet", needed=["words", "audio"])
    assert table.schema.field("words").type == WORDS
    assert table.column_names == ["id", "text", "audio", "words", "further"]
    [back] = iterate_rows(table)
    assert words_from_row(back) == words
    assert (back["audio"], back["further"]) == (audio, [1, 2])


def test_rows_come_one_by_one_whatever_the_batch(tmp_path):
    write_parquet(tmp_path / "rows.parquet", ROWS)
    table = read_samples(tmp_path / "rows.parquet", needed=["text"])
    assert list(iterate_rows(table, batch_rows=2)) == ROWS


@pytest.mark.parametrize(
    "rows, needed, problem",
    [
        ([{"id": "a", "sentence": "x"}], ["text"], r"has no column 'text' \(it has: id, sentence\)"),
        ([{"text": "x"}], ["text"], "has no column 'id'"),
        ([{"id": "a", "text": "x"}, {"id": "b", "text": None}], ["text"], "row 'b' has an empty text"),
        ([{"id": "a", "text": " \n"}], ["text"], "row 'a' has an empty text"),
        ([{"id": "a"}, {"id": None}], ["id"], "row 1 has no id"),
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], ["id"], "the id 'a' stands in 2 rows"),
        ([{"id": "a", "audio": "x.wav"}, {"id": "b", "audio": None}], ["audio"], "row 'b' has no audio"),
        ([{"id": "a", "words": "x"}], ["words"], "the column 'words' is string"),
    ],
)
def test_rows_that_cannot_be_used_are_named(rows, needed, problem, tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", rows)
    with pytest.raises(SaladError, match=problem) as raised:
        read_samples(tmp_path / "rows.jsonl", needed=needed)
    assert str(tmp_path / "rows.jsonl") in raised.value.problem
    assert raised.value.fix


def test_sources_that_cannot_be_read_are_named(tmp_path):
    write_parquet(tmp_path / "rows.parquet", ROWS)
    whole = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "broken.jsonl").write_text('{"id": "a"\n')
    (tmp_path / "rows.csv").write_text("id,text\n")
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), tmp_path / "none.parquet")
    for name in ("cut.parquet", "empty.parquet", "broken.jsonl"):
        with pytest.raises(SaladError, match=f"{name} cannot be read"):
            read_samples(tmp_path / name, needed=["id"])
    with pytest.raises(SaladError, match=r"rows\.csv is neither"):
        read_samples(tmp_path / "rows.csv", needed=["id"])
    with pytest.raises(SaladError, match=r"none\.parquet has no rows"):
        read_samples(tmp_path / "none.parquet", needed=["id"])
    for name in ("nothing.parquet", "*.feather"):
        with pytest.raises(SaladError, match="holds no samples"):
            read_samples(tmp_path / name, needed=["id"])


def test_an_id_in_two_sources_is_named():
    tables = [("a", pa.table({"id": ["x", "y"]})), ("b", pa.table({"id": ["z", "y"]}))]
    with pytest.raises(SaladError, match="the id 'y' stands in a and in b"):
        check_ids_distinct(tables)
    check_ids_distinct(tables[:1])


def test_words_have_the_places_where_they_stand():
    text = " a aa  a\n日本 a"
    assert [text[begin:end] for _, begin, end in split_words(text)] == text.split()
    assert [begin for _, begin, _ in split_words(text)] == [1, 3, 7, 9, 12]


def test_rows_are_taken_from_any_chunks_in_the_order_asked_for():
    chunks = [pa.array([str(i) for i in range(a, b)], pa.string()) for a, b in ((0, 3), (3, 3), (3, 10))]
    table = pa.table({"id": pa.chunked_array(chunks)})
    for rows in ([9, 0, 3, 3, 2], [], [5]):
        taken = take_rows(table, np.array(rows, dtype=np.int64))
        assert taken.column("id").to_pylist() == [str(row) for row in rows]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_may_be_stored_as_pandas_does(kind, tmp_path):
    row = {name: pa.array([name], kind) for name in ("id", "text", "audio", "domain")}
    pq.write_table(pa.table(row), tmp_path / "rows.parquet")
    table = read_samples(tmp_path / "rows.parquet", needed=["text", "audio"])
    assert table.schema.types == [pa.string(), pa.string(), AUDIO, pa.string()]
    assert table.column("audio").to_pylist() == [{"bytes": None, "path": str(tmp_path / "audio")}]


def test_dates_are_text(tmp_path):
    day, moment = "2020-01-01", "2021-03-04 05:06:07"
    row = {"id": day, "text": moment, "n": 1, "choices": [day, moment], "about": {"when": day, "where": "x"}}
    write_jsonl(tmp_path / "rows.jsonl", [row])
    assert read_samples(tmp_path / "rows.jsonl", needed=["text"]).to_pylist() == [row]


def test_columns_that_are_not_wanted_are_not_read(tmp_path):
    heard = {"bytes": b"sound", "path": None}
    rows = [{"id": f"{i}", "text": f"text {i}", "recording": heard, "audio": 1, "extra": i} for i in range(3)]
    write_parquet(tmp_path / "rows.parquet", rows)
    names = ColumnNames(audio="recording")
    assert read_samples(tmp_path / "rows.parquet", needed=["text"], names=names).column("audio").to_pylist() == 3 * [
        heard
    ]
    silent = read_samples(tmp_path / "rows.parquet", needed=["text"], without=["audio", "words"], names=names)
    assert silent.column_names == ["id", "text", "extra"]
    names = ColumnNames(audio="recording", text="extra")
    said = read_samples(tmp_path / "rows.parquet", needed=["text"], without=["extra"], names=names)
    assert said.column_names == ["id", "audio", "text"]  # what is needed is read all the same


def test_large_rows_are_mapped_few_at_a_time(monkeypatch, tmp_path):
    rows = [{"id": f"{i}", "audio": {"bytes": bytes(2000 + i), "path": None}} for i in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", compression="none", use_dictionary=False)
    monkeypatch.setattr(mapped_tables, "LARGE", 30_000)
    monkeypatch.setattr(mapped_tables, "BYTES_AT_ONCE", 10_000)
    mapped = read_samples(tmp_path / "rows.parquet", needed=["audio"], beside=tmp_path / "out" / "made")
    assert mapped.column("audio").num_chunks == 5
    assert [row_at(mapped, place) for place in (19, 0)] == [rows[19], rows[0]]


def test_a_file_is_as_large_as_the_columns_that_are_read(monkeypatch, tmp_path):
    rows = [{"id": f"{i}", "my.audio": bytes([i]) * 1000, "audio": {"bytes": bytes([i]) * 1000}} for i in range(100)]
    plain = {"compression": "none", "use_dictionary": False}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", **plain)
    monkeypatch.setattr(mapped_tables, "LARGE", 150_000)
    for without, is_large in (((), True), (("audio",), False), (("my.audio",), False)):
        assert mapped_tables.are_large([tmp_path / "rows.parquet"], Columns(without=without)) == is_large


def test_a_large_file_is_read_in_little_memory(monkeypatch, tmp_path):
    rows = [{"id": f"{i}", "audio": {"bytes": bytes([i]) * 100_000, "path": None}} for i in range(200)]
    plain = {"compression": "none", "use_dictionary": False}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", row_group_size=5, **plain)
    monkeypatch.setattr(mapped_tables, "BYTES_AT_ONCE", 1_000_000)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in mapped_tables.batches_of(tmp_path / "rows.parquet", Columns())]
    assert len(held) > 10 and max(held) < 5_000_000  # of 20 MB


def test_what_is_large_is_mapped_and_the_same(monkeypatch, tmp_path):
    rows = [{"id": f"{i}", "text": f"text {i}", "extra": i, "duration": 1} for i in range(50)]
    (tmp_path / "in").mkdir()
    for part in (0, 1):
        pq.write_table(pa.Table.from_pylist(rows[25 * part : 25 * part + 25]), tmp_path / "in" / f"{part}.parquet")
    plain = read_samples(tmp_path / "in", needed=["id", "text"])
    monkeypatch.setattr(mapped_tables, "LARGE", 0)
    monkeypatch.setattr(mapped_tables, "ROWS_AT_ONCE", 10)
    (tmp_path / "out").mkdir()
    before = pa.total_allocated_bytes()
    mapped = read_samples(tmp_path / "in", needed=["id", "text"], beside=tmp_path / "out" / "made")
    assert pa.total_allocated_bytes() <= before  # it stands in the file
    assert mapped.equals(plain) and mapped.column("text").num_chunks == 6
    assert not list((tmp_path / "out").iterdir())  # whose name is gone
    pq.write_table(pa.table({"id": ["x"], "text": ["y"]}), tmp_path / "in" / "2.parquet")
    with pytest.raises(SaladError, match="other columns"):
        read_samples(tmp_path / "in", needed=["id", "text"], beside=tmp_path / "out" / "made")
    assert not list((tmp_path / "out").iterdir())
