"""What users get wrong, through the real shell: exit code 2, two lines that name file and row, and no manifest."""

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from saladkit.formats.artefact import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.formats.samples import read_samples, write_samples

# What tqdm draws, what transformers notes in its own name, and the log of a training.
NOISE = re.compile(r"/s\]|s/\w+\]|^\[transformers\] |^\{.loss.: ")


def lines_of(stderr):
    """The lines on stderr without progress bars."""
    lines = [line for line in re.split(r"[\n\r]", stderr) if line.strip()]
    return [line for line in lines if not NOISE.search(line)]


@pytest.fixture
def refused(shell, tmp_path):
    """Run a command that must be refused, with `-o OUTPUT`; returns (problem, fix)."""

    def run(*arguments, output=tmp_path / "output", named=()):
        had_manifest = (output / "manifest.json").exists()
        result = shell(*arguments, "-o", output)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        lines = lines_of(result.stderr)
        assert len(lines) == 2, lines
        problem, fix = lines
        assert problem.startswith("error: ")
        assert fix.startswith("  fix: ")
        assert len(problem) > 20
        assert len(fix) > 10
        assert "Traceback" not in result.stderr
        assert (output / "manifest.json").exists() == had_manifest
        for name in named:
            assert str(name) in problem, problem
        return problem, fix

    return run


def write_rows(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def wav(samples):
    content = io.BytesIO()
    soundfile.write(content, np.asarray(samples, dtype=np.float32), 16_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


BROKEN_AUDIO = {
    "no audio at all": (b"this is no audio", "does not decode"),
    "a FLAC header and nothing else": (b"fLaC\x00\x00\x00\x22" + bytes(20), "does not decode"),
    "no bytes": (b"", "does not decode"),
    "not a number": (wav([0.0, np.nan, 0.0] * 200), "NaN"),
    "infinite": (wav([0.0, np.inf, 0.0] * 200), "NaN or infinite"),
    "no samples": (wav([]), "no samples"),
}


def with_broken_audio(source, path, content, row=3):
    """The spoken samples, the audio of one row broken; returns its id."""
    table = read_samples(source, needed=["audio"])
    audio = table.column("audio").to_pylist()
    audio[row] = {"bytes": content, "path": None}
    index = table.column_names.index("audio")
    write_samples(table.set_column(index, "audio", pa.array(audio, table.schema.field("audio").type)), path)
    return table.column("id")[row].as_py()


@pytest.mark.parametrize("kind", list(BROKEN_AUDIO))
@pytest.mark.parametrize("command", ["cache-speech", "eval", "gap", "distill"])
def test_audio_that_cannot_be_heard(command, kind, refused, speech, spoken_questions, checkpoint, text_lm, tmp_path):
    content, expected = BROKEN_AUDIO[kind]
    path = tmp_path / "broken.parquet"
    id_ = with_broken_audio(spoken_questions if command == "eval" else speech, path, content)
    arguments = {
        "cache-speech": [path],
        "eval": [checkpoint, path, "--device", "cpu", "--modality", "speech"],
        "gap": [checkpoint, path, "--teacher", text_lm, "--device", "cpu"],
        "distill": [
            text_lm,
            "--data",
            path,
            "--max-steps",
            24,
            "--per-device-train-batch-size",
            1,
            "--device",
            "cpu",
            *TINY,
        ],
    }[command]
    problem, _ = refused(command, *arguments, named=[path, f"'{id_}'"])
    assert expected in problem


TINY = "--adapter-layers 1 --adapter-width 16 --adapter-mlp-width 32 --adapter-heads 2".split()
TINY += "--adapter-kv-heads 1 --encoder-width 8".split()


def test_audio_that_is_neither_stored_nor_named(refused, speech, tmp_path):
    path = tmp_path / "broken.parquet"
    id_ = with_broken_audio(speech, path, None)
    refused("cache-speech", path, named=[path, f"'{id_}'"])


def test_an_audio_file_that_is_not_there(refused, tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "row-1", "text": "x", "audio": "nowhere.flac"}) + "\n")
    refused("cache-speech", tmp_path / "rows.jsonl", named=[tmp_path / "rows.jsonl", "'row-1'"])


