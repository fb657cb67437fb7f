"""Public benchmarks by name, on rows of their public schema; prompts are lm-evaluation-harness's own."""

import json
import sys
from pathlib import Path

import lm_eval.tasks
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from benchmark_rows import CHOICES, RIGHT, ROWS
from jinja2 import Environment

from saladkit.errors import SaladError
from saladkit.scoring.questions import task_name
from saladkit.scoring.templates import fill_template
from saladkit.sources import mapped_tables
from saladkit.sources.benchmarks.named import BENCHMARKS, named_source
from saladkit.sources.samples import read_samples


@pytest.mark.parametrize("place", ["copied", "hub"])
@pytest.mark.parametrize("name", BENCHMARKS)
def test_rows_become_questions(name, place, request):
    source = request.getfixturevalue(place)(name)
    source = f"{source}:anatomy" if name == "speech_mmlu" else source
    heard = BENCHMARKS[name].recording is not None and not (name == "speech_mmlu" and place == "hub")
    table = read_samples(
        source, needed=["id", "choices", "answer"], lacking=["choices", "answer"], without=[] if heard else ["audio"]
    ).to_pylist()
    assert len(table) == len(named_source(source).splits)
    assert len({row["id"] for row in table}) == len(table)
    for row in table:
        assert row["choices"] == CHOICES[name]
        assert row["answer"] == RIGHT.get(name, 0)
        assert row.get("excluded") is None
    assert ("audio" in table[0]) == heard
    assert task_name(source) == name


HARNESS = {
    "storycloze": "storycloze/storycloze_2016.yaml",
    "hellaswag": "hellaswag/hellaswag.yaml",
    "arc_challenge": "arc/arc_easy.yaml",
    "arc_easy": "arc/arc_easy.yaml",
    "piqa": "piqa/piqa.yaml",
    "openbookqa": "openbookqa/openbookqa.yaml",
}


@pytest.mark.parametrize("name", HARNESS)
def test_prompts_are_the_harness_s(name, copied):
    page = (Path(lm_eval.tasks.__file__).parent / HARNESS[name]).read_text()
    task, row = yaml.safe_load(page.replace("!function", "")), dict(ROWS[name])
    if name == "hellaswag":
        from lm_eval.tasks.hellaswag.utils import preprocess

        joined = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
        row |= {"query": preprocess(joined), "choices": [preprocess(ending) for ending in row["endings"]]}
    template = task["doc_to_text"] if "{{" in task["doc_to_text"] else f"{{{{{task['doc_to_text']}}}}}"
    expected = Environment(keep_trailing_newline=True).from_string(template).render(**row)
    (question, *_) = read_samples(copied(name), needed=["id", "choices", "answer"]).to_pylist()
    assert fill_template(question, "continuation", name).text == expected


def test_benchmarks_are_those_of_the_harness_s_tasks():
    for name, folder_and_file in HARNESS.items():
        benchmark, folder = BENCHMARKS[name], Path(lm_eval.tasks.__file__).parent / Path(folder_and_file).parent
        index = lm_eval.tasks.TaskManager(include_path=str(folder), include_defaults=False).task_index
        settings = yaml.safe_load(index[benchmark.reader.name].yaml_path.read_text().replace("!function", ""))
        if "include" in settings:
            settings = yaml.safe_load((folder / settings["include"]).read_text()) | settings
        if name != "storycloze":  # there the harness names a loading script, which `datasets` runs no more
            assert (benchmark.hub, benchmark.configuration) == (settings["dataset_path"], settings["dataset_name"])
        assert benchmark.splits == (settings.get("test_split") or settings["validation_split"],)


def test_a_missing_harness_is_named_with_the_extra_that_brings_it(copied, monkeypatch):
    source = copied("piqa")
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(SaladError, match="lm_eval, which is not installed") as raised:
        read_samples(source, needed=["id"])
    assert "pip install 'saladkit[eval]'" in raised.value.fix
    assert read_samples(copied("mmsu"), needed=["id"]).num_rows == 1


def test_letters_are_listed_once(copied):
    heard = read_samples(copied("voicebench_openbookqa"), needed=["id"]).to_pylist()[0]
    assert fill_template(heard, "letter", "q").text == ROWS["voicebench_openbookqa"]["prompt"] + "\nAnswer:"
    arc = read_samples(copied("arc_challenge"), needed=["id"]).to_pylist()[0]
    assert fill_template(arc, "letter", "q").text.startswith("Question: Which skin surface")
    assert fill_template(arc, "letter", "q").text.endswith(
        "heat?\nA. dry palms\nB. wet palms\nC. palms with oil\nD. palms with lotion\nAnswer:"
    )
    sound = read_samples(copied("mmsu"), needed=["id"]).to_pylist()[0]
    assert fill_template(sound, "letter", "q").text.startswith("\nHow does the voice end?\nA. Rising\n")


