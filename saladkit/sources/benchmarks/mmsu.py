"""Rows of the two data sets called MMSU as our questions: a recording without a transcript is heard, the rest is read.

`ddwang2000/MMSU` has the right option in words (`answer_gt`). Its older files have the questions apart, in
`question/mmsu.jsonl`. `ngqtrung/mmsu`, which lmms-eval reads, has the letter of the right option (`answer`). (A third
MMSU, VoiceBench's, is spoken MMLU-Pro: `voicebench.py`.)
"""

from saladkit.sources.benchmarks.answers import answer_among, excluded, own_id


def mmsu(row: dict) -> dict:
    """Convert a row of ddwang2000/MMSU."""
    if "answer_gt" not in row and "sub_category" in row:
        raise ValueError("it is a row of ngqtrung/mmsu, which is called mmsu_lettered here")
    question = _question(row, str(row["id"])) | {"recording": row.get("audio_path")}
    choices = list(_options(row).values())
    return question | answer_among(str(row["answer_gt"]), choices)


def mmsu_lettered(row: dict) -> dict:
    """Convert a row of ngqtrung/mmsu."""
    if "answer_gt" in row:
        raise ValueError("it is a row of ddwang2000/MMSU, which is called mmsu here")
    options = _options(row)
    letter = str(row["answer"]).strip(" ().").lower()
    question = _question(row, own_id(row))
    if letter not in options or len(options) < 2:
        return question | excluded(f"the answer {row['answer']!r} is none of the letters of the options {options}")
    return question | {"choices": list(options.values()), "answer": list(options).index(letter)}


def _question(row: dict, id_: str) -> dict:
    read = {"trail": f"\n{row['question']}", "cue": "\nAnswer:"}
    return {"id": id_, "text": "", **read, "domain": row.get("task_name")}


def _options(row: dict) -> dict[str, str]:
    """Return the options by their letters; questions with two or three options lack the others, or have them empty."""
    written = {letter: row.get(f"choice_{letter}") for letter in "abcd"}
    return {letter: str(option) for letter, option in written.items() if option is not None and str(option).strip()}
