"""The figures of `gap` against a slow twin: float64, one position after another, no batches, no padding."""

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recognizers import save_ctc_model

from saladkit.formats.gap_table import DISTANCES, METRICS, read_gap_table
from saladkit.formats.regions import Regions
from saladkit.formats.samples import write_samples
from saladkit.model.loading import load_salad_model, load_text_model
from saladkit.reporting.gap_summary import SHOWN
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.training_sources import open_speech
from saladkit.scoring.divergence import probe_sequences
from saladkit.settings.gap import GapSettings
from saladkit.settings.shared import Spans
from saladkit.settings.weighted_path import WeightedPath
from saladkit.sources.samples import read_samples
from saladkit.speech.encoders.log_mel import LogMelFrontEnd

ROWS, DRAWS, SEED = 3, 2, 7
SPANS = Spans(text_words=(2, 4), speech_words=(2, 4))


@pytest.fixture(scope="module")
def measured(workshop, checkpoint, text_lm, speech):
    """(summary, items, groups) of `gap` over the first rows."""
    from saladkit.stages.gap import gap

    options = {"text_words": SPANS.text_words, "speech_words": SPANS.speech_words, "interleavings": DRAWS, "seed": SEED}
    output = workshop / "gap-of-three"
    settings = options | {"teacher": str(text_lm), "batch_size": 2, "limit": ROWS, "device": "cpu"}
    summary = gap(str(checkpoint), [str(speech)], output, GapSettings(**settings))
    return summary, *read_gap_table(output)


def log_softmax(logits):
    """Return the log probabilities of one position as a list."""
    top = max(logits)
    total = math.log(math.fsum(math.exp(value - top) for value in logits)) + top
    return [value - total for value in logits]


def kl(p, q):
    return math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q, strict=True))


@torch.no_grad()
def twin(student, teacher, source, row, layout):
    """{metric: sum over all compared tokens of a row's draws}, their number, {distance: [tokens, M, teacher KL]}."""
    text = torch.from_numpy(source.texts[row].token_ids.astype(np.int64))
    sums, tokens, behind = dict.fromkeys(METRICS, 0.0), 0, defaultdict(lambda: np.zeros(3))
    for sequence in probe_sequences(source, row, layout, SPANS, DRAWS, SEED, "interleaved"):
        inputs = student.get_input_embeddings()(torch.from_numpy(sequence.input_ids))
        heard = [
            student.embed_speech(torch.from_numpy(span.frames).double()[None], torch.tensor([span.vectors]))[0]
            for span in sequence.spans
        ]
        inputs[torch.from_numpy(sequence.speech_mask)] = torch.cat(heard)
        assert sequence.targets.max() < len(text)  # what follows the text is no text position, and not in M
        for position, target in zip(sequence.positions, sequence.targets, strict=True):
            before = text[None, :target]
            original = log_softmax(teacher(input_ids=before).logits[0, -1].tolist())
            read = log_softmax(student.language_model(input_ids=before).logits[0, -1].tolist())
            spoken = student.language_model(inputs_embeds=inputs[None, : position + 1]).logits[0, -1]
            spoken = log_softmax(spoken.tolist())
            sums["misalignment"] += kl(read, spoken)
            sums["teacher_kl"] += kl(original, spoken)
            distance = 1
            while not sequence.speech_mask[position + 1 - distance]:
                distance += 1
            behind[distance] += [1, kl(read, spoken), kl(original, spoken)]
            sums["forgetting"] += kl(original, read)
            sums["text_nll"] -= read[text[target]]
            sums["speech_nll"] -= spoken[text[target]]
            middle = [math.log((math.exp(a) + math.exp(b)) / 2) for a, b in zip(read, spoken, strict=True)]
            sums["jsd"] += (kl(read, middle) + kl(spoken, middle)) / 2
            sums["text_entropy"] -= math.fsum(math.exp(a) * a for a in read)
            sums["speech_entropy"] -= math.fsum(math.exp(a) * a for a in spoken)
            best_read, best_heard = read.index(max(read)), spoken.index(max(spoken))
            sums["agreement"] += best_read == best_heard
            sums["text_accuracy"] += best_read == int(text[target])
            sums["speech_accuracy"] += best_heard == int(text[target])
            tokens += 1
    sums["nll_gap"] = sums["speech_nll"] - sums["text_nll"]
    sums["accuracy_gap"] = sums["text_accuracy"] - sums["speech_accuracy"]
    return sums, tokens, behind


