"""Further shapes in which public benchmarks are published: what each row becomes, and what cannot be asked."""

import json
from pathlib import Path

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_rows import ARC_ROW, AUDIO, CHOICES, CLOSING, ROWS

from saladkit.errors import SaladError
from saladkit.sources.samples import read_samples

READ = {"needed": ["id"], "optional": None}


def read(source, **settings):
    return read_samples(source, **(READ | settings)).to_pylist()


@pytest.mark.parametrize(
    "answer, expected",
    [
        ("falling", 1),
        ("\uff26alling", 1),
        ("Falling.", 1),
        (" FALLING ", 1),
        ("Flat", 2),  # not A, the first letter of no option; not "Falling" either
        ("broken.", 3),
        ("Angry", None),
        ("Bright", None),
        ("Sad", None),
        ("B", None),
        ("", None),
    ],
)
def test_mmsu_s_answer_is_an_option_in_its_own_words(answer, expected, copied):
    rows = [ROWS["mmsu"], ROWS["mmsu"] | {"id": "asked", "answer_gt": answer}]
    sound, row = read(copied("mmsu", *rows))
    assert sound["answer"] == 1 and sound["domain"] == "intonation_perception"
    assert row["id"] == "asked"
    if expected is None:
        assert row["answer"] == -1 and repr(answer) in row["excluded"] and "Falling" in row["excluded"]
    else:
        assert (row["answer"], row["excluded"] if "excluded" in row else None) == (expected, None)


@pytest.mark.parametrize(
    "options, answer, expected",
    [
        (["yes", "no", None, None], "No", (["yes", "no"], 1)),
        (["one", "two", "three", ""], "three", (["one", "two", "three"], 2)),
        (["Rising", "rising", None, None], "rising", (["Rising", "rising"], 1)),
        (["same", "same", "other", None], "same", None),
        (["alone", None, None, None], "alone", None),
    ],
)
def test_mmsu_has_questions_with_two_or_three_options(options, answer, expected, copied):
    choices = {f"choice_{letter}": option for letter, option in zip("abcd", options, strict=True)}
    row, _ = read(copied("mmsu", ROWS["mmsu"] | choices | {"answer_gt": answer}, ROWS["mmsu"] | {"id": "sound"}))
    if expected is None:
        assert repr(answer) in row["excluded"]
    else:
        assert (row["choices"], row["answer"]) == expected


QUESTION = {key: value for key, value in ROWS["mmsu"].items() if key != "audio"}


