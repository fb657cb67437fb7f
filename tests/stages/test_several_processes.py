"""Two processes that train together, against one process with the same rows per step.

One test starts real processes of `python`; the others start loaded ones, by the same launcher.
"""

import json
import os
import subprocess
import sys

import pytest
from command_lines import replaced
from safetensors.torch import load_file


def launch(python, arguments, output, *, port):
    command = [python, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2]
    command += ["--num_machines", 1, "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port]
    command += ["-m", "saladkit", *arguments, "-o", output]
    environment = os.environ | {"PYTHON_EXEC": str(python)}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("batching", "lexical", "loaded"), [("padded", 0.5, False), ("packed", 0.5, True), ("padded", 0, True)]
)
def test_two_processes_learn_what_one_does(
    batching, lexical, loaded, distill_arguments, loaded_python, shell, tmp_path
):
    line = [*replaced(distill_arguments, "--per-device-train-batch-size", 8), "--batching", batching]
    line = replaced(line, "--lexical-weight", lexical)
    assert shell(*line, "-o", tmp_path / "one").exit_code == 0
    halved = replaced(line, "--per-device-train-batch-size", 4)
    port = 29600 + (batching == "packed") + 2 * (lexical == 0)
    done = launch(loaded_python if loaded else sys.executable, halved, tmp_path / "two", port=port)
    assert len(done.stdout.splitlines()) == 1  # one process speaks
    summary = json.loads(done.stdout)
    assert (summary["steps"], sum(summary["rows_read"].values())) == (4, 32)
    assert (summary["processes"], summary["device"]) == (2, "cpu")
    assert "distill: 2 processes on cpu" in done.stderr
    alone, together = (
        [json.loads(row) for row in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.keys() == theirs.keys()
        for name in theirs.keys() & {"loss", "distillation", "lexical", "grad_norm"}:
            assert ours[name] == pytest.approx(theirs[name], abs=1e-7, rel=1e-4), name
        assert {n: v for n, v in ours.items() if " of " in n} == {n: v for n, v in theirs.items() if " of " in n}
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert max((one[name] - two[name]).abs().max() for name in one) < 1e-4
    assert json.loads((tmp_path / "two" / "manifest.json").read_text())["settings"]["processes"] == 2


@pytest.mark.parametrize("marks", [[], ["--modality-token"]])
def test_a_process_whose_rows_have_no_speech_goes_on(marks, distill_arguments, speech, loaded_python, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"id": "one", "text": "x"}\n')
    line = replaced(replaced(distill_arguments, "--lexical-weight", 0), "--per-device-train-batch-size", 1)
    place = line.index("--speech-words")
    replay = ["--replay", f"{tmp_path / 'rows.jsonl'}:2", "--mix", "rows", "--replay-loss", "nll"]
    all_heard = ["--speech-words", 400, 400, "--text-first", 0, *replay]
    line = [*line[:place], *line[place + 3 :], *all_heard, *marks]
    line = replaced(line, "--max-steps", 8)
    launch(loaded_python, line, tmp_path / "two", port=29605 + len(marks))
    entries = [json.loads(row) for row in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert len(entries) == 8
    read = [[entry[f"rows of {source}"] for source in (speech, tmp_path / "rows.jsonl")] for entry in entries]
    assert [1, 1] in read  # one process hears and one does not; each has an end to predict
    for entry in entries:
        for source in (speech, tmp_path / "rows.jsonl"):  # of each row its end alone
            assert entry[f"loss positions of {source}"] == entry[f"rows of {source}"]


def test_several_processes_make_a_checkpoint_anew(distill_arguments, loaded_python, tmp_path):
    for options in ([], ["--overwrite"]):
        launch(loaded_python, [*distill_arguments, *options], tmp_path / "two", port=29607)
    assert (tmp_path / "two" / "manifest.json").is_file()


def test_a_launch_that_gets_one_process_says_so(distill_arguments, loaded_python, tmp_path):
    command = [loaded_python, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", 2, "--num_machines", 1]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "saladkit"]
    command += [*replaced(distill_arguments, "--max-steps", 1), "-o", tmp_path / "out"]
    environment = os.environ | {"PYTHON_EXEC": str(loaded_python)}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "distill: 1 process on cpu" in done.stderr
    assert json.loads(done.stdout)["processes"] == 1