def test_a_row_of_another_kind_is_named(copied):
    with pytest.raises(SaladError, match="row 0 of piqa, validation, is not as baber/piqa publishes it.*goal"):
        read_samples(copied("piqa", {"question": "x"}), needed=["id"])


@pytest.mark.parametrize("name, change", [("hellaswag", {"ctx_b": None}), ("arc_challenge", {"answerKey": "E"})])
def test_the_row_at_fault_is_named_also_where_others_are_sound(name, change, copied, capfd):
    source = copied(name)
    folder = Path(source.partition("=")[2]) / (BENCHMARKS[name].configuration or "data")
    rows = [ROWS[name] | ({} if number == 2 else {"id": str(number), "ind": number}) for number in range(4)]
    rows[2] |= change
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{BENCHMARKS[name].splits[0]}-00000-of-00001.parquet")
    with pytest.raises(SaladError, match=f"row 2 of {name}, {BENCHMARKS[name].splits[0]}, is not as"):
        read_samples(source, needed=["id"])
    assert capfd.readouterr().err == ""
    assert read_samples(source, needed=["id"], limit=2).num_rows == 2


def test_what_is_not_there_says_what_to_download_and_where(tmp_path):
    with pytest.raises(SaladError) as raised:
        read_samples("hellaswag", needed=["id"])
    assert "HellaSwag (Rowan/hellaswag" in raised.value.problem
    assert "hf download Rowan/hellaswag" in raised.value.fix and "hellaswag=FOLDER" in raised.value.fix
    with pytest.raises(SaladError, match=r"holds no file validation\*"):
        read_samples(f"hellaswag={tmp_path}", needed=["id"])


def test_a_path_of_the_same_name_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_source("piqa").splits == ("validation",)
    assert named_source("piqa:train").splits == ("train",)
    assert named_source("piqa=some/folder:train").folder == "some/folder"
    assert named_source("piqa=some/folder").solved == "piqa=some/folder:train"
    (tmp_path / "piqa").mkdir()
    assert named_source("piqa") is None
    assert named_source("questions.parquet") is None