@pytest.fixture(scope="module")
def expected(checkpoint, text_lm, speech, tokenizer):
    """{id: (sums, tokens, sums by distance)} by the twin."""
    student = load_salad_model(checkpoint, dtype="float32", device="cpu").double().eval()
    teacher = load_text_model(text_lm, dtype="float32", device="cpu").double().eval()
    front_end = LogMelFrontEnd(bins=student.config.num_mel_bins)
    layout = SequenceLayout(front_end.frames_per_second, student.config.frames_per_vector)
    source = open_speech(WeightedPath(str(speech)), tokenizer, front_end, limit=ROWS)
    return {id_: twin(student, teacher, source, row, layout) for row, id_ in enumerate(source.ids)}


def test_every_item_has_the_figures_of_its_twin(measured, expected):
    _, items, _ = measured
    assert [item["id"] for item in items] == list(expected)
    for item in items:
        sums, tokens, _ = expected[item["id"]]
        assert item["tokens"] == tokens > 10
        for metric in METRICS:
            assert item[metric] == pytest.approx(sums[metric] / tokens, rel=2e-4, abs=1e-6), metric
        assert item["misalignment"] > 1e-3
        assert item["forgetting"] > 1e-6


def test_means_are_nats_per_text_token_not_per_item(measured, expected):
    summary, _, _ = measured
    together = sum(tokens for _, tokens, _ in expected.values())
    for metric in SHOWN:
        mean = sum(sums[metric] for sums, *_ in expected.values()) / together
        assert summary[metric]["mean"] == pytest.approx(mean, rel=1e-3, abs=1e-4)
        assert summary[metric]["low"] <= summary[metric]["mean"] <= summary[metric]["high"]


def test_the_gap_by_distance_behind_speech(measured, expected):
    summary, items, _ = measured
    total = np.zeros((3, len(DISTANCES)))
    for item in items:
        behind = expected[item["id"]][2]
        inside = [[d for d in behind if first <= d <= (last or d)] for first, last in DISTANCES]
        sums = np.array([sum((behind[d] for d in of_bin), np.zeros(3)) for of_bin in inside]).T
        for name, of_item in zip(("tokens", "misalignment", "teacher_kl"), sums, strict=True):
            assert item[f"{name}_behind"] == pytest.approx(of_item, rel=2e-4, abs=1e-5), name
        assert sum(item["tokens_behind"]) == item["tokens"]
        total += sums
    assert total[0, :4].min() > 0
    for row, (tokens, m, teacher_kl) in zip(summary["behind_speech"], total.T, strict=True):
        assert row["tokens_share"] == pytest.approx(tokens / total[0].sum(), abs=1e-4)
        if tokens:
            assert row["misalignment"] == pytest.approx(m / tokens, rel=1e-3, abs=1e-4)
            assert row["misalignment_share"] == pytest.approx(m / total[1].sum(), abs=1e-3)
            assert row["teacher_kl_share"] == pytest.approx(teacher_kl / total[2].sum(), abs=1e-3)
    assert summary["spans"] == "text spans of 2-4 words, speech spans of 2-4"


def test_regions_have_the_means_of_their_items(shell, workshop, checkpoint, text_lm, world, speech, tmp_path):
    from saladkit.settings.regions import RegionsSettings
    from saladkit.stages.regions import regions

    natural = str(world / "natural.parquet")
    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=3, device="cpu")
    regions(natural, tmp_path / "regions", settings)
    spans = [*("--text-words", 2, 4), *("--speech-words", 2, 4)]
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--regions", tmp_path / "regions", *spans]
    assert json.loads(shell(*line, "--device", "cpu", "-o", tmp_path / "gap").stdout)["rows"] == 24
    items, groups = read_gap_table(tmp_path / "gap")
    table = [group for group in groups if group["kind"] == "region"]
    assert [group["kind"] for group in groups].count("all") == 1
    assert {group["group"] for group in groups if group["kind"] == "speaker"} == {"espeak:en-us", "espeak:en-gb+f2"}
    assert len([group for group in groups if group["kind"] == "domain"]) == len({item["domain"] for item in items})
    region_of = {row["id"]: row["region"] for row in pq.read_table(tmp_path / "regions" / "texts.parquet").to_pylist()}
    assert {item["id"]: item["region"] for item in items} == {item["id"]: region_of[item["id"]] for item in items}
    assert sum(row["probes"] for row in table) == len(items)
    for row in table:
        inside = [item for item in items if item["region"] == row["region"]]
        mean = sum(item["teacher_kl"] * item["tokens"] for item in inside) / sum(item["tokens"] for item in inside)
        assert row["teacher_kl"] == pytest.approx(mean, rel=1e-9)
        assert row["teacher_kl_low"] <= row["teacher_kl"] <= row["teacher_kl_high"]