def older(folder, *, stems=("a", "b"), questions=("a", "b")):
    """MMSU's older files: Parquet with recordings alone, and the questions in JSON lines, some without options."""
    (folder / "data").mkdir(parents=True)
    sounds = pa.Table.from_pylist([{"audio": {"bytes": stem.encode(), "path": f"{stem}.wav"}} for stem in stems])
    pq.write_table(sounds, folder / "data" / "train-00000-of-00001.parquet")
    lines = [QUESTION | {"id": f"of {stem}", "audio_path": f"/audio/speed/{stem}.wav"} for stem in questions]
    lines[0] = {key: value for key, value in lines[0].items() if key not in ("choice_c", "choice_d")}
    if len(lines) > 1:
        lines[1] |= {"choice_c": 3}  # some options are numbers
    (folder / "question").mkdir()
    (folder / "question" / "mmsu.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"mmsu={folder}"


def test_mmsu_s_older_files_are_joined_by_the_stem_of_the_recording(tmp_path):
    first, second = read(older(tmp_path / "x", stems=("b", "a")))
    assert (first["id"], first["audio"], first["choices"][2]) == ("of b", {"bytes": b"b", "path": "b.wav"}, "3")
    assert (second["id"], second["audio"]["bytes"], second["choices"]) == ("of a", b"a", ["Rising", "Falling"])
    assert first["answer"] == second["answer"] == 1
    assert [row["id"] for row in read(f"mmsu={tmp_path / 'x'}", limit=1)] == ["of b"]


def test_what_cannot_be_joined_is_listed(tmp_path):
    rows = read(older(tmp_path / "x", stems=("a", "c", "d"), questions=("a", "b", "d", "d")))
    reasons = {row["id"]: row["excluded"] for row in rows}
    assert list(reasons) == ["of a", "c", "d", "of b"]
    assert reasons["of a"] is None
    assert "no questions about c.wav" in reasons["c"] and "2 questions about d.wav" in reasons["d"]
    assert "/audio/speed/b.wav is not there" in reasons["of b"]
    (tmp_path / "x" / "question" / "mmsu.jsonl").unlink()
    with pytest.raises(SaladError, match="not question/mmsu.jsonl, its questions"):
        read(f"mmsu={tmp_path / 'x'}")


def test_mmsu_s_older_files_on_the_hub(tmp_path, hub, monkeypatch):
    older(tmp_path / "x")
    hub("mmsu", {"audio": {"bytes": b"a", "path": "a.wav"}}, {"audio": {"bytes": b"b", "path": "b.wav"}})
    cache = tmp_path / "hub" / "datasets--ddwang2000--MMSU"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache.parent))
    with pytest.raises(SaladError, match="question/mmsu.jsonl of ddwang2000/MMSU is not in the Hugging Face cache"):
        read("mmsu")
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0" * 40)
    (cache / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (tmp_path / "x" / "question").rename(cache / "snapshots" / ("0" * 40) / "question")
    assert [(row["id"], row["audio"]["bytes"]) for row in read("mmsu")] == [("of a", b"a"), ("of b", b"b")]


def test_a_path_that_begins_with_a_slash_stays_in_the_folder(tmp_path):
    older(tmp_path / "x")
    (tmp_path / "x" / "data" / "train-00000-of-00001.parquet").unlink()
    first, _ = read(f"mmsu={tmp_path / 'x'}")
    assert first["audio"] == {"bytes": None, "path": str(tmp_path / "x" / "audio" / "speed" / "a.wav")}
    line = json.dumps(QUESTION | {"audio_path": "/../../etc/a.wav"})
    (tmp_path / "x" / "question" / "mmsu.jsonl").write_text(line)
    with pytest.raises(SaladError, match="leaves the data set"):
        read(f"mmsu={tmp_path / 'x'}")


def test_the_two_data_sets_called_mmsu_are_told_apart(copied):
    swapped = {"mmsu": ROWS["mmsu_lettered"], "mmsu_lettered": ROWS["mmsu"]}
    for name, ours in (("mmsu", "mmsu_lettered"), ("mmsu_lettered", "mmsu")):
        with pytest.raises(SaladError, match=f"which is called {ours} here"):
            read(copied(name, swapped[name]))
    rows = [ROWS["mmsu_lettered"] | {"id": letter, "answer": letter, "choice_d": None} for letter in ("C", "(a)", "D")]
    assert [row["answer"] for row in read(copied("mmsu_lettered", *rows))] == [2, 0, -1]


@pytest.mark.parametrize(
    "reference, prompt, expected",
    [
        ("yes", "Is this plausible? Tua scored.", (["Yes", "No"], 0, None)),
        ("No.", "Do you return to the start?", (["Yes", "No"], 1, None)),
        ("(B)", "Which has the right order: (A) old big dog (B) big old dog", (["(A)", "(B)"], 1, True)),
        ("a", "Which has the right order? a, old big dog, or b, big old dog", (["(A)", "(B)"], 0, True)),
        ("(C)", "Which? (A) x (B) y (C) z", (["(A)", "(B)", "(C)"], 2, True)),
        ("(C)", "Which? (A) x (B) y", ([], -1, None)),
        ("c", "Which? (a) x (b) y (c) z. Answer with (a), (b) or (c).", (["(A)", "(B)", "(C)"], 2, True)),
        ("maybe", "Which?", ([], -1, None)),
    ],
)
def test_answers_of_bbh_are_closed(reference, prompt, expected, copied):
    row = ROWS["voicebench_bbh"] | {"reference": reference, "prompt": prompt}
    (found, _) = read(copied("voicebench_bbh", row, ROWS["voicebench_bbh"] | {"id": "bbh_navigate_0"}))
    assert (found["choices"], found["answer"], found.get("letters")) == expected
    assert (found["id"], found["domain"]) == ("bbh_web_of_lies_218", "web_of_lies")
    assert (found["excluded"] is None) == bool(expected[0]) if "excluded" in found else expected[0]


def test_sd_qa_is_open_and_its_splits_are_accents(copied):
    rows = read(copied("voicebench_sd_qa"))
    assert [row["domain"] for row in rows[:3]] == ["aus", "gbr", "ind_n"] and len(rows) == 11
    assert all(row["reference"] == "Moses" and row["choices"] is None for row in rows)
    assert [row["id"] for row in read(f"{copied('voicebench_sd_qa')}:usa")] == ["0"]


@pytest.mark.parametrize(
    "answer, choices, right",
    [
        ("valid", ["valid", "invalid"], 0),
        ("Invalid", ["valid", "invalid"], 1),
        ("Yes", ["Yes", "No"], 0),
        ("no", ["Yes", "No"], 1),
        ("8", None, None),
    ],
)
def test_big_bench_audio_has_closed_and_open_answers(answer, choices, right, copied):
    (row,) = read(copied("big_bench_audio", ROWS["big_bench_audio"] | {"official_answer": answer}))
    assert (row["choices"], row["answer"], row["text"]) == (choices, right, "")
    assert row.get("reference") == (answer if choices is None else None)


def test_big_bench_audio_is_read_from_the_files_of_a_download(tmp_path):
    line = {"id": 0, "category": "navigate", "official_answer": "Yes", "file_name": "data\\/question_0.mp3"}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    (row,) = read(f"big_bench_audio={tmp_path}")
    assert row["audio"]["path"] == str(tmp_path / "data" / "question_0.mp3")


def test_the_right_ending_of_spoken_swag_is_not_always_the_first(copied):
    rows = read(copied("spoken_swag", *[ROWS["spoken_swag"]] * 3))
    assert [row["choices"][row["answer"]] for row in rows] == ["starts pulling up shingles."] * 3
    assert [row["answer"] for row in rows] == [0, 1, 0]
    assert {(row["text"], row["speaker"]) for row in rows} == {("A man sits on a roof. He", "af_bella")}
    assert "choices_audio" not in rows[0]


def speech_mmlu(folder, name="{subject}/train-00000-of-00001.parquet"):
    for subject in ("anatomy", "virology"):
        place = folder / name.format(subject=subject)
        place.parent.mkdir(parents=True, exist_ok=True)
        row = ROWS["speech_mmlu"] | {"subject": subject, "id": f"{subject}_1"}
        if place.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist([row]), place)
        else:
            place.write_text(json.dumps([row]) if place.suffix == ".json" else json.dumps(row) + "\n")
        sound = folder / "audio" / subject / "anatomy_12.mp3"
        sound.parent.mkdir(parents=True)
    return f"speech_mmlu={folder}"