READERS = {
    "synth": ["--voice", "espeak:en-us"],
    "cache-teacher": ["--model", "TEXT_LM", "--device", "cpu"],
    "cache-speech": [],
    "regions": ["--embedder", "lm:TEXT_LM", "--clusters", "2", "--device", "cpu"],
}


def arguments_of(command, source, text_lm):
    return [command, source, *[option.replace("TEXT_LM", str(text_lm)) for option in READERS[command]]]


@pytest.mark.parametrize("command", list(READERS))
def test_samples_without_what_the_command_needs(command, refused, text_lm, tmp_path):
    path = write_rows(tmp_path / "rows.parquet", [{"id": "a", "sentence": "x"}])
    problem, fix = refused(*arguments_of(command, path, text_lm), named=[path, "sentence"])
    column = "audio" if command == "cache-speech" else "text"
    assert f"no column '{column}'" in problem
    assert f"--{column}-column" in fix


@pytest.mark.parametrize("command", list(READERS))
@pytest.mark.parametrize("kind", ["cut", "garbage", "nothing", "no rows", "missing"])
def test_files_that_cannot_be_read(command, kind, refused, speech, text_lm, tmp_path):
    path = tmp_path / "rows.parquet"
    whole = next(speech.glob("*.parquet")).read_bytes()
    if kind == "no rows":
        pq.write_table(read_samples(speech, needed=["id"]).slice(0, 0), path)
    elif kind != "missing":
        path.write_bytes({"cut": whole[: len(whole) // 2], "garbage": b"PAR1" + bytes(64), "nothing": b""}[kind])
    problem, _ = refused(*arguments_of(command, path, text_lm), named=[path])
    assert {"no rows": "has no rows", "missing": "holds no samples"}.get(kind, "cannot be read") in problem


@pytest.mark.parametrize("command", ["synth", "cache-teacher", "regions"])
@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_text(command, text, refused, text_lm, tmp_path):
    rows = [{"id": f"row-{i}", "text": "Water boils near the sea."} for i in range(3)]
    path = write_rows(tmp_path / "rows.parquet", [*rows, {"id": "row-3", "text": text}])
    refused(*arguments_of(command, path, text_lm), named=[path, "'row-3'", "empty text"])


@pytest.mark.parametrize("command", list(READERS))
def test_ids_that_stand_twice(command, refused, speech, text_lm, tmp_path):
    table = read_samples(speech, needed=["id"])
    path = tmp_path / "rows.parquet"
    write_samples(pa.concat_tables([table, table.slice(2, 1)]), path)
    refused(*arguments_of(command, path, text_lm), named=[path, f"'{table.column('id')[2].as_py()}'"])


def test_one_id_in_two_sources(refused, speech, tmp_path):
    shutil.copy(next(speech.glob("*.parquet")), tmp_path / "again.parquet")
    refused("cache-speech", speech, tmp_path / "again.parquet", named=[speech, tmp_path / "again.parquet"])


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"choices": ["one"]}, "fewer than two"),
        ({"choices": ["one", " "]}, "empty choice"),
        ({"answer": 4}, "answer 4 of 4 choices"),
        ({"answer": -1}, "answer -1 of 4 choices"),
    ],
)
def test_questions_that_cannot_be_scored(change, expected, refused, text_lm, world, tmp_path):
    rows = pq.read_table(world / "questions.parquet").to_pylist()
    rows[1] |= change
    path = write_rows(tmp_path / "questions.parquet", rows)
    named = [path, f"'{rows[1]['id']}'", expected]
    refused("eval", text_lm, path, "--modality", "text", "--device", "cpu", named=named)


@pytest.mark.parametrize("column, value", [("answer", "B"), ("choices", "one, two"), ("answer", None)])
def test_questions_of_another_shape(column, value, refused, text_lm, world, tmp_path):
    rows = [row | {column: value} for row in pq.read_table(world / "questions.parquet").to_pylist()]
    path = write_rows(tmp_path / "questions.parquet", rows)
    refused("eval", text_lm, path, "--modality", "text", "--device", "cpu", named=[path, f"'{rows[0]['id']}'", column])