def test_everything_before_a_compared_word_is_heard(checkpoint, speech, tokenizer):
    student = load_salad_model(checkpoint, dtype="float32", device="cpu")
    front_end = LogMelFrontEnd(bins=student.config.num_mel_bins)
    layout = SequenceLayout(front_end.frames_per_second, student.config.frames_per_vector)
    source = open_speech(WeightedPath(str(speech)), tokenizer, front_end, limit=ROWS)
    for row in range(ROWS):
        text, ways = source.texts[row], probe_sequences(source, row, layout, SPANS, 3, SEED, "spoken")
        assert len(ways) == len({int(way.targets[0]) for way in ways}) == 3
        for way in ways:
            (span,) = way.spans
            assert way.speech_mask.tolist() == [True] * span.vectors + [False] * len(way.targets)
            word = int(np.searchsorted(text.word_tokens, way.targets[0]))
            assert text.word_tokens[word] == way.targets[0]  # a word's first token, and all of its others
            assert way.targets.tolist() == list(range(text.word_tokens[word], text.word_tokens[word + 1]))
            assert way.positions[0] == span.vectors - 1


def test_a_cache_of_all_tokens_is_as_good_as_the_teacher(shell, checkpoint, text_lm, world, speech, tmp_path):
    cache = ["cache-teacher", world / "natural.parquet", "--model", text_lm, "--device", "cpu"]
    spans = ["--text-words", 2, 4, "--speech-words", 2, 4, "--limit", ROWS, "--device", "cpu"]
    shell(*cache, "--top-k", 399, "-o", tmp_path / "whole")
    shell(*cache, "--top-k", 4, "-o", tmp_path / "four")
    figures = {}
    for name, teacher in (("exact", text_lm), ("whole", tmp_path / "whole"), ("four", tmp_path / "four")):
        done = shell("gap", checkpoint, speech, "--teacher", teacher, *spans, "-o", tmp_path / f"gap-{name}")
        assert done.exit_code == 0, done.stderr
        figures[name] = json.loads(done.stdout)
    for metric in SHOWN:
        assert figures["whole"][metric]["mean"] == pytest.approx(figures["exact"][metric]["mean"], abs=2e-3), metric
    assert figures["four"]["misalignment"] == figures["exact"]["misalignment"]
    assert 0 < figures["four"]["teacher_kl"]["mean"] < figures["exact"]["teacher_kl"]["mean"]
    assert figures["four"]["forgetting"]["mean"] <= figures["exact"]["forgetting"]["mean"]
    assert figures["four"]["teacher_cache"]["top_k"] == 4
    assert 0 < figures["four"]["teacher_cache"]["kept_mass"] < figures["whole"]["teacher_cache"]["kept_mass"] <= 1
    assert "teacher_cache" not in figures["exact"]
    shell(*cache, "--keep", "sampled", "-o", tmp_path / "drawn")
    refused = shell("gap", checkpoint, speech, "--teacher", tmp_path / "drawn", *spans, "-o", tmp_path / "no")
    assert refused.exit_code == 2 and "holds draws" in refused.stderr


