"""What `gap --rollouts` prints: the exposure gap, and how well teacher and model know what was written."""

import numpy as np

from saladkit.formats.artefact import Artefact
from saladkit.formats.rollouts import LOST, MODALITIES, SCHEMA, SPEECH, TAIL, VERSION
from saladkit.scoring.statistics import bootstrap_ratio


def exposure_figures(rows: list[dict], rollouts: str) -> dict:
    """Return the figures of heard and of read prompts, by modality.

    The KL divergences are in nats per compared token, with intervals over the rows of samples. `follows_prompt` is the
    share of tokens behind a wrong past at which the teacher's best token is nevertheless that of the true text at this
    place; `staleness` is the mean of log mu(y) - log q(y), mu being the model that wrote. Ratios q(y) / mu(y), their
    mean and effective sample size, are of tokens that were drawn from mu itself.

    Args:
        rows: rows of EXPOSURE.
        rollouts: path of the artefact.
    """
    drawn = Artefact.open(rollouts, SCHEMA, VERSION).manifest["settings"]
    found = {modality: [row for row in rows if row["modality"] == modality] for modality in MODALITIES}
    return {modality: _figures(of_it, drawn) for modality, of_it in found.items() if of_it}


def _figures(rows: list[dict], drawn: dict) -> dict:
    sums = _by_source(rows)
    known = np.concatenate([row["teacher_log_probs"] for row in rows])
    behind_wrong, tokens = sum(row["wrong_past"] for row in rows), sum(row["tokens"] for row in rows)
    figures = {
        "rollouts": len(rows),
        "tokens": tokens,
        "compared_tokens": int(sums["compared"].sum()),
        "exposure_gap": _interval(sums["own_kl"] - sums["text_kl"], sums["compared"]),
        "own_kl": _interval(sums["own_kl"], sums["compared"]),
        "text_kl": _interval(sums["text_kl"], sums["compared"]),
        "overlap_top_32": round(sum(row["overlap"] for row in rows) / tokens, 4),
        "tokens_behind_wrong_past": behind_wrong,
    }
    if behind_wrong:
        figures["follows_prompt"] = round(sum(row["follows_prompt"] for row in rows) / behind_wrong, 4)
    if len(known):
        figures["teacher_log_prob"] = round(float(known.mean()), 4)
        figures["teacher_log_prob_5%"] = round(float(np.quantile(known, TAIL)), 4)
    return figures | _staleness(np.concatenate([row["log_ratios"] for row in rows]), drawn)


def _staleness(log_ratios: np.ndarray, drawn: dict) -> dict:
    """Return how far the model is from the one that wrote; empty if the stored log-probabilities are not of a model."""
    temperature = drawn.get("temperature", 1.0)
    if temperature not in (0.0, 1.0) or drawn.get("top_p", 1.0) != 1:
        return {}
    figures = {"staleness": round(float(-log_ratios.mean()), 4)}
    if temperature == 1:
        ratios = np.exp(log_ratios)
        figures["ratio"] = round(float(ratios.mean()), 4)
        figures["effective_samples"] = round(float(ratios.sum() ** 2 / (len(ratios) * (ratios**2).sum())), 4)
    return figures


def _by_source(rows: list[dict]) -> dict[str, np.ndarray]:
    """Return the sums over the rollouts of each row of samples, float64 [rows] each."""
    _, place = np.unique([row["source_id"] for row in rows], return_inverse=True)
    columns = ("compared", "own_kl", "text_kl")
    return {name: np.bincount(place, weights=[row[name] for row in rows]) for name in columns}


def _interval(sums: np.ndarray, tokens: np.ndarray) -> dict[str, float]:
    found = bootstrap_ratio(sums, tokens)
    return {"mean": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def exposure_lines(figures: dict) -> list[str]:
    """Return lines for the terminal, given what `exposure_figures` returned."""
    lines = []
    for modality, found in figures.items():
        gap, how = found["exposure_gap"], "heard" if modality == SPEECH else "read"
        lines.append(
            f"gap: exposure gap {gap['mean']:.3f} nats per token ({gap['low']:.3f} to {gap['high']:.3f}) behind {how}"
            f" prompts: teacher KL {found['own_kl']['mean']:.3f} behind what was written,"
            f" {found['text_kl']['mean']:.3f} behind the true text"
        )
        if found.get("teacher_log_prob_5%", 0.0) < LOST:
            lines.append(
                f"note: 5% of the tokens written behind {how} prompts have a log-probability below"
                f" {found['teacher_log_prob_5%']:.1f} nats to the teacher, which no longer knows what it reads"
            )
    return lines
