"""What is logged of rollouts, against numpy on all positions at once; and the notes and gaps made of it."""

import numpy as np
import pytest
import torch

from saladkit.rows.training_rows import TrainingSource
from saladkit.settings.align import AlignSettings
from saladkit.teacher.head import LossRequest
from saladkit.teacher.rollout_loss import RolloutRequest
from saladkit.training.rollout_meter import BINS, WIDTH, RolloutMeter, measured_names
from saladkit.training.rollout_notes import exposure_gaps, figures_of_rollouts, notes_on_rollouts

CPU = torch.device("cpu")
COUNTS = [3, 40, 17]  # targets of each rollout
SOURCES = [
    TrainingSource("heard", 1.0, [], [], frames=object()),
    TrainingSource("replayed", 1.0, [], [], replay=True),
    TrainingSource("own", 1.0, [], [], frames=object(), log_probs=[]),
]


def batch_of(random):
    """Two rows of speech, one of replay and three rollouts, the second of them read; and what was measured."""
    others, own = [4, 2, 5], sum(COUNTS)
    figures = np.stack([-random.gamma(2, 2, own), random.gamma(9, 1 / 9, own), np.full(own, np.nan)], axis=1)
    figures[::7, 0] = np.nan  # outside the top k
    divergences = random.random(sum(others)), random.random(own)
    requests = [
        LossRequest(None, torch.zeros(sum(others)), measured=torch.tensor(divergences[0])),
        RolloutRequest(
            None,
            torch.zeros(own),
            measured=torch.tensor(divergences[1]),
            behaviour=torch.zeros(own),
            figures=torch.tensor(figures),
        ),
        LossRequest(None, torch.zeros(6), 0.0),
    ]
    counts = [*others, *COUNTS, 6]
    named = ["heard", "heard", "replayed", "own", "own (read)", "own", "replayed"]
    batch = {"followed": 3, "rollouts": 3, "targets": [np.zeros(n) for n in counts], "measured": named}
    return batch, requests, divergences, figures


@pytest.mark.parametrize("processes", [1, 2])
def test_figures_are_those_of_all_positions_at_once(processes):
    random = np.random.default_rng(0)
    names, found = measured_names(SOURCES), []
    assert names == ["heard", "replayed", "own", "own (read)"]
    batches = [batch_of(random) for _ in range(4)]
    meters = [RolloutMeter(names) for _ in range(processes)]
    for number, (batch, requests, *_) in enumerate(batches):
        meters[number % processes].add(requests, batch)
    if processes == 2:
        sums = []
        meters[1].means(lambda value: sums.append(value) or value, CPU)
        logged = meters[0].means(lambda value: value + sums.pop(0), CPU)
    else:
        logged = meters[0].means(lambda value: value, CPU)
    own = np.concatenate([np.ones(COUNTS[0]), np.zeros(COUNTS[1]), np.ones(COUNTS[2])]).astype(bool)
    figures = np.concatenate([values[own] for *_, values in batches])
    label = figures[:, 0][~np.isnan(figures[:, 0])]
    ratio = figures[:, 1]
    found = {name.removesuffix(" of own"): value for name, value in logged.items() if name.endswith(" of own")}
    assert found["divergence"] == pytest.approx(np.concatenate([of[1][own] for _, _, of, _ in batches]).mean())
    assert found["teacher log-probability"] == pytest.approx(label.mean())
    assert found["teacher log-probability 5%"] == pytest.approx(np.quantile(label, 0.05), abs=3 * WIDTH)
    assert found["ratio"] == pytest.approx(ratio.mean())
    assert found["effective samples"] == pytest.approx(ratio.sum() ** 2 / (len(ratio) * (ratio**2).sum()))
    assert found["clipped"] == pytest.approx(((ratio < 0.8) | (ratio > 1.28)).mean())
    assert "outside top k" not in found
    speech = np.concatenate([of[0][:6] for _, _, of, _ in batches])
    assert logged["divergence of heard"] == pytest.approx(speech.mean())
    assert {name for name in logged if name.endswith("heard")} == {"divergence of heard"}
    assert meters[0].means(lambda value: value, CPU) == {}


def test_without_rollouts_nothing_is_measured():
    assert measured_names(SOURCES[:2]) == []
    meter = RolloutMeter([])
    batch, requests, *_ = batch_of(np.random.default_rng(1))
    meter.add(requests, batch)
    assert meter.means(lambda value: value, CPU) == {}


@pytest.mark.parametrize(
    "loss, divergence", [("forward-kl", "forward-kl"), ("reverse-kl", "reverse-kl"), ("jsd", "jsd")]
)
def test_the_exposure_gap_is_against_speech_alone(loss, divergence):
    log = [
        {"divergence of heard": 0.4, "divergence of replayed": 0.0, "divergence of own": 0.9},
        {"divergence of heard": 0.2, "divergence of own": 0.5, "divergence of own (read)": 0.0},
        {"divergence of heard": 0.1},
    ]
    counts = ((10, 20, 30), (30, 0, 10), (60, 0, 0))
    for entry, of_entry in zip(log, counts, strict=True):
        names = ("heard", "replayed", "own")
        entry |= {f"loss positions of {name}": count for name, count in zip(names, of_entry, strict=True)}
    settings = AlignSettings(
        data=("d",), teacher=("t",), max_steps=1, rollouts=("own",), rollout_loss=loss, divergence=loss
    )
    own, heard = (30 * 0.9 + 10 * 0.5) / 40, (10 * 0.4 + 30 * 0.2 + 60 * 0.1) / 100
    assert exposure_gaps(log, SOURCES, settings) == {"own": pytest.approx(own - heard)}
    other = AlignSettings(data=("d",), teacher=("t",), max_steps=1, rollouts=("own",), rollout_loss="sampled")
    assert exposure_gaps(log, SOURCES, other) == {}  # not of the same divergence


def test_a_teacher_that_is_lost_is_said():
    log = [{"divergence of own": 1.0, "teacher log-probability 5% of own": -8.05}]
    (note,) = notes_on_rollouts(figures_of_rollouts(log, SOURCES))
    assert "5% of the tokens of own" in note and "-8.1" in note
    log[0]["teacher log-probability 5% of own"] = -7.95
    assert notes_on_rollouts(figures_of_rollouts(log, SOURCES)) == []
    assert BINS * WIDTH > 8
