"""Rows of Big Bench Audio (ArtificialAnalysis/big_bench_audio) as our questions: recordings without transcripts.

Answers of three tasks are closed: yes or no, valid or invalid. The fourth, counting objects, is open.
"""

from saladkit.sources.benchmarks.answers import VALID_OR_INVALID, YES_OR_NO, closed_answer, own_id


def big_bench_audio(row: dict) -> dict:
    """Convert a row. A copy that is not Parquet has `file_name`, a path within its folder, for `audio`."""
    question = {
        "id": own_id(row),
        "text": row.get("transcript") or "",
        "cue": "\nAnswer:",
        "domain": row["category"],
        "recording": row.get("file_name"),
    }
    answer = str(row["official_answer"])
    return question | (closed_answer(answer, [YES_OR_NO, VALID_OR_INVALID]) or {"reference": answer})
