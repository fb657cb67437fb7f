"""`eval` on benchmarks with recordings: closed answers by likelihood, open answers against their reference."""

import io
import json

import numpy as np
import pytest
import soundfile
from benchmark_rows import ROWS

from saladkit.formats.results import read_predictions
from saladkit.scoring.references import compare_with_reference


@pytest.fixture(scope="module")
def heard():
    stream = io.BytesIO()
    soundfile.write(stream, np.sin(np.arange(8000) / 9).astype(np.float32) / 4, 16000, format="WAV")
    return {"bytes": stream.getvalue(), "path": "1.wav"}


def row_of(name, heard, **changes):
    row = ROWS[name] | changes
    return row | {column: heard for column, value in row.items() if isinstance(value, dict) and "bytes" in value}


@pytest.fixture
def evaluate(shell, tmp_path):
    """Run eval; return its summary, the predictions and the rows that were skipped."""

    def run(model, source, *options):
        out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        done = shell("eval", model, source, "--device", "cpu", "-o", out, *options)
        assert done.exit_code == 0, done.stderr
        skipped = json.loads((out / "manifest.json").read_text())["skipped"]
        return json.loads(done.stdout), read_predictions(out), skipped

    return run


def test_closed_answers_are_scored_by_likelihood(copied, heard, checkpoint, evaluate):
    lettered = row_of("voicebench_bbh", heard, prompt="Which? (A) x (B) y", reference="(B)", id="bbh_hyperbaton_1")
    source = copied("voicebench_bbh", row_of("voicebench_bbh", heard), lettered)
    _, found, _ = evaluate(checkpoint, source)
    by_id = {row["id"]: row for row in found if row["modality"] == "speech"}
    assert by_id["bbh_web_of_lies_218"]["scored"] == ["Yes", "No"]
    assert by_id["bbh_web_of_lies_218"]["context"].endswith("truth?\nAnswer:")
    assert by_id["bbh_hyperbaton_1"]["scored"] == ["(A)", "(B)"]
    assert all(row["domain"] in ("web_of_lies", "hyperbaton") for row in found) and len(found) == 4
    _, found, _ = evaluate(checkpoint, source, "--template", "letter", "--modality", "speech")
    contexts = {row["id"]: row["context"] for row in found}
    assert contexts["bbh_web_of_lies_218"].endswith("\nA. Yes\nB. No\nAnswer:")
    assert contexts["bbh_hyperbaton_1"] == "Which? (A) x (B) y\nAnswer:"


def test_recordings_alone_are_asked_as_speech(copied, heard, checkpoint, evaluate, shell, tmp_path):
    counted = row_of("big_bench_audio", heard, official_answer="8", category="object_counting", id=4)
    source = copied("big_bench_audio", row_of("big_bench_audio", heard), counted)
    summary, found, skipped = evaluate(checkpoint, source, "--modality", "speech")
    assert [(row["id"], row["scored"]) for row in found] == [("3", ["valid", "invalid"])]
    assert summary["left_out"] == 1 and skipped[0]["id"] == "4" and "--generate" in skipped[0]["reason"]
    _, found, skipped = evaluate(checkpoint, source, "--modality", "speech", "--generate", "--max-new-tokens", 3)
    assert [row["reference"] for row in found] == [None, "8"] and not skipped
    assert all(row["acc"] is not None for row in found)
    as_text = shell("eval", checkpoint, source, "--device", "cpu", "-o", tmp_path / "text")
    assert as_text.exit_code == 2 and "'3' has no text of its recording" in as_text.stderr


def test_open_answers_are_compared_with_their_reference(copied, heard, text_lm, checkpoint, evaluate, shell, tmp_path):
    source = copied("voicebench_sd_qa", row_of("voicebench_sd_qa", heard))
    refused = shell("eval", checkpoint, f"{source}:usa", "--device", "cpu", "-o", tmp_path / "refused")
    assert refused.exit_code == 2 and "open questions only" in refused.stderr and "Add --generate" in refused.stderr
    line = ["--modality", "text", "--generate", "--sampling-temperature", 2, "--max-new-tokens", 12, "--batch-size", 1]
    rows = [row_of("voicebench_sd_qa", heard)] * 3
    written = [row["response"] for row in evaluate(text_lm, f"{copied('voicebench_sd_qa', *rows)}:usa", *line)[1]]
    answers = [written[0], written[1].split()[1], "Xyzzy"]
    rows = [row_of("voicebench_sd_qa", heard, reference=answer) for answer in answers]
    summary, found, _ = evaluate(text_lm, f"{copied('voicebench_sd_qa', *rows)}:usa", *line)
    assert [(row["acc"], row["acc_norm"]) for row in found] == [(True, True), (False, True), (False, False)]
    results = summary["results"]["text-lm"]["voicebench_sd_qa_text"]
    assert results == {"acc": 0.3333, "acc_norm": 0.6667, "items": 3, "unparsed": 0}
    listed = sorted(tmp_path.glob("out-*/text-lm/samples_voicebench_sd_qa_text.jsonl"))[-1].read_text().splitlines()
    assert [json.loads(sample)["target"] for sample in listed] == answers
    _, found, _ = evaluate(checkpoint, f"{source}:usa", *line[2:], "--modality", "speech")
    assert [row["domain"] for row in found] == ["usa"] * 3


