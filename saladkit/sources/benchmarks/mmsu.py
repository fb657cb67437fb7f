"""Rows of MMSU (ddwang2000/MMSU) as our questions: a recording without a transcript is heard, the question is read."""

from pathlib import Path

LETTERS = "ABCD"


def mmsu(row: dict) -> dict:
    """Convert a row of ddwang2000/MMSU."""
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
    """Return the index of the option that an answer names, by its letter or its words."""
    options = [row[f"choice_{letter}"] for letter in "abcd"]
    return options.index(answer) if answer in options else LETTERS.index(answer.strip().upper()[:1])