def test_recordings_are_judged(shell, checkpoint, text_lm, world, speech, tmp_path):
    from saladkit.settings.regions import RegionsSettings
    from saladkit.stages.regions import regions

    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=3, device="cpu")
    regions(str(world / "natural.parquet"), tmp_path / "regions", settings)
    recognizer = save_ctc_model(tmp_path / "ctc")
    line = ["gap", checkpoint, speech, "--teacher", text_lm, "--regions", tmp_path / "regions", "--asr", recognizer]
    line += ["--text-words", 2, 4, "--speech-words", 2, 4, "--device", "cpu"]
    none = shell(*line, "-o", tmp_path / "none")
    assert none.exit_code == 2 and "--max-recording-cer" in none.stderr  # an untrained recognizer understands nothing
    done = shell(*line, "--max-recording-cer", 9, "--worst", 0.34, "-o", tmp_path / "gap")
    assert done.exit_code == 0, done.stderr
    items, groups = read_gap_table(tmp_path / "gap")
    assert all(item["cer"] > 0.5 and 0.5 < item["duration_ratio"] < 2 for item in items)
    table = [group for group in groups if group["kind"] == "region"]
    for row in table:
        inside = [item for item in items if item["region"] == row["region"]]
        edits = sum(round(item["cer"] * item["cer_characters"]) for item in inside)
        assert row["cer"] == pytest.approx(edits / sum(item["cer_characters"] for item in inside))
    (marked,) = (row for row in table if row["bad_speech"])
    assert marked["cer"] == max(row["cer"] for row in table)
    assert json.loads(done.stdout)["bad_speech"] == {str(marked["region"]): marked["bad_speech_reason"]}