def test_open_questions_are_examples_with_their_reference(copied, heard, text_lm, evaluate):
    rows = [row_of("voicebench_sd_qa", heard, prompt=text, reference=text.upper()) for text in ("who", "when")]
    source = copied("voicebench_sd_qa", *rows)
    line = ["--modality", "text", "--generate", "--max-new-tokens", 2, "--num-fewshot", 1]
    _, found, _ = evaluate(text_lm, f"{source}:usa", *line)
    assert [row["context"] for row in found] == [
        "when\nAnswer: WHEN\n\nwho\nAnswer:",
        "who\nAnswer: WHO\n\nwhen\nAnswer:",
    ]


def test_own_open_questions_need_neither_choices_nor_answer(text_lm, evaluate, shell, tmp_path):
    rows = [{"id": text, "text": text, "reference": text.upper()} for text in ("who", "when")]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = ["--modality", "text", "--generate", "--max-new-tokens", 2, "--num-fewshot", 1]
    _, found, _ = evaluate(text_lm, tmp_path / "own.jsonl", *line)
    assert [(row["context"], row["acc"]) for row in found] == [
        ("when\nAnswer: WHEN\n\nwho\nAnswer:", False),
        ("who\nAnswer: WHO\n\nwhen\nAnswer:", False),
    ]
    (tmp_path / "own.jsonl").write_text(json.dumps({"id": "who", "text": "who"}) + "\n")
    done = shell("eval", text_lm, tmp_path / "own.jsonl", *line, "--device", "cpu", "-o", tmp_path / "refused")
    assert done.exit_code == 2 and "row 'who' has no choices" in done.stderr


def test_an_ending_is_scored_after_the_beginning(copied, heard, checkpoint, evaluate):
    _, found, _ = evaluate(checkpoint, copied("spoken_swag", row_of("spoken_swag", heard)))
    assert {row["modality"]: row["context"] for row in found} == dict.fromkeys(
        ("text", "speech"), ROWS["spoken_swag"]["prompt_text"]
    )


def test_a_row_without_its_answer_among_the_options_costs_that_row(copied, heard, checkpoint, evaluate):
    odd = row_of("mmsu", heard, id="odd", answer_gt="Sad")
    _, found, skipped = evaluate(
        checkpoint, copied("mmsu", row_of("mmsu", heard), odd), "--modality", "speech", "--template", "letter"
    )
    assert [(row["id"], row["answer"]) for row in found] == [("intonation_3", 1)]
    assert [row["id"] for row in skipped] == ["odd"] and "'Sad' is none of the options" in skipped[0]["reason"]


@pytest.mark.parametrize(
    "response, reference, expected",
    [
        ("Moses.", "Moses", (True, True)),
        ("It was written by MOSES, some say", "Moses", (False, True)),
        ("Seven", "7", (True, True)),
        ("You have seven objects.", "7", (False, True)),
        ("17", "7", (False, False)),
        ("1,000 people", "1000", (False, True)),
        ("In nineteen eighty four.", "1984", (False, True)),
        ("The Beatles", "Beatles", (True, True)),
        ("Cafe\u0301", "caf\u00e9", (True, True)),
        ("\u6771\u4eac\u3067\u3059", "\u6771\u4eac", (False, True)),
        ("", "Moses", (False, False)),
        ("a", "A", (True, True)),
        ("Moses", "...", (False, False)),
        ("मुंबई", "मुंबई", (True, True)),
        ("वह दिल्ली है", "दिल्ली", (False, True)),
        ("वह दिल्ली है", "दिल", (False, False)),
        ("อยู่ที่กรุงเทพ", "กรุงเทพ", (False, True)),
        ("Pari\u200bs", "ＰＡＲＩＳ", (True, True)),
        ("In the U.S.", "US", (False, True)),
        ("It is 3.5 km", "5", (False, False)),
        ("1,000 people", "1", (False, False)),
        ("twenty-one", "1", (False, False)),
        ("one hundred and one", "101", (True, True)),
        ("one hundred", "one", (False, False)),
        ("five, seven and nine", "7", (False, True)),
        ("-5", "5", (False, False)),
        ("minus five", "\u22125", (True, True)),
    ],
)
def test_answers_and_references(response, reference, expected):
    assert compare_with_reference(response, reference) == expected


def test_voicebench_s_rule_is_for_four_choices(copied, heard, checkpoint, shell, tmp_path):
    folder = tmp_path / "VoiceBench" / "src" / "evaluator"
    folder.mkdir(parents=True)
    (folder / "mcq.py").write_text(
        "class MCQEvaluator:\n    def extract_answer(self, response):\n        return None\n"
    )
    source = copied("voicebench_bbh", row_of("voicebench_bbh", heard))
    line = ["eval", checkpoint, source, "--voicebench-compatible", tmp_path / "VoiceBench", "-o", tmp_path / "out"]
    done = shell(*line, "--device", "cpu")
    assert done.exit_code == 2 and "has 2 choices, and VoiceBench's rule finds one letter of A to D" in done.stderr