def test_questions_of_a_benchmark_are_scored_behind_its_own_solved_ones(copied, shell, text_lm, tmp_path):
    source = copied("arc_challenge")
    line = ["eval", text_lm, source, "--modality", "text", "--num-fewshot", 2, "--template", "best", "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["titles"] == {"arc_challenge": "ARC-Challenge"}
    assert "arc_challenge is ARC-Challenge" in done.stderr
    chosen = summary["templates"]["arc_challenge"]
    assert chosen["template"] == max(("continuation", "letter"), key=chosen.get)
    assert chosen["items"] == 1 and "template " + chosen["template"] in done.stderr


def test_options_that_cannot_be_told_apart_are_counted_exclusions(copied, shell, text_lm, tmp_path):
    source = copied("voicebench_mmsu")
    folder = Path(source.partition("=")[2]) / "mmsu"
    wrong = ROWS["voicebench_mmsu"] | {"reference": "E", "question_id": 913}
    pq.write_table(pa.Table.from_pylist([ROWS["voicebench_mmsu"], wrong]), folder / "law-00000-of-00001.parquet")
    line = ["eval", text_lm, f"{source}:law", "--modality", "text", "--device", "cpu", "-o", tmp_path / "out"]
    done = shell(*line)
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["left_out"] == 1 and summary["results"]["text-lm"]["voicebench_mmsu_text"]["items"] == 1
    solved = ["--num-fewshot", 1, "--fewshot", f"{source}:law", "--template", "best", "--dev", f"{source}:law"]
    behind = shell(*line[:-1], tmp_path / "behind", *solved)
    assert behind.exit_code == 0, behind.stderr
    (skipped,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["skipped"]
    assert skipped["id"] == "913" and "'E'" in skipped["reason"]


def test_questions_are_read_in_batches(copied, monkeypatch):
    source = copied("voicebench_mmsu")
    path = Path(source.partition("=")[2]) / "mmsu" / "law-00000-of-00001.parquet"
    rows = [ROWS["voicebench_mmsu"] | {"reference": letter, "question_id": n} for n, letter in enumerate("DED")]
    pq.write_table(pa.Table.from_pylist(rows), path)
    whole = read_samples(f"{source}:law", needed=["id"])
    monkeypatch.setattr(mapped_tables, "ROWS_AT_ONCE", 1)
    assert read_samples(f"{source}:law", needed=["id"]).equals(whole)
    assert read_samples(f"{source}:law", needed=["id"], limit=2).equals(whole.slice(0, 2))
    assert [row["excluded"] is None for row in whole.to_pylist()] == [True, False, True]


def test_another_split_or_content_is_another_input(copied, shell, text_lm, tmp_path):
    source = copied("arc_challenge")
    line = ["eval", text_lm, "--modality", "text", "--device", "cpu", "-o", tmp_path / "out"]
    assert shell(line[0], line[1], source, *line[2:]).exit_code == 0
    other = shell(line[0], line[1], f"{source}:validation", *line[2:])
    assert other.exit_code == 2 and "made from something else" in other.stderr
    (file,) = (Path(source.partition("=")[2]) / "ARC-Challenge").glob("test*")
    pq.write_table(pa.Table.from_pylist([ROWS["arc_challenge"] | {"answerKey": "2"}]), file)
    changed = shell(line[0], line[1], source, *line[2:])
    assert changed.exit_code == 2 and "made from something else" in changed.stderr


def test_storycloze_is_read_from_its_published_csv_files(tmp_path):
    names = ["InputStoryid", *(f"InputSentence{n}" for n in (1, 2, 3, 4)), "RandomFifthSentenceQuiz1"]
    names += ["RandomFifthSentenceQuiz2", "AnswerRightEnding"]
    line = '138d5bfb,Rick grew up.,He had no luck.,"A, b.",He left.,He is happy now.,He joined a gang.,1'
    for split in ("val", "test"):
        name = f"cloze_test_{split}__spring2016 - cloze_test_ALL_{split}.csv"
        (tmp_path / name).write_text(",".join(names) + f"\n{line}\n")
    unlabelled = tmp_path / "cloze_test_test__winter2018-cloze_test_ALL_test - 1.csv"
    unlabelled.write_text(",".join(names[:-1]) + f"\n{line[:-2]}\n")
    (row,) = read_samples(f"storycloze={tmp_path}", needed=["choices", "answer"]).to_pylist()
    assert row["text"] == "Rick grew up. He had no luck. A, b. He left."
    assert (row["choices"], row["answer"]) == (CHOICES["storycloze"], 0)
    assert read_samples(f"storycloze={tmp_path}:validation", needed=["id"]).num_rows == 1
    published = tmp_path / "cloze_test_val__spring2016 - cloze_test_ALL_val.csv"
    published.write_text(",".join(names) + f"\n{line}\n{line[:-1]}\n")
    with pytest.raises(SaladError, match="row 1 of storycloze, validation, is not as"):
        read_samples(f"storycloze={tmp_path}:validation", needed=["id"])
    old = ",".join(names) + f"\n{line}\n".replace("Rick", "Ren\xe9")
    (tmp_path / "cloze_test_val__spring2016 - cloze_test_ALL_val.csv").write_bytes(old.encode("cp1252"))
    (row,) = read_samples(f"storycloze={tmp_path}:validation", needed=["text"]).to_pylist()
    assert row["text"].startswith("Ren\xe9 grew up.")
    with pytest.raises(SaladError) as raised:
        read_samples("storycloze", needed=["id"])
    assert "rocstories" in raised.value.fix and "storycloze=FOLDER" in raised.value.fix


def test_a_recording_s_path_is_within_the_folder(copied):
    row = {key: value for key, value in ROWS["mmsu"].items() if key != "audio"} | {"audio_path": "audio/3.wav"}
    source = copied("mmsu", row)
    (found,) = read_samples(source, needed=["audio"]).to_pylist()
    assert found["audio"]["path"] == str(Path(source.partition("=")[2]) / "audio/3.wav")


def test_what_has_no_text_is_not_read(copied, shell, checkpoint, tmp_path):
    done = shell("eval", checkpoint, copied("mmsu"), "--device", "cpu", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "'intonation_3' has no text of its recording" in done.stderr and "--modality speech" in done.stderr


def test_a_benchmark_without_recordings_names_the_line_that_makes_them(copied, shell, checkpoint, tmp_path):
    source = copied("openbookqa")
    missing = shell("eval", checkpoint, source, "--device", "cpu", "-o", tmp_path / "out")
    assert missing.exit_code == 2
    assert f"saladkit synth {source} -o openbookqa-spoken" in missing.stderr
    made = shell("synth", source, "-o", tmp_path / "spoken", "--voice", "espeak:en-us", "--choices", "--workers", 1)
    assert made.exit_code == 0, made.stderr
    line = ["eval", checkpoint, tmp_path / "spoken", "--template", "letter", "--options", "spoken", "--device", "cpu"]
    heard = shell(*line, "-o", tmp_path / "out")
    assert heard.exit_code == 0, heard.stderr
    (spoken,) = read_samples(tmp_path / "spoken", needed=["choices_audio"]).to_pylist()
    assert len(spoken["choices_audio"]) == 4 and all(audio["bytes"] for audio in spoken["choices_audio"])
    assert json.loads(heard.stdout)["results"]["checkpoint"]["spoken_speech"]["items"] == 1
    assert json.loads(heard.stdout)["titles"] == {"spoken": "OpenBookQA"}
