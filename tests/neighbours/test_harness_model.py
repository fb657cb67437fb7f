"""The model `saladkit` of lm-evaluation-harness: the numbers of `saladkit eval`, on text and on recordings."""

import json
import subprocess
from types import SimpleNamespace

import lm_eval
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from lm_eval.tasks import TaskManager

from saladkit.api import load_checkpoint, read_samples
from saladkit.errors import SaladError
from saladkit.scoring.harness_model import SaladLM
from saladkit.settings.evaluate import EvalSettings
from saladkit.speech.audio.decoding import decode_row
from saladkit.stages.evaluate import evaluate

TASK = """task: {task}
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: {questions}
    train: {examples}
test_split: test
fewshot_split: train
output_type: multiple_choice
doc_to_text: "{prompt}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{answer}}}}"
num_fewshot: {shots}
fewshot_config:
  sampler: first_n
  doc_to_text: "{{{{text}}}}"
metric_list:
  - metric: acc
  - metric: acc_norm
{audio}
"""


@pytest.fixture(scope="module")
def harness(spoken_questions, world, tmp_path_factory):
    """Write a task of the spoken questions; returns its folder."""

    def write(task, audio, shots=0, prompt=None):
        folder = tmp_path_factory.mktemp(task)
        table = read_samples(spoken_questions)
        pq.write_table(table.slice(0, 8), folder / "asked.parquet")
        pq.write_table(table.slice(8), folder / "examples.parquet")
        (folder / f"{task}.yaml").write_text(
            TASK.format(
                task=task,
                questions=folder / "asked.parquet",
                examples=folder / "examples.parquet",
                prompt=prompt or ("<audio>" if audio else "{{text}}"),
                shots=shots,
                audio="doc_to_audio: audio" if audio else "",
            )
        )
        return folder

    return write


def run(checkpoint, folder, task):
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    arguments = {"pretrained": str(checkpoint)}
    return lm_eval.simple_evaluate(
        model="saladkit", model_args=arguments, tasks=[task], task_manager=manager, device="cpu", batch_size=4
    )


@pytest.mark.parametrize("modality, shots", [("text", 0), ("speech", 0), ("speech", 2)])
def test_its_numbers_are_those_of_eval(modality, shots, checkpoint, harness, tmp_path):
    folder = harness("spoken", modality == "speech", shots)
    found = run(checkpoint, folder, "spoken")
    settings = EvalSettings(
        modalities=(modality,),
        num_fewshot=shots,
        fewshot=str(folder / "examples.parquet") if shots else None,
        fewshot_modality="text",
        device="cpu",
    )
    evaluate(str(checkpoint), [str(folder / "asked.parquet")], tmp_path / "ours", settings)
    (listed,) = (tmp_path / "ours" / "checkpoint").glob("samples_*.jsonl")
    ours, theirs = map(json.loads, listed.read_text().splitlines()), found["samples"]["spoken"]
    for mine, their in zip(ours, theirs, strict=True):
        expected = [float(value) for ((value, _),) in mine["resps"]]
        assert [float(value) for ((value, _),) in their["resps"]] == pytest.approx(expected, abs=1e-4)
        assert [led for ((_, led),) in mine["resps"]] == [str(led) for ((_, led),) in their["resps"]]
    written = json.loads((tmp_path / "ours" / "checkpoint" / "results_checkpoint.json").read_text())
    (figures,) = written["results"].values()
    for metric in ("acc,none", "acc_norm,none", "acc_stderr,none"):
        assert found["results"]["spoken"][metric] == pytest.approx(figures[metric], abs=1e-12)


@pytest.fixture(scope="module")
def model(checkpoint):
    return SaladLM(str(checkpoint), device="cpu")


def request(*arguments, doc=None):
    return SimpleNamespace(args=arguments, doc=doc or {})


def twin(model, before, ids):
    """Log-probability of tokens behind others, all in one row."""
    logits = model.model(input_ids=torch.tensor([[*before, *ids]])).logits[0].detach().double()
    log_probs = logits.log_softmax(dim=-1)[len(before) - 1 :]
    return sum(float(log_probs[at, token]) for at, token in enumerate(ids))


