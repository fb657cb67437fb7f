"""The command line that is written from a manifest gives, when it is typed, the settings and inputs of the manifest."""

import shlex

import pytest

from saladkit.cli import main
from saladkit.reporting.command_lines import COMMANDS, command_line
from saladkit.settings.setting import settings_fields

TYPED = {
    "cache-teacher": "a.parquet b.parquet --model lm --keep sampled --temperature 0.7",
    "distill": "lm --data nat --replay pool --max-steps 7 --text-words 1 6 --adapter-layers 2 --bf16 --warmup-steps 3",
    "gap": "stage1 'my samples' --teacher lm --regions regions --speech-words 2 3",
    "select": "pool --regions regions --gap gap --count 20 --strategy coverage --rate-from nat --exclude a --exclude b",
    "synth": "texts --voice espeak:en-us --voice espeak:en-gb --duration-ratio 0.5 2 --max-silence 1.5",
    "align": "stage1 --data nat --data chosen --replay pool --teacher teacher --max-steps 5 --learning-rate 2e-05",
    "eval": "stage1 questions held --teacher lm --compare stage2 --heard nat --modality text --by cell --num-fewshot 2",
    "rollout": "stage1 spoken --seed 3",
    "timestamps": "spoken --aligner sphinx",
    "regions": "pool --embedder lm:lm --clusters 12 --speech nat --plain",
    "cache-speech": "nat --speech-encoder mel",
}
# What a recorded setting is called where the stage records it by another name than its field has.
INPUTS = {"select": {"rate_from": "rate"}}


def typed(verb, words):
    """The parameters that click makes of a command line."""
    return main.commands[verb].make_context(verb, words, obj=[], resilient_parsing=False).params


def settings_of(verb, parameters):
    kind = COMMANDS[verb][0]
    return kind(**{of.name: parameters[of.name] for of in settings_fields(kind)})


def manifest(verb, parameters):
    """What `job.py` records of a command line: its settings, and its paths as inputs."""
    settings = settings_of(verb, parameters)
    inputs = {}
    for name, value in parameters.items():
        role = {"samples": "samples", "sources": "samples", "tasks": "task"}.get(name, name)
        is_path = name in (
            "teacher",
            "regions",
            "gap",
            "model",
            "checkpoint",
            "pool",
            "tasks",
            "samples",
            "sources",
            "frames",
        )
        if name in ("data", "replay", "exclude", "rate_from", "heard", "compare", "speech") or (
            is_path and isinstance(value, tuple)
        ):
            role = INPUTS.get(verb, {}).get(name, role)
            inputs |= {f"{role} {i}": path for i, path in enumerate(value)}
        elif is_path and isinstance(value, str):
            inputs[role] = value
    if verb == "eval":
        inputs = {
            role: path
            for role, path in inputs.items()
            if role.split()[0] not in ("model", "teacher", "compare", "task")
        }
        inputs |= {"model stage1": "stage1", "model stage2": "stage2", "model original": "lm"}
        inputs |= {f"task {task}": task for task in parameters["tasks"]}
    if verb == "regions":
        inputs["embedder"] = parameters["embedder"].removeprefix("lm:")
    recorded = settings.recorded()
    if verb == "regions":
        recorded["embedder"] = "lm"
    recorded |= {"encoder": parameters["encoder"]} if "encoder" in parameters else {}  # an encoder without a model
    recorded |= {"models": ["stage1", "stage2", "original"]} if verb == "eval" else {}
    return {"verb": verb, "inputs": {role: {"path": path} for role, path in inputs.items()}, "settings": recorded}


@pytest.mark.parametrize("verb", list(TYPED))
def test_a_command_line_is_written_again(verb):
    first = typed(verb, [*shlex.split(TYPED[verb]), "-o", "out"])
    words = shlex.split(" ".join(command_line(manifest(verb, first), "out")))
    assert words[:2] == ["saladkit", verb]
    again = typed(verb, words[2:])
    for name in first:
        if name == "model" and verb == "cache-teacher":
            continue
        assert sorted(first[name]) == sorted(again[name]) if name == "tasks" else first[name] == again[name], name


def test_numbers_keep_all_their_digits():
    verb, rate = "align", "1.23456789e-05"
    words = shlex.split(f"{TYPED[verb]} --adapter-learning-rate {rate} -o out")
    written = shlex.split(" ".join(command_line(manifest(verb, typed(verb, words)), "out")))
    assert written[written.index("--adapter-learning-rate") + 1] == rate


def test_weights_of_training_data_are_written_behind_their_paths():
    found = {"data 0": {"path": "nat"}, "data 1": {"path": "chosen"}, "model": {"path": "lm"}}
    settings = {"max_steps": 5, "weights": {"data": [2.0, 1.0]}}
    words = command_line({"verb": "distill", "inputs": found, "settings": settings}, "out")
    assert words == shlex.split("saladkit distill lm -o out --data nat:2 --data chosen --max-steps 5")


def test_an_artefact_of_another_program_has_no_command_line():
    assert command_line({"verb": "train-lm", "inputs": {}, "settings": {}}, "out") == []
