"""Rows of MMSU (ddwang2000/MMSU) as our questions: a recording without a transcript is heard, the question is read."""

from pathlib import Path

LETTERS = "ABCD"


def mmsu(row: dict) -> dict:
    """ddwang2000/MMSU: what is heard in a recording of which there is no text; question and options are read."""
    return {
        "id": str(row["id"]),
        "text": "",
        "trail": f"\n{row['question']}",
        "cue": "\nAnswer:",
        "choices": [row[f"choice_{letter}"] for letter in "abcd"],
        "answer": _named(row, row["answer_gt"]),
        "domain": row["task_name"],
        "audio": row.get("audio") or {"bytes": None, "path": str(Path(row["folder"] or "") / row["audio_path"])},
    }


def _named(row: dict, answer: str) -> int:
    """Which option an answer names: by its letter, or in its words."""
    options = [row[f"choice_{letter}"] for letter in "abcd"]
    return options.index(answer) if answer in options else LETTERS.index(answer.strip().upper()[:1])