def test_a_text_is_scored_whole_and_in_windows(model, tokenizer):
    text = "The capital of Zembla is a large town near the sea, and most people walk home late."
    ids = tokenizer(text)["input_ids"]
    start = [tokenizer.eos_token_id]
    (whole,) = model.loglikelihood_rolling([request(text)])
    assert whole == pytest.approx(twin(model, start, ids), abs=1e-3)
    short = SaladLM(str(model.pretrained), device="cpu", max_length=8)
    windows = [(start, ids[:8])] + [
        (ids[max(0, end - 9) : begin], ids[begin:end])
        for begin, end in ((at, min(at + 8, len(ids))) for at in range(8, len(ids), 8))
    ]
    expected = sum(twin(model, *window) for window in windows)
    assert short.loglikelihood_rolling([request(text)]) == [pytest.approx(expected, abs=1e-3)]
    ((empty, _),) = model.loglikelihood([request("", text)])  # behind an empty context too
    assert empty == pytest.approx(whole, abs=1e-3)


def test_recordings_may_be_in_any_form_of_datasets(model, spoken_questions):
    row = read_samples(spoken_questions, limit=1).to_pylist()[0]
    samples, rate = decode_row(row, "questions")
    decoder = SimpleNamespace(
        get_all_samples=lambda: SimpleNamespace(data=torch.from_numpy(samples)[None], sample_rate=rate)
    )
    forms = [row["audio"], {"array": samples, "sampling_rate": rate}, decoder, [row["audio"]]]
    scores = [model.loglikelihood([request("<audio>", " a tomato", {"audio": form})]) for form in forms]
    assert all(score == scores[0] for score in scores)
    (silent,) = model.loglikelihood([request("What is it?", " a tomato")])
    assert silent != scores[0][0]
    with pytest.raises(SaladError, match="doc_to_audio gives int"):
        model.loglikelihood([request("<audio>", " a tomato", {"audio": 7})])


@pytest.mark.parametrize("context", ["What?", "<audio><audio>"])
def test_places_and_recordings_must_agree(model, context):
    sound = {"array": np.zeros(8000, np.float32), "sampling_rate": 8000}
    with pytest.raises(SaladError, match=r"a context has \d places for 1 recordings"):
        model.loglikelihood([request(context, " yes", {"audio": [sound]})])


def test_answers_end_at_the_stop_string(model, spoken_questions):
    row = read_samples(spoken_questions, limit=1).to_pylist()[0]
    greedy = {"until": [], "max_gen_toks": 12, "do_sample": False}
    (whole,) = model.generate_until([request("<audio> The", greedy, {"audio": row["audio"]})])
    own, processor = load_checkpoint(model.pretrained)
    samples, rate = decode_row(row, "questions")
    inputs = processor(text="<|audio|> The", audio=samples, sampling_rate=rate)
    ids = own.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    assert whole == processor.decode(ids, skip_special_tokens=True)
    stop = whole[len(whole) // 2 :][:2]
    (cut,) = model.generate_until(
        [request("<audio> The", greedy | {"until": [stop]}, {"audio": row["audio"]})],
    )
    assert cut == whole.partition(stop)[0]


def test_contexts_that_are_too_long_lose_their_beginning(model, capsys):
    text = "It is late. " * 12 + "The tomato is"
    short = SaladLM(str(model.pretrained), device="cpu", max_length=16)
    ((score, _),) = short.loglikelihood([request(text, " red")])
    ids = model.tokenizer(text)["input_ids"]
    red = model.tokenizer(f"{text} red")["input_ids"][len(ids) :]
    assert score == pytest.approx(twin(model, ids[-(16 - len(red) + 1) :], red), abs=1e-3)
    assert "1 of 1 contexts have over 16 positions" in capsys.readouterr().err


def test_the_harness_s_program_knows_the_model(loaded_python, repository, checkpoint, harness, tmp_path):
    """And what it writes is read by its own tools, as the results of `saladkit eval` are."""
    folder = harness("spoken", True, prompt="<audio>\\nAnswer:")
    line = ["run", "--model", "saladkit", "--model_args", f"pretrained={checkpoint}", "--tasks", "spoken"]
    line += ["--include_path", folder, "--device", "cpu", "--output_path", tmp_path / "out", "--limit", "2"]
    script = repository / "examples" / "neighbours" / "harness.py"
    done = subprocess.run([loaded_python, script, *map(str, line)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "|spoken|" in done.stdout and "acc_norm" in done.stdout
    assert list((tmp_path / "out").rglob("results_*.json"))