def test_error_rates_of_synth_are_used(shell, checkpoint, text_lm, world, tmp_path):
    cut = ["regions", world / "natural.parquet", "--embedder", f"lm:{text_lm}", "--clusters", 3, "--device", "cpu"]
    assert shell(*cut, "-o", tmp_path / "regions").exit_code == 0
    recognizer = save_ctc_model(tmp_path / "ctc")
    spoken = ["synth", world / "natural.parquet", "--voice", "espeak:en-us", "--workers", 1, "--asr", recognizer]
    spoken += ["--device", "cpu"]
    assert shell(*spoken, "-o", tmp_path / "heard").exit_code == 0
    noted = {row["id"]: row["cer"] for row in read_samples(tmp_path / "heard", needed=["cer"]).to_pylist()}
    bound = sorted(noted.values())[len(noted) // 2]
    kept = shell(*spoken, "--max-cer", bound, "-o", tmp_path / "kept")
    assert 0 < json.loads(kept.stdout)["left_out_by"]["cer"] <= len(noted) // 2
    line = ["gap", checkpoint, tmp_path / "kept", "--teacher", text_lm, "--regions", tmp_path / "regions"]
    line += ["--max-recording-cer", 9, "--worst", 0.34, "--device", "cpu"]
    line += ["--text-words", 2, 4, "--speech-words", 2, 4, "-o", tmp_path / "gap"]
    assert shell(*line).exit_code == 0
    items, groups = read_gap_table(tmp_path / "gap")
    assert all(item["cer"] == noted[item["id"]] <= bound for item in items)
    region_of = Regions.open(tmp_path / "regions").region_of
    refused = Counter(region_of[id_] for id_, rate in noted.items() if rate > bound)
    table = [group for group in groups if group["kind"] == "region"]
    errors = {
        row["region"]: (row["cer"] * row["probes"] + refused[row["region"]]) / (row["probes"] + refused[row["region"]])
        for row in table
    }
    halved = {row["region"] for row in table if refused[row["region"]] >= row["probes"]}
    assert {row["region"] for row in table if row["bad_speech"]} == {max(errors, key=errors.get)} | halved


def test_a_recording_that_is_not_understood_is_left_out_before_its_region_is_judged(
    shell, checkpoint, text_lm, world, speech, tmp_path
):
    """Half of the recordings are natural, of texts that the regions know as their speech."""
    rows = read_samples(speech, needed=["id", "text", "audio", "words"]).to_pylist()
    pool = [{"id": row["id"], "text": row["text"]} for row in rows[::2]]
    heard = [{"id": row["id"], "text": row["text"]} for row in rows[1::2]]
    for name, found in (("pool", pool), ("heard", heard)):
        pq.write_table(pa.Table.from_pylist(found), tmp_path / f"{name}.parquet")
    cut = ["regions", tmp_path / "pool.parquet", "--embedder", f"lm:{text_lm}", "--clusters", 2, "--device", "cpu"]
    assert shell(*cut, "--speech", tmp_path / "heard.parquet", "-o", tmp_path / "regions").exit_code == 0
    region_of = Regions.open(tmp_path / "regions").region_of
    fault = next(row["id"] for row in rows[::2] if region_of[row["id"]] == 0)
    rates = {row["id"]: 0.9 if row["id"] == fault else 0.4 if row["id"] in region_of else 0.3 for row in rows}
    voiced = [{**row, "cer": rates[row["id"]], "voice": "a" if row["id"] in region_of else None} for row in rows]
    table = pa.Table.from_pylist(voiced)
    write_samples(table, tmp_path / "both.parquet")
    line = ["gap", checkpoint, tmp_path / "both.parquet", "--teacher", text_lm, "--regions", tmp_path / "regions"]
    line += ["--text-words", 2, 4, "--speech-words", 2, 4, "--device", "cpu"]
    done = shell(*line, "-o", tmp_path / "gap")
    assert done.exit_code == 0, done.stderr
    items, groups = read_gap_table(tmp_path / "gap")
    assert {item["id"]: item["synthetic"] for item in items} == {
        row["id"]: row["id"] in region_of for row in rows if row["id"] != fault
    }
    assert {item["region"] for item in items if not item["synthetic"]} <= {0, 1}
    table = {group["region"]: group for group in groups if group["kind"] == "region"}
    for region, group in table.items():
        assert group["probes"] == sum(at == region and id_ != fault for id_, at in region_of.items())
        assert group["cer"] == pytest.approx(0.4) and group["bad_speech"] is False  # natural speech there has 0.3
    assert any(group["natural_cer"] == pytest.approx(0.3) for group in table.values())
    manifest = json.loads((tmp_path / "gap" / "manifest.json").read_text())
    (left_out,) = (row for row in manifest["skipped"] if row["reason"].startswith("fault of synthesis"))
    assert left_out["id"] == fault and "0.90" in left_out["reason"]
    assert json.loads(done.stdout)["faults_of_synthesis"] == 1
    alone = shell(*line, "--max-region-cer", 0.05, "-o", tmp_path / "strict")
    assert alone.exit_code == 0, alone.stderr
    reasons = json.loads(alone.stdout)["bad_speech"]
    assert reasons and all("natural speech there: 0.30" in reason for reason in reasons.values())
    assert all(reason in alone.stderr for reason in reasons.values())


def test_a_region_without_any_recording_is_not_selected(shell, checkpoint, text_lm, world, tmp_path):
    pool = world / "natural.parquet"
    cut = ["regions", pool, "--embedder", f"lm:{text_lm}", "--clusters", 3, "--device", "cpu"]
    assert shell(*cut, "-o", tmp_path / "regions").exit_code == 0
    region_of = Regions.open(tmp_path / "regions").region_of
    rows = [
        {"id": row["id"], "text": "—" if region_of[row["id"]] == 1 else row["text"]}
        for row in read_samples(pool, needed=["text"]).to_pylist()
    ]
    (tmp_path / "probes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spoken = shell("synth", tmp_path / "probes.jsonl", "--voice", "espeak:en-us", "--workers", 1, "-o", tmp_path / "s")
    assert json.loads(spoken.stdout)["left_out_by"] == {"unspeakable": list(region_of.values()).count(1)}
    line = ["gap", checkpoint, tmp_path / "s", "--teacher", text_lm, "--regions", tmp_path / "regions"]
    line += ["--text-words", 2, 4, "--speech-words", 2, 4, "--device", "cpu", "-o", tmp_path / "gap"]
    assert shell(*line).exit_code == 0
    choice = ["select", pool, "--regions", tmp_path / "regions", "--gap", tmp_path / "gap", "--count", 5]
    chosen = shell(*choice, "-o", tmp_path / "chosen")
    assert chosen.exit_code == 0, chosen.stderr
    assert json.loads(chosen.stdout)["dropped_for_bad_speech"] == {"1": "no recording could be used"}
    assert {row["region"] for row in read_samples(tmp_path / "chosen", needed=["text"]).to_pylist()} <= {0, 2}