def test_questions_whose_words_are_not_those_of_their_text(refused, checkpoint, spoken_questions, tmp_path):
    rows = read_samples(spoken_questions, needed=["id"]).to_pylist()
    rows[2]["words"] = rows[2]["words"][:-2]
    path = tmp_path / "questions.parquet"
    write_samples(pa.Table.from_pylist(rows), path)
    refused("eval", checkpoint, path, "--device", "cpu", named=[path, f"'{rows[2]['id']}'"])


@pytest.mark.parametrize("change", ["fewer", "backwards", "not finite"])
def test_word_times_that_do_not_fit(change, refused, checkpoint, text_lm, speech, tmp_path):
    rows = read_samples(speech, needed=["id"]).to_pylist()
    words = rows[4]["words"]
    if change == "fewer":
        words.pop()
    else:
        words[1]["start"] = {"backwards": 99.0, "not finite": float("nan")}[change]
    path = tmp_path / "rows.parquet"
    write_samples(pa.Table.from_pylist(rows), path)
    refused("gap", checkpoint, path, "--teacher", text_lm, "--device", "cpu", named=[path, f"'{rows[4]['id']}'"])


def replaced(arguments, option, value):
    """The same line with another value of one option."""
    place = arguments.index(option) + 1
    return [*arguments[:place], str(value), *arguments[place + 1 :]]


@pytest.fixture(scope="module")
def other_teacher_caches(workshop, world, text_lm, other_text_lm):
    """A cache of another tokenizer, and one of other texts."""
    from saladkit.stages.cache_teacher import cache_teacher

    natural = str(world / "natural.parquet")
    cache_teacher([natural], workshop / "other-tokenizer", model=str(other_text_lm), top_k=4, device="cpu")
    cache_teacher([natural], workshop / "other-texts", model=str(text_lm), top_k=4, device="cpu", limit=7)
    return workshop / "other-tokenizer", workshop / "other-texts"


def test_a_teacher_cache_of_another_tokenizer(refused, distill_arguments, other_teacher_caches):
    cache = other_teacher_caches[0]
    problem, fix = refused(*replaced(distill_arguments, "--teacher", cache), named=[cache])
    assert "another tokenizer" in problem
    assert "cache-teacher" in fix


def test_a_teacher_cache_of_another_text(refused, distill_arguments, other_teacher_caches, speech):
    missing = read_samples(speech, needed=["id"]).column("id")[7].as_py()
    cache = other_teacher_caches[1]
    _, fix = refused(*replaced(distill_arguments, "--teacher", cache), named=[cache, f"'{missing}'", speech])
    assert f"cache-teacher {speech}" in fix


def test_a_live_teacher_of_another_tokenizer(refused, distill_arguments, other_text_lm, checkpoint, speech):
    refused(*replaced(distill_arguments, "--teacher", other_text_lm), named=[other_text_lm, "another tokenizer"])
    refused("gap", checkpoint, speech, "--teacher", other_text_lm, named=[other_text_lm, "another tokenizer"])


def test_a_teacher_that_hears(refused, distill_arguments, checkpoint):
    refused(*replaced(distill_arguments, "--teacher", checkpoint), named=[checkpoint])


def test_a_frames_cache_of_another_encoder_or_other_rows(
    refused, shell, distill_arguments, speech, frames_cache, tmp_path
):
    assert shell("cache-speech", speech, "-o", tmp_path / "few", "--mel-bins", 16, "--limit", 5).exit_code == 0
    missing = read_samples(speech, needed=["id"]).column("id")[5].as_py()
    named = [tmp_path / "few", f"'{missing}'", speech]
    refused(*replaced(distill_arguments, "--frames", tmp_path / "few"), named=named)
    refused(*replaced(distill_arguments, "--mel-bins", 24), named=[frames_cache, "another speech encoder"])


