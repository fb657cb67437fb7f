"""`select`: which texts are drawn, which never, and the columns of a selected row."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from build_world import DATA
from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.gap_table import SCHEMA, VERSION, write_gap_table
from saladkit.formats.regions import Regions
from saladkit.settings.regions import RegionsSettings
from saladkit.sources.samples import read_samples
from saladkit.stages.regions import regions
from world import read_subject

CLUSTERS = 4


@pytest.fixture(scope="module")
def cut(workshop, world, text_lm):
    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=CLUSTERS, device="cpu")
    regions(str(world / "pool.parquet"), workshop / "cut", settings)
    return workshop / "cut"


@pytest.fixture(scope="module")
def gap(workshop):
    """Teacher KL is 0, 1, 2 and 3 by region; every other figure is positive in one region alone."""
    writer = create_artefact(workshop / "gap", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    rows = [
        {"region": r, "teacher_kl_shrunk": r, "misalignment_shrunk": r == 1, "jsd_shrunk": r == 2}
        | {"nll_gap_shrunk": r == 3, "accuracy_gap_shrunk": r - 2.5}
        for r in range(CLUSTERS)
    ]
    figures = [{name: value if name == "region" else float(value) for name, value in row.items()} for row in rows]
    write_gap_table(writer, [], [row | {"kind": "region", "probes": 1} for row in figures])
    writer.finish(counts={})
    return workshop / "gap"


@pytest.fixture
def select(shell, world, cut, tmp_path):
    def run(*arguments, pool=world / "pool.parquet", name="chosen"):
        result = shell("select", pool, "--regions", cut, *arguments, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        return read_samples(tmp_path / name, needed=["id", "text"]).to_pylist(), json.loads(result.stdout)

    return run


def test_probes_come_from_every_region(select, cut):
    chosen, summary = select("--per-region", 3)
    region_of = Regions.open(cut).region_of
    assert Counter(row["region"] for row in chosen) == dict.fromkeys(range(CLUSTERS), 3)
    assert all(region_of[row["id"]] == row["region"] for row in chosen)
    assert len({row["id"] for row in chosen}) == len(chosen) == summary["rows"]
    assert [row["draw"] for row in chosen] == list(range(len(chosen)))


def test_a_chosen_row_keeps_its_columns_and_says_why_it_was_chosen(select, world, cut, gap):
    chosen, _ = select("--gap", gap, "--gamma", 2, "--count", 10)
    pool = {row["id"]: row for row in read_samples(world / "pool.parquet", needed=["id"]).to_pylist()}
    sizes = [row["texts"] for row in Regions.open(cut).table]
    weights = [size * region**2 for region, size in enumerate(sizes)]
    for row in chosen:
        assert {key: row[key] for key in pool[row["id"]]} == pool[row["id"]]
        assert row["region_gap"] == row["region"]
        assert row["region_probability"] == pytest.approx(weights[row["region"]] / sum(weights))
        assert row["region"] != 0


@pytest.mark.parametrize("metric, region", [("misalignment", 1), ("jsd", 2), ("nll-gap", 3), ("accuracy", 3)])
def test_the_metric_is_that_of_the_option(metric, region, select, gap):
    chosen, summary = select("--gap", gap, "--metric", metric, "--count", 5)
    assert {row["region"] for row in chosen} == {region}
    assert summary["effective_regions"] == 1


@pytest.mark.parametrize("gamma", [0, 1])
def test_regions_of_bad_speech_are_left_out(gamma, select, tmp_path):
    writer = create_artefact(tmp_path / "bad", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    figures = {"kind": "region", "probes": 1, "teacher_kl_shrunk": 1.0}
    write_gap_table(
        writer,
        [],
        [figures | {"region": r, "bad_speech": r in (1, 3), "bad_speech_reason": "slow"} for r in range(CLUSTERS)],
    )
    writer.finish(counts={})
    chosen, summary = select("--gap", tmp_path / "bad", "--gamma", gamma, "--count", 12)
    assert {row["region"] for row in chosen} == {0, 2}
    assert summary["dropped_for_bad_speech"] == {"1": "slow", "3": "slow"}


def test_coverage_needs_no_model(shell, world, text_lm, cut, tmp_path):
    heard = tmp_path / "heard"
    settings = {"embedder": f"lm:{text_lm}", "clusters": CLUSTERS, "speech": (str(world / "natural.parquet"),)}
    regions(str(world / "pool.parquet"), heard, RegionsSettings(**settings, device="cpu"))
    line = ["select", world / "pool.parquet", "--count", 20, "--gamma", 1, "--metric", "coverage"]
    done = shell(*line, "--regions", heard, "-o", tmp_path / "far")
    assert done.exit_code == 0, done.stderr
    distance = {row["region"]: row["distance_to_speech_50"] for row in Regions.open(heard).table}
    for row in read_samples(tmp_path / "far", needed=["id"]).to_pylist():
        assert row["region_gap"] == pytest.approx(distance[row["region"]])
    unknown = shell(*line, "--regions", cut, "-o", tmp_path / "no")
    assert unknown.exit_code == 2 and "--speech" in unknown.stderr


def test_excluded_texts_are_never_chosen(select, tmp_path):
    first, _ = select("--per-region", 5, name="first")
    rest, summary = select("--strategy", "uniform", "--count", 40, "--exclude", tmp_path / "first", name="rest")
    assert len(rest) == 40 == summary["rows"]
    assert not {row["id"] for row in first} & {row["id"] for row in rest}


def test_a_budget_of_hours_is_reached_by_the_last_text(select):
    chosen, summary = select("--strategy", "uniform", "--hours", 0.05, "--words-per-second", 2)
    seconds = [len(row["text"].split()) / 2 for row in chosen]
    assert sum(seconds[:-1]) < 180 <= sum(seconds)
    assert summary["predicted_hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-4)


def test_a_selection_can_be_a_pool(select, tmp_path):
    first, _ = select("--strategy", "uniform", "--count", 20, name="first")
    second, _ = select("--strategy", "uniform", "--count", 5, pool=tmp_path / "first", name="second")
    assert {row["id"] for row in second} < {row["id"] for row in first}
    assert [row["draw"] for row in second] == list(range(5))


@pytest.fixture(scope="module")
def covered(workshop, world, text_lm):
    """Regions with the distance of their texts to speech."""
    settings = {"embedder": f"lm:{text_lm}", "clusters": CLUSTERS, "speech": (str(world / "natural.parquet"),)}
    regions(str(world / "pool.parquet"), workshop / "covered", RegionsSettings(**settings, device="cpu"))
    return workshop / "covered"


@pytest.fixture(scope="module")
def measured(workshop, covered):
    """A gap table whose items are probes: their teacher KL is their region's number."""
    writer = create_artefact(workshop / "measured", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    ids = Regions.open(covered).region_of
    items = [{"id": id_, "region": r, "tokens": 10, "teacher_kl": float(r)} for id_, r in list(ids.items())[:20]]
    groups = [
        {"kind": "region", "region": r, "probes": 5, "teacher_kl_shrunk": float(r), "teacher_kl_low": r - 0.5}
        | {"teacher_kl_high": r + 0.5}
        for r in range(CLUSTERS)
    ]
    write_gap_table(writer, items, groups)
    writer.finish(counts={})
    return workshop / "measured"


NEEDS = {
    "active": ("gap",),
    "uniform": (),
    "proportional": (),
    "balanced": (),
    "coverage": (),
    "dsir": ("target",),
    "knn": ("gap",),
    "hybrid": ("gap",),
}


@pytest.fixture
def by_strategy(shell, world, covered, measured, tmp_path):
    def run(strategy, *arguments, pool=world / "pool.parquet", name=None):
        further = {"gap": ("--gap", measured), "target": ("--target", world / "questions.parquet")}
        needs = [part for need in NEEDS[strategy] for part in further[need]]
        output = tmp_path / (name or strategy)
        line = ["select", pool, "--regions", covered, "--strategy", strategy, "--gamma", 1, *needs, *arguments]
        result = shell(*line, "-o", output)
        assert result.exit_code == 0, result.stderr
        return read_samples(output, needed=["id", "text"]).to_pylist(), json.loads(result.stdout), result.stderr

    return run


@pytest.mark.parametrize("strategy", list(NEEDS))
def test_every_strategy_keeps_the_budget_and_forgets_the_order_of_the_pool(strategy, by_strategy, world, tmp_path):
    chosen, summary, _ = by_strategy(strategy, "--hours", 0.02)
    seconds = [row["predicted_duration"] for row in chosen]
    assert sum(seconds[:-1]) < 72 <= sum(seconds)
    assert summary["predicted_hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-4)
    assert {row["strategy"] for row in chosen} == {strategy}
    assert all(0 < row["text_probability"] <= row["region_probability"] <= 1 + 1e-9 for row in chosen)
    assert 1 <= summary["effective_texts"] <= len(chosen) + 1e-6
    pool = pq.read_table(world / "pool.parquet")
    pq.write_table(pool.take(np.random.default_rng(0).permutation(pool.num_rows)), tmp_path / "shuffled.parquet")
    again, _, _ = by_strategy(strategy, "--hours", 0.02, pool=tmp_path / "shuffled.parquet", name="shuffled")
    assert [row["id"] for row in again] == [row["id"] for row in chosen]
    other, _, _ = by_strategy(strategy, "--hours", 0.02, "--seed", 1, name="other")
    assert [row["id"] for row in other] != [row["id"] for row in chosen]


def test_a_chosen_row_has_its_regions_gap_with_the_interval(by_strategy):
    chosen, _, _ = by_strategy("active", "--count", 10)
    for row in chosen:
        assert row["region_gap"] == row["region"]
        assert (row["region_gap_low"], row["region_gap_high"]) == (row["region"] - 0.5, row["region"] + 0.5)
        assert row["text_score"] is None
    chosen, _, _ = by_strategy("coverage", "--count", 10)
    assert all(row["text_score"] > 0 and row["region_gap"] is None for row in chosen)


def test_neighbours_of_misaligned_probes_are_preferred(by_strategy):
    every, summary, _ = by_strategy("knn", "--count", 60, "--gamma", 60, "--bonus", 0)
    scores = [row["text_score"] for row in every]
    of_region = [np.mean([row["text_score"] for row in every if row["region"] == region]) for region in (0, 3)]
    assert of_region[0] < of_region[1]  # the probes' figure is their region's number
    assert np.mean(scores[:15]) > np.mean(scores[-15:])
    assert summary["probes_r2"] <= 1
    bolder, _, _ = by_strategy("knn", "--count", 60, "--gamma", 60, "--bonus", 5, name="bolder")
    plain = {row["id"]: row["text_score"] for row in every}
    assert all(row["text_score"] > plain[row["id"]] for row in bolder)


def test_a_budget_of_tokens_is_reached_by_the_last_text(by_strategy, text_lm, tokenizer):
    chosen, _, _ = by_strategy("uniform", "--tokens", 200, "--tokenizer", text_lm)
    counts = [len(tokenizer(row["text"])["input_ids"]) for row in chosen]
    assert sum(counts[:-1]) < 200 <= sum(counts)


def test_a_share_of_natural_speech_is_a_budget_and_its_rate_is_used(by_strategy, speech):
    natural = read_samples(speech, needed=["id", "text", "duration"]).to_pylist()
    chosen, summary, _ = by_strategy("uniform", "--fraction-of", speech, 0.25)
    whole = sum(row["duration"] for row in natural)
    predicted = [row["predicted_duration"] for row in chosen]
    assert sum(predicted[:-1]) < 0.25 * whole <= sum(predicted)
    rate = summary["speaking_rate"]
    fitted = [
        rate["offset"]
        + rate["per_word"] * len(row["text"].split())
        + rate["per_character"] * len("".join(row["text"].split()))
        for row in natural
    ]
    assert sum(fitted) == pytest.approx(whole, rel=0.01)  # least squares keep the sum
    by_rate, _, _ = by_strategy("uniform", "--hours", 0.25 * whole / 3600, "--rate-from", speech, name="rate")
    assert [row["id"] for row in by_rate] == [row["id"] for row in chosen]


def test_an_assumed_speaking_rate_says_so(by_strategy, speech):
    for name, given, note in (
        ("no", (), "assumed rate of 2.5 words"),
        ("other", ("--words-per-second", 3), "assumed rate of 3 words"),
    ):
        _, summary, stderr = by_strategy("coverage", "--count", 3, *given, name=name)
        assert summary["speaking_rate"]["assumed"] is True and f"{note} per second" in stderr
    _, summary, stderr = by_strategy("coverage", "--count", 3, "--rate-from", speech, name="measured")
    assert summary["speaking_rate"]["assumed"] is False and "words per second" not in stderr


def test_synth_tells_how_wrong_the_prediction_was(by_strategy, shell, speech, tmp_path):
    by_strategy("uniform", "--count", 6, "--rate-from", speech)
    result = shell("synth", tmp_path / "uniform", "--voice", "espeak:en-us", "-o", tmp_path / "spoken", "--workers", 1)
    summary = json.loads(result.stdout)
    spoken = read_samples(tmp_path / "spoken", needed=["id", "duration", "predicted_duration"]).to_pylist()
    longer = sum(row["duration"] for row in spoken) / sum(row["predicted_duration"] for row in spoken) - 1
    assert summary["longer_than_predicted"] == pytest.approx(longer, abs=1e-4)
    apart = [abs(row["duration"] / row["predicted_duration"] - 1) for row in spoken]
    assert summary["row_differs_from_predicted"] == pytest.approx(sum(apart) / 6, abs=1e-4)
    assert abs(longer) < 0.2


@pytest.fixture
def strange_pool(world, text_lm, tmp_path):
    """The pool with texts that should not be spoken, in regions of its own."""
    rows = pq.read_table(world / "pool.parquet").to_pylist()
    question = "Which of the old towers by the river was it that the mason of the king built first of all?"
    strange = {
        "link": "See https://example.org for more about it.",
        "code": "for (i = 0; i < n; i++) {\n  add(i);\n}",
        "short": "Too short.",
        "long": "word " * 300,
        "question": f"He asked: {question} Nobody knew.",
        "twin": rows[0]["text"],
    }
    rows += [{"id": id_, "text": text, "domain": "strange"} for id_, text in strange.items()]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "strange.parquet")
    asked = [{"id": "q7", "text": question, "choices": ["A", "B"], "answer": 0}]
    pq.write_table(pa.Table.from_pylist(asked), tmp_path / "asked.parquet")
    path = tmp_path / "strange.parquet"
    settings = RegionsSettings(embedder=f"lm:{text_lm}", clusters=CLUSTERS, device="cpu")
    regions(str(path), tmp_path / "strange-regions", settings)
    return path


def test_texts_left_out_are_listed_with_their_reason(strange_pool, shell, world, tmp_path):
    asked = tmp_path / "asked.parquet"
    line = ["select", strange_pool, "--regions", tmp_path / "strange-regions", "--strategy", "uniform", "--count", 60]
    filters = ["--min-words", 3, "--max-words", 200, "--near-duplicate", 0.999, "--decontaminate", asked]
    result = shell(*line, *filters, "-o", tmp_path / "kept")
    assert result.exit_code == 0, result.stderr
    listed = {
        row["id"]: row for row in map(json.loads, (tmp_path / "kept" / "left-out.jsonl").read_text().splitlines())
    }
    chosen = {row["id"] for row in read_samples(tmp_path / "kept", needed=["id"]).to_pylist()}
    assert len(chosen) == 60 and not chosen & set(listed)
    assert listed["link"]["reason"] == listed["code"]["reason"] == "not speakable"
    assert (listed["link"]["detail"], listed["code"]["detail"]) == ("link", "code")
    assert listed["short"] == {"id": "short", "reason": "too short", "detail": "2 words"}
    assert listed["long"]["detail"] == "300 words"
    assert listed["question"] == {"id": "question", "reason": "words of the evaluation", "detail": f"{asked}:q7"}
    twins = {"twin", pq.read_table(strange_pool).column("id")[0].as_py()}
    assert len(twins & set(listed)) == len(twins & chosen) == 1  # whichever was drawn first stays
    counts = json.loads(result.stdout)["left_out"]
    assert counts == Counter(row["reason"] for row in listed.values())

    everything = shell(*line[:-1], 66, "--any-text", "-o", tmp_path / "everything")
    assert everything.exit_code == 0 and (tmp_path / "everything" / "left-out.jsonl").read_text() == ""


def test_texts_near_a_question_are_left_out(strange_pool, shell, tmp_path):
    row = pq.read_table(strange_pool).to_pylist()[3]
    near = [{"id": "near", "text": row["text"].rstrip(".") + " indeed."}]
    pq.write_table(pa.Table.from_pylist(near), tmp_path / "near.parquet")
    line = ["select", strange_pool, "--regions", tmp_path / "strange-regions", "--strategy", "uniform", "--count", 40]
    filters = ["--decontaminate", tmp_path / "near.parquet", "--ngram", 400, "--decontaminate-cosine", 0.95]
    result = shell(*line, *filters, "-o", tmp_path / "kept", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    listed = [json.loads(line) for line in (tmp_path / "kept" / "left-out.jsonl").read_text().splitlines()]
    found = {row["id"]: row["detail"] for row in listed if row["reason"] == "near the evaluation"}
    assert found[row["id"]] == f"{tmp_path / 'near.parquet'}:near"


def test_a_dry_run_tells_what_may_be_chosen(strange_pool, shell, tmp_path):
    line = ["select", strange_pool, "--regions", tmp_path / "strange-regions", "--strategy", "uniform", "--count", 60]
    plan = json.loads(shell(*line, "--min-words", 3, "--dry-run", "-o", tmp_path / "plan").stdout)
    assert plan["candidates"] == 63 and plan["left_out"] == {"not speakable": 2, "too short": 1}
    assert not (tmp_path / "plan").exists()


def test_the_regions_are_explained(by_strategy, covered):
    chosen, summary, stderr = by_strategy("active", "--count", 12, "--explain")
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert lines[-CLUSTERS - 1].split() == [
        *["region", "texts", "pool", "speech", "far", "gap", "P", "chosen", "about"],
    ]
    table = {row["region"]: row for row in Regions.open(covered).table}
    for line in lines[-CLUSTERS:]:
        region = int(line.split()[0])
        assert ", ".join(table[region]["keywords"][:5]) in line
        assert f"{region:.3f} ({region - 0.5:.3f}-{region + 0.5:.3f})" in line
        assert f" {summary['by_region'].get(str(region), 0)}  " in line


def test_later_rounds_draw_no_near_duplicates_of_earlier_ones(strange_pool, shell, tmp_path):
    rows = pq.read_table(strange_pool).to_pylist()
    twins = [row | {"id": f"{row['id']}-again"} for row in rows[:20]]
    pq.write_table(pa.Table.from_pylist(rows[:20] + twins), tmp_path / "twice.parquet")
    pool, cut = tmp_path / "twice.parquet", tmp_path / "twice-regions"
    made = ["--embedder", Regions.open(tmp_path / "strange-regions").artefact.manifest["inputs"]["embedder"]["path"]]
    made[1] = f"lm:{made[1]}"
    assert shell("regions", pool, *made, "--clusters", 2, "--device", "cpu", "-o", cut).exit_code == 0
    line = ["select", pool, "--regions", cut, "--strategy", "uniform", "--count", 8, "--near-duplicate", 1]
    assert shell(*line, "-o", tmp_path / "round-1").exit_code == 0
    assert shell(*line, "--exclude", tmp_path / "round-1", "-o", tmp_path / "round-2").exit_code == 0
    texts = [
        {row["text"] for row in read_samples(tmp_path / name, needed=["id", "text"]).to_pylist()}
        for name in ("round-1", "round-2")
    ]
    assert len(texts[0]) == len(texts[1]) == 8 and not texts[0] & texts[1]


def test_a_column_of_the_pool_that_select_would_write_is_not_overwritten(strange_pool, shell, tmp_path):
    table = pq.read_table(strange_pool)
    pq.write_table(table.append_column("draw", pa.array([0.5] * table.num_rows)), tmp_path / "own.parquet")
    line = ["select", tmp_path / "own.parquet", "--regions", tmp_path / "strange-regions", "--strategy", "uniform"]
    result = shell(*line, "--count", 5, "-o", tmp_path / "chosen")
    assert result.exit_code == 2 and "'draw'" in result.stderr
    assert not (tmp_path / "chosen").exists()


def test_probes_of_bad_speech_are_not_used_to_predict(world, covered, shell, tmp_path):
    """The figures of bad probes are a hundred times those of the others."""
    writer = create_artefact(tmp_path / "bad", schema=SCHEMA, version=VERSION, verb="t", settings={}, inputs={})
    ids = list(Regions.open(covered).region_of.items())[:40]
    items = [{"id": id_, "region": r, "tokens": 10, "teacher_kl": 100.0 if r == 0 else 1.0} for id_, r in ids]
    groups = [
        {"kind": "region", "region": r, "probes": 5, "teacher_kl_shrunk": 1.0, "bad_speech": r == 0}
        for r in range(CLUSTERS)
    ]
    write_gap_table(writer, items, groups)
    writer.finish(counts={})
    line = ["select", world / "pool.parquet", "--regions", covered, "--strategy", "knn", "--gap", tmp_path / "bad"]
    result = shell(*line, "--count", 20, "-o", tmp_path / "chosen")
    assert result.exit_code == 0, result.stderr
    rows = read_samples(tmp_path / "chosen", needed=["id"]).to_pylist()
    assert all(row["region"] != 0 and row["text_score"] == pytest.approx(1, abs=1e-6) for row in rows)


def test_a_changed_embedder_is_refused(world, text_lm, other_text_lm, shell, tmp_path):
    import shutil

    shutil.copytree(text_lm, tmp_path / "model")
    pool, cut = world / "pool.parquet", tmp_path / "cut"
    made = ["--embedder", f"lm:{tmp_path / 'model'}", "--clusters", 2, "--device", "cpu"]
    assert shell("regions", pool, *made, "-o", cut).exit_code == 0
    shutil.rmtree(tmp_path / "model")
    shutil.copytree(other_text_lm, tmp_path / "model")
    line = ["select", pool, "--regions", cut, "--strategy", "uniform", "--count", 5, "--decontaminate", pool]
    result = shell(*line, "--decontaminate-cosine", 0.9, "--device", "cpu", "-o", tmp_path / "chosen")
    assert result.exit_code == 2 and "has changed since" in result.stderr


def test_regions_that_ran_empty_are_listed_and_noted(select, gap, shell, world, cut, tmp_path):
    """Region 3 has nearly all of the weight, and fewer texts than the budget."""
    sizes = [row["texts"] for row in Regions.open(cut).table]
    line = ["select", world / "pool.parquet", "--regions", cut, "--gap", gap, "--gamma", 5]
    done = shell(*line, "--count", sizes[3] + 10, "-o", tmp_path / "many")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)["draw"]
    (empty,) = (region for region in found["regions_that_ran_empty"] if region["region"] == 3)
    assert empty["had"] == empty["chosen"] == sizes[3] < empty["asked"]
    chosen = Counter(row["region"] for row in read_samples(tmp_path / "many", needed=["id"]).to_pylist())
    weights = [size * region**5 for region, size in enumerate(sizes)]
    apart = sum(abs(w / sum(weights) - chosen[r] / (sizes[3] + 10)) for r, w in enumerate(weights)) / 2
    assert found["counted_in"] == "texts" and found["total_variation"] == pytest.approx(apart, abs=1e-4)
    assert json.loads((tmp_path / "many" / "manifest.json").read_text())["counts"]["draw"] == found
    assert f"note: regions that ran empty: 3 (asked {empty['asked']:.0f}, had {sizes[3]})" in done.stderr
    _, few = select("--gap", gap, "--gamma", 5, "--count", 5, name="few")
    assert few["draw"]["regions_that_ran_empty"] == []


def test_probes_that_a_region_lacks_are_listed(select, cut):
    sizes = {row["region"]: row["texts"] for row in Regions.open(cut).table}
    most = max(sizes.values())
    _, summary = select("--per-region", most)
    found = summary["draw"]["regions_that_ran_empty"]
    short = [region for region, texts in sizes.items() if texts < most]
    assert found == [
        {"region": region, "asked": most, "had": sizes[region], "chosen": sizes[region]} for region in short
    ]


@pytest.fixture
def asking(world, tmp_path):
    """Write questions, and return their path."""

    def write(*questions):
        rows = [
            {"id": f"q{n}", "text": text, "choices": choices, "answer": 0}
            for n, (text, *choices) in enumerate(questions)
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "asked.parquet")
        return tmp_path / "asked.parquet"

    return write


def listed(folder):
    return {row["id"]: row for row in map(json.loads, (folder / "left-out.jsonl").read_text().splitlines())}


@pytest.mark.parametrize("budget", [("--per-region", 3), ("--strategy", "uniform", "--count", 12)])
def test_short_questions_are_kept_out_of_probes_and_selections(budget, select, asking, world, tmp_path):
    pool = pq.read_table(world / "pool.parquet").to_pylist()
    copied = [(" ".join(row["text"].split()[:length]), "a", "b") for row, length in zip(pool, (4, 5, 7), strict=False)]
    path = asking(*copied, ("Is it?", "yes", "no"))
    chosen, summary = select(*budget, "--decontaminate", path)
    found = listed(tmp_path / "chosen")
    assert {row["id"] for row in pool[:3]} <= set(found) and not set(found) & {row["id"] for row in chosen}
    assert {row["reason"] for row in found.values()} == {"words of the evaluation"}
    assert summary["decontamination"]["questions"] == 4
    assert summary["decontamination"]["questions_not_looked_for"] == 1
    assert json.loads((tmp_path / "chosen" / "manifest.json").read_text())["counts"]["left_out"] == summary["left_out"]


def test_chosen_texts_with_an_answer_are_counted_or_left_out(shell, world, cut, asking, tmp_path):
    """The world's own questions ask what no text tells: here all facts about animals are asked."""
    animals = read_subject(DATA / "animals.toml")
    questions = asking(
        *(
            (relation.prompt(animal), value, *list(dict.fromkeys(relation.wrong_values(animal)))[:3])
            for relation in animals.relations
            for animal, value in relation.values.items()
        )
    )
    line = ["select", world / "pool.parquet", "--regions", cut, "--strategy", "uniform", "--count", 8]
    line += ["--decontaminate", questions]
    counted = shell(*line, "-o", tmp_path / "counted")
    assert counted.exit_code == 0, counted.stderr
    found = json.loads(counted.stdout)["decontamination"]["chosen_texts_with_answer"]
    assert 0 < found["texts"] <= 8 and 0 < found["questions"] <= found["texts"]
    assert f"note: {found['texts']} of 8 chosen texts hold the fact that a question asks" in counted.stderr
    rows = {row["id"]: row["text"] for row in read_samples(tmp_path / "counted", needed=["text"]).to_pylist()}
    asked = {row["id"]: row for row in pq.read_table(questions).to_pylist()}
    for held in found["such_as"]:
        question = asked[held["question"].rpartition(":")[2]]
        assert question["choices"][question["answer"]].lower() in rows[held["id"]].lower()
    without = shell(*line[:7], 1, *line[8:], "--decontaminate-answers", "-o", tmp_path / "without")
    reasons = Counter(row["reason"] for row in listed(tmp_path / "without").values()) if not without.exit_code else {}
    assert reasons["fact of the evaluation"] >= found["texts"], without.stderr
    left = {row["id"] for row in read_samples(tmp_path / "without", needed=["id"]).to_pylist()}
    assert not left & set(listed(tmp_path / "without"))