@pytest.mark.parametrize(
    "name",
    ["{subject}/train-00000-of-00001.parquet", "data/{subject}/train.jsonl", "{subject}.jsonl", "{subject}.json"],
)
def test_speech_mmlu_has_a_configuration_for_each_subject(name, tmp_path):
    source = speech_mmlu(tmp_path / "x", name)
    rows = read(source)
    assert [(row["id"], row["domain"]) for row in rows] == [
        ("anatomy/anatomy_1", "anatomy"),
        ("virology/virology_1", "virology"),
    ]
    assert rows[0]["audio"]["path"] == str(tmp_path / "x/audio/anatomy/anatomy_12.mp3")
    assert [row["id"] for row in read(f"{source}:virology")] == ["virology_1"]
    with pytest.raises(SaladError, match="holds no file marketing"):
        read(f"{source}:marketing")


def test_packed_recordings_are_to_be_unpacked(tmp_path, hub):
    source = speech_mmlu(tmp_path / "x")
    (tmp_path / "x" / "audio.tar.gz").write_bytes(b"")
    with pytest.raises(SaladError, match="still packed in audio.tar.gz") as raised:
        read(source)
    assert "tar -xf FOLDER/audio.tar.gz" in raised.value.fix
    assert len(read(source, without=["audio"])) == 2
    hub("speech_mmlu")
    with pytest.raises(SaladError, match="stores its recordings as files") as raised:
        read("speech_mmlu:anatomy")
    assert "speech_mmlu=FOLDER" in raised.value.fix