def test_a_frames_cache_of_the_same_ids_spoken_anew(refused, shell, distill_arguments, speech, world, tmp_path):
    slower = tmp_path / "slower"
    line = ["synth", world / "natural.parquet", "-o", slower, "--voice", "espeak:en-us@120", "--limit", 5]
    assert shell(*line).exit_code == 0
    assert shell("cache-speech", slower, "-o", tmp_path / "frames", "--mel-bins", 16).exit_code == 0
    again = read_samples(slower, needed=["id"]).column("id")[0].as_py()
    arguments = replaced(distill_arguments, "--frames", tmp_path / "frames")
    problem, fix = refused(*arguments, "--limit", 5, named=[tmp_path / "frames", f"'{again}'", speech])
    assert "another recording" in problem
    assert f"cache-speech {speech}" in fix


def bad_checkpoint(kind, folder, checkpoint):
    folder.mkdir()
    if kind == "empty":
        return folder
    for file in checkpoint.iterdir():
        if file.suffix in (".json", ".safetensors") and file.name not in ("manifest.json", "summary.json"):
            shutil.copy(file, folder)
    if kind == "truncated":
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif kind == "without weights":
        (folder / "model.safetensors").unlink()
    elif kind == "without a tokenizer":
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
    elif kind == "no JSON":
        (folder / "config.json").write_text("{")
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config["adapter_config"] | {"model_type": "llama"}))
    return folder


KINDS = ["empty", "truncated", "without weights", "without a tokenizer", "no JSON", "another model"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["gap", "eval", "align"])
def test_a_checkpoint_that_is_not_one(command, kind, refused, checkpoint, text_lm, speech, spoken_questions, tmp_path):
    folder = bad_checkpoint(kind, tmp_path / "model", checkpoint)
    arguments = {
        "gap": [folder, speech, "--teacher", text_lm],
        "eval": [folder, spoken_questions],
        "align": [folder, "--data", speech, "--teacher", text_lm, "--max-steps", 1],
    }[command]
    problem, _ = refused(command, *arguments, "--device", "cpu", named=[folder])
    assert "hears nothing" not in problem or kind == "another model"


@pytest.mark.parametrize("kind", KINDS[:-1])
@pytest.mark.parametrize("command", ["cache-teacher", "eval", "regions", "distill"])
def test_a_text_llm_that_is_not_one(command, kind, refused, text_lm, speech, world, tmp_path):
    folder = bad_checkpoint(kind, tmp_path / "model", text_lm)
    arguments = {
        "cache-teacher": [world / "natural.parquet", "--model", folder],
        "eval": [folder, world / "questions.parquet", "--modality", "text"],
        "regions": [world / "pool.parquet", "--embedder", f"lm:{folder}", "--clusters", 2],
        "distill": [folder, "--data", speech, "--teacher", text_lm, "--max-steps", 1, *TINY],
    }[command]
    refused(command, *arguments, "--device", "cpu", named=[folder])


def test_a_model_that_is_nowhere(refused, speech, world, tmp_path):
    nowhere = tmp_path / "nowhere"
    refused("eval", nowhere, world / "questions.parquet", named=[nowhere])
    refused("cache-teacher", world / "natural.parquet", "--model", nowhere, named=[nowhere])


def test_the_lines_on_the_real_stderr_are_two(checkpoint, speech, text_lm, tmp_path):
    folder = bad_checkpoint("truncated", tmp_path / "model", checkpoint)
    arguments = ["gap", folder, speech, "--teacher", text_lm, "--device", "cpu", "-o", tmp_path / "output"]
    code = "from saladkit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    problem, fix = lines_of(done.stderr)
    assert problem.startswith(f"error: {folder}")
    assert fix.startswith("  fix: ")


def test_an_unfinished_checkpoint(refused, checkpoint, speech, text_lm, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "model")
    (tmp_path / "model" / "manifest.json").rename(tmp_path / "model" / "plan.json")
    refused("gap", tmp_path / "model", speech, "--teacher", text_lm, named=[tmp_path / "model", "not finished"])


