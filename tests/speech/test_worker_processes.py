"""Work shared among processes: every result comes back, also if a process dies."""

import os
from functools import partial

import numpy as np
import pytest

from saladkit.errors import SaladError
from saladkit.machine import peak_memory_bytes
from saladkit.speech.aligners.aligner import Alignment, Recording, open_aligner
from saladkit.speech.aligners.in_processes import AlignerInProcesses
from saladkit.speech.voices.voice import open_voice
from saladkit.speech.worker_processes import WorkerProcesses

SENTENCES = ["Water boils near the sea.", "My brother wrote a letter.", "The old clock has stopped."]


def doubled(numbers):
    return [2 * number for number in numbers]


def doubled_until_seven(numbers):
    if 7 in numbers:
        os._exit(3)
    return doubled(numbers)


def aligned_until_the_letter(placed):
    if any("letter" in recording.text for _, recording in placed):
        os._exit(3)
    return {place: Alignment([], 1.0) for place, _ in placed}


@pytest.mark.parametrize("count", [1, 2])
def test_every_chunk_comes_back(count):
    chunks = [[1, 2], [3], [4, 5, 6]]
    with WorkerProcesses(count) as processes:
        found = sorted(processes.run(doubled, chunks))
        assert found == [([1, 2], [2, 4]), ([3], [6]), ([4, 5, 6], [8, 10, 12])]
        assert processes.run_alone(doubled, 8) == [16]


def test_chunks_of_a_process_that_died_are_named_and_others_can_go_on():
    with WorkerProcesses(2) as processes:
        found = {tuple(chunk): made for chunk, made in processes.run(doubled_until_seven, [[6], [7], [8]])}
        assert found.keys() == {(6,), (7,), (8,)} and found[(7,)] is None
        assert [processes.run_alone(doubled_until_seven, number) for number in (6, 7, 8)] == [[12], None, [16]]


def holding_megabytes(numbers):
    return [len(b"x" * (1_000_000 * number)) for number in numbers]


def test_memory_of_processes_is_what_they_held_themselves():
    """After an exec, getrusage's peak begins at that of the process that started the worker."""
    of_this_process = np.ones(80_000_000)  # 640 MB
    with WorkerProcesses(1) as none, WorkerProcesses(2) as processes:
        assert list(none.run(doubled, [[1]])) and none.peak_memory_bytes == 0
        list(processes.run(doubled, [[1], [2], [3], [4]]))
        small = processes.peak_memory_bytes
        assert 0 < small < of_this_process.nbytes < peak_memory_bytes()
        list(processes.run(holding_megabytes, [[400], [400], [400], [400]]))
        assert processes.peak_memory_bytes >= 400_000_000
        assert processes.peak_memory_bytes < small + 2 * 400_000_000 + 300_000_000


def recordings():
    spoken = [open_voice("espeak:en-us").speak(text) for text in SENTENCES]
    return [Recording(one.samples, one.sample_rate, text) for one, text in zip(spoken, SENTENCES, strict=True)]


@pytest.mark.slow
def test_an_aligner_finds_the_same_in_any_number_of_processes():
    given = [*recordings(), Recording(np.zeros(800, np.float32), 16_000, "Nothing of this is said.")]
    opened = open_aligner("sphinx")
    with AlignerInProcesses(opened, 1, scored=True) as alone, AlignerInProcesses(opened, 2, scored=True) as two:
        assert (two.name, two.model, two.identity) == (opened.name, opened.model, opened.identity)
        *found, refused = two.align(given)
        assert found == alone.align(given)[:3] and all(one.score > 0 for one in found)
        assert isinstance(refused, SaladError) and "finds no way" in refused.problem


def test_a_recording_at_which_a_process_dies_is_an_error_and_the_others_are_aligned():
    with AlignerInProcesses(open_aligner("sphinx"), 2, scored=False) as aligner:
        aligner._work = partial(aligned_until_the_letter)
        first, lost, last = aligner.align(recordings())
    assert first == last == Alignment([], 1.0)
    assert isinstance(lost, SaladError) and "died while it aligned" in lost.problem