@pytest.mark.parametrize("answer, expected", [(0, 0), ("3", 3), ("C", 2), (4, -1), ("E", -1)])
def test_speech_mmlu_s_answer_is_a_place(answer, expected, tmp_path):
    source = speech_mmlu(tmp_path / "x")
    row = ROWS["speech_mmlu"] | {"answer": answer}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "x" / "anatomy" / "train-00000-of-00001.parquet")
    assert read(f"{source}:anatomy")[0]["answer"] == expected


def test_the_closing_sentence_is_heard_and_belongs_to_no_option(copied):
    for name in ("voicebench_mmsu", "voicebench_openbookqa"):
        row = read(copied(name))[0]
        assert row["text"].endswith(CLOSING)
        assert not any("multiple choice" in choice for choice in row["choices"])


def test_arc_easy_has_its_own_configuration(hub):
    hub("arc_easy", ARC_ROW | {"id": "easy"})
    hub("arc_challenge", ARC_ROW | {"id": "hard"})
    assert [read(name)[0]["id"] for name in ("arc_easy", "arc_challenge")] == ["easy", "hard"]


def test_decoded_audio_is_refused_by_name(copied):
    row = ROWS["voicebench_bbh"] | {"audio": {"path": "a.wav", "array": [0.0], "sampling_rate": 16000}}
    with pytest.raises(SaladError, match="holds decoded audio"):
        read(copied("voicebench_bbh", row))
    assert len(read(copied("voicebench_bbh", row), without=["audio"])) == 1


def test_a_damaged_file_is_named(copied):
    source = copied("voicebench_bbh")
    (file,) = (Path(source.partition("=")[2]) / "bbh").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SaladError, match="test-00000-of-00001.parquet cannot be read"):
        read(source)


def test_a_recording_s_columns_may_be_in_another_order(copied):
    row = ROWS["voicebench_bbh"] | {"audio": {"path": AUDIO["path"], "bytes": AUDIO["bytes"]}}
    assert read(copied("voicebench_bbh", row))[0]["audio"] == AUDIO


@pytest.mark.parametrize(
    "name, reference", [("voicebench_mmsu", "(D)"), ("voicebench_mmsu", "d."), ("voicebench_mmsu", None)]
)
def test_voicebench_s_letter(name, reference, copied):
    rows = [ROWS[name] | {"reference": reference}, ROWS[name] | {"question_id": 0}]
    first, second = read(f"{copied(name, *rows)}:law")
    assert first["answer"] == (-1 if reference is None else 3) and second["answer"] == 3
    assert [first["id"], second["id"]] == ["912", "0"]


def test_an_open_question_without_a_reference_is_excluded(copied):
    rows = [ROWS["voicebench_sd_qa"], ROWS["voicebench_sd_qa"] | {"reference": None}]
    first, second = read(f"{copied('voicebench_sd_qa', *rows)}:usa")
    assert (first["reference"], first["excluded"], second["excluded"]) == ("Moses", None, "it has no reference answer")


def test_storycloze_s_columns_on_the_hub_in_a_csv_file(tmp_path):
    row = ROWS["storycloze"]
    (tmp_path / "test.csv").write_text(",".join(row) + "\n" + ",".join(f'"{value}"' for value in row.values()) + "\n")
    (found,) = read(f"storycloze={tmp_path}")
    assert (found["id"], found["choices"], found["answer"]) == ("138d5bfb", CHOICES["storycloze"], 0)