def test_an_output_folder_that_holds_something_else(refused, contents, world, tmp_path):
    output = tmp_path / "thesis"
    output.mkdir()
    (output / "thesis.tex").write_text("years of work")
    arguments = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2]
    refused(*arguments, output=output, named=[output, "something else"])
    refused(*arguments, "--overwrite", output=output, named=[output, "something else"])
    assert contents(output) == {"thesis.tex": b"years of work"}


def test_an_output_made_with_other_settings_or_of_other_inputs(refused, shell, contents, world, tmp_path):
    output = tmp_path / "speech"
    line = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--limit", 2, "--workers", 1]
    assert shell(*line, "-o", output).exit_code == 0
    before = contents(output)
    refused(*line, "--seed", 1, output=output, named=[output, "settings"])
    refused(line[0], world / "pool.parquet", *line[2:], output=output, named=[output, "input samples"])
    refused("cache-speech", output, output=output, named=[output, "verb"])
    assert contents(output) == before


@pytest.mark.parametrize("voice", ["espeak:xx-yy", "festival:kal", "espeak:en-us@fast", "piper:nowhere.onnx"])
def test_a_voice_that_is_not_there(voice, refused, world, tmp_path):
    refused("synth", world / "natural.parquet", "--voice", voice, named=[voice.split(":")[1].split("@")[0]])
    assert not (tmp_path / "output").exists()


@pytest.fixture(scope="module")
def regions(workshop, world, text_lm):
    from saladkit.stages.regions import regions

    regions(str(world / "pool.parquet"), workshop / "regions", embedder=f"lm:{text_lm}", clusters=4, device="cpu")
    return workshop / "regions"


def gap_table(folder, regions):
    """A gap table with a figure for each of some regions."""
    writer = create_artefact(folder, schema=SCHEMA, version=VERSION, verb="test", settings={}, inputs={})
    write_gap_table(
        writer, [], [{"region": region, "probes": 1, "teacher_kl": 1.0, "misalignment": 0.0} for region in regions]
    )
    writer.finish(counts={})
    return folder


@pytest.mark.parametrize("budgets", [[], ["--count", 3, "--hours", 1], ["--count", 3, "--per-region", 1]])
def test_a_budget_that_is_not_clear(budgets, refused, world, regions, tmp_path):
    problem, fix = refused("select", world / "pool.parquet", "--regions", regions, "--gamma", 0, *budgets)
    assert "budget" in problem
    assert all(option in fix for option in ("--per-region", "--count", "--hours"))


def test_a_gap_that_lacks_a_region(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", [0, 1, 3])
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3]
    refused(*line, "--gap", gap, named=[gap, "region 2"])
    refused(*line, named=["no gap table"])
    without = gap_table(tmp_path / "without", [])
    refused(*line, "--gap", without, named=[without, "region 0"])


def test_a_gap_that_is_nothing_everywhere(refused, world, regions, tmp_path):
    gap = gap_table(tmp_path / "gap", range(4))
    line = ["select", world / "pool.parquet", "--regions", regions, "--count", 3, "--gap", gap]
    refused(*line, "--metric", "misalignment", named=[gap])


def test_a_budget_larger_than_the_pool(refused, world, regions):
    refused(
        "select", world / "pool.parquet", "--regions", regions, "--gamma", 0, "--count", 61, named=["too few texts"]
    )


def test_regions_of_another_pool(refused, world, regions):
    named = [regions, world / "natural.parquet", "'natural-000000'"]
    refused("select", world / "natural.parquet", "--regions", regions, "--gamma", 0, "--count", 1, named=named)


def test_more_clusters_than_texts(refused, world, text_lm):
    pool = world / "pool.parquet"
    refused("regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 61, named=[pool, "60 texts", "61"])


def test_a_text_llm_asked_to_hear(refused, text_lm, spoken_questions):
    _, fix = refused("eval", text_lm, spoken_questions, named=[text_lm, "hears nothing"])
    assert "--modality text" in fix
    refused("gap", text_lm, spoken_questions, "--teacher", text_lm, named=[text_lm, "qwen2"])


def test_two_tasks_of_one_name(refused, text_lm, world, tmp_path):
    shutil.copy(world / "questions.parquet", tmp_path / "questions.parquet")
    line = ["eval", text_lm, world / "questions.parquet", tmp_path / "questions.parquet", "--modality", "text"]
    problem, fix = refused(*line)
    assert "same name" in problem


@pytest.mark.parametrize("option", ["--text-words", "--speech-words"])
def test_spans_that_have_no_length(option, refused, checkpoint, speech, text_lm, distill_arguments):
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--device", "cpu"]
    refused(*line, option, 0, 0, named=[option])
    refused(*line, option, 5, 2, named=[option])
    place = distill_arguments.index(option)
    refused(*distill_arguments[:place], option, "4", "1", *distill_arguments[place + 3 :], named=[option])


def test_a_weight_that_is_none(refused, distill_arguments, speech):
    refused(*replaced(distill_arguments, "--data", f"{speech}:0"), named=[speech])
    refused(*replaced(distill_arguments, "--replay", f"{speech}:nan"), named=[speech])


def test_a_state_saved_between_two_log_entries(refused, distill_arguments):
    line = replaced(replaced(distill_arguments, "--logging-steps", 2), "--save-steps", 3)
    refused(*line, named=["--save-steps 3", "--logging-steps 2"])


def test_a_device_that_is_not_here(refused, world, text_lm):
    line = ["cache-teacher", world / "natural.parquet", "--model", text_lm, "--limit", 1]
    refused(*line, "--device", "mps", named=["mps"])


def test_a_shard_that_is_none_of_them(refused, world):
    problem, _ = refused(
        "synth", world / "natural.parquet", "--voice", "espeak:en-us", "--num-shards", 2, "--shard-index", 2
    )
    assert "--shard-index 2 of --num-shards 2" in problem


def test_texts_all_too_long_for_the_cache(refused, world, text_lm):
    problem, _ = refused("cache-teacher", world / "natural.parquet", "--model", text_lm, "--max-length", 2)
    assert "2 to 2 tokens" in problem


def test_probes_of_another_pool_than_the_regions(refused, checkpoint, speech, text_lm, regions):
    first = read_samples(speech, needed=["id"], optional=[]).column("id").to_pylist()[0]
    refused("gap", checkpoint, speech, "--teacher", text_lm, "--regions", regions, named=[regions, first])


def test_another_column_is_another_input(refused, shell, world, tmp_path):
    rows = pq.read_table(world / "natural.parquet").slice(0, 2)
    pq.write_table(rows.append_column("other", rows.column("text")), tmp_path / "texts.parquet")
    command = ["synth", tmp_path / "texts.parquet", "--voice", "espeak:en-us", "--workers", 1]
    assert shell(*command, "-o", tmp_path / "spoken").exit_code == 0
    problem, _ = refused(*command, "--text-column", "other", output=tmp_path / "spoken")
    assert "made from something else" in problem


@pytest.mark.parametrize("command", ["synth", "cache-teacher", "select"])
def test_a_named_column_that_is_not_there(command, refused, world, text_lm, regions):
    options = {
        "synth": ["--voice", "espeak:en-us"],
        "cache-teacher": ["--model", text_lm],
        "select": ["--regions", regions, "--count", 1, "--gamma", 0],
    }
    refused(command, world / "pool.parquet", *options[command], "--text-column", "txt", named=["no column 'txt'"])


def test_a_stage_that_was_cut_off_after_its_stable_checkpoint(refused, checkpoint, speech, text_lm, tmp_path):
    shutil.copytree(checkpoint, tmp_path / "cut")
    (tmp_path / "cut" / "manifest.json").rename(tmp_path / "cut" / "plan.json")
    assert (tmp_path / "cut" / "stable" / "config.json").exists()
    problem, _ = refused("align", tmp_path / "cut", "--data", speech, "--teacher", text_lm, "--max-steps", 1)
    assert "not finished" in problem


def test_too_few_texts_for_the_desks_language_model(world, repository, tmp_path):
    script = repository / "examples" / "desk" / "train_lm.py"
    command = [sys.executable, script, world / "natural.parquet", "-o", tmp_path / "lm", "--batch-size", "999"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "do not fill a batch of 999" in done.stderr and "Traceback" not in done.stderr
