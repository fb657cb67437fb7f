"""Rows of public benchmarks as our questions.

A question has `text`, what is asked and may be heard; `lead` and `trail`, which are read before and after it; `cue`,
which is read last where the options are not listed; `choices`, `answer`
(the index of the right one) and, where the benchmark has them, `domain`, `audio` and `letters` (the question lists the
options itself, behind letters). Prompts in text are lm-evaluation-harness's, but for `MMSU` and VoiceBench, which it
does not have.
"""

import re
from pathlib import Path

LETTERS = "ABCDEFGHIJ"
_MARK = r"\(?([A-J])[.):]\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_ANYWHERE = re.compile(rf"(?:^|(?<=\s)|(?<=[.?!:;,])){_MARK}")


def story_cloze(row: dict) -> dict:
    """StoryCloze: four sentences, and which of two is the fifth; columns as on the Hub, or as in its CSV files."""
    csv = "InputStoryid" in row
    sentences = [row[f"InputSentence{number}" if csv else f"input_sentence_{number}"] for number in (1, 2, 3, 4)]
    endings = [row[f"RandomFifthSentenceQuiz{number}" if csv else f"sentence_quiz{number}"] for number in (1, 2)]
    return {
        "id": row["InputStoryid" if csv else "story_id"],
        "text": " ".join(sentences),
        "choices": endings,
        "answer": int(row["AnswerRightEnding" if csv else "answer_right_ending"]) - 1,
    }


def hellaswag(row: dict) -> dict:
    """Rowan/hellaswag: which of four sentences goes on."""
    return {
        "id": f"{row['source_id']}/{row['ind']}",
        "text": _plain(f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"),
        "choices": [_plain(ending) for ending in row["endings"]],
        "answer": int(row["label"]),
        "domain": row["activity_label"],
    }


def _plain(text: str) -> str:
    """Without what WikiHow's headings left behind."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def arc(row: dict) -> dict:
    """allenai/ai2_arc: questions of school science."""
    return {"text": row["question"], "lead": "Question: ", "cue": "\nAnswer:"} | _listed(row)


def openbookqa(row: dict) -> dict:
    """allenai/openbookqa: the beginning of a sentence on elementary science, and how it ends."""
    return {"text": row["question_stem"]} | _listed(row)


def _listed(row: dict) -> dict:
    labels = list(row["choices"]["label"])
    return {"id": row["id"], "choices": list(row["choices"]["text"]), "answer": labels.index(row["answerKey"].strip())}


def piqa(row: dict) -> dict:
    """PIQA: which of two ways reaches a goal. Its rows have no ids."""
    return {
        "id": str(row["row"]),
        "text": row["goal"],
        "lead": "Question: ",
        "cue": "\nAnswer:",
        "choices": [row["sol1"], row["sol2"]],
        "answer": int(row["label"]),
    }


def voicebench(row: dict) -> dict:
    """hlt-lab/voicebench, its sets of multiple choice: the recording has question and options, `reference` the letter.

    Where the options cannot be told apart, `excluded` says so: the row is counted, and not asked.
    """
    choices, letter = options_of(row["prompt"]), row["reference"].strip().upper()
    question = {
        "id": str(row.get("question_id") or row["row"]),
        "text": row["prompt"],
        "letters": True,
        "domain": row["split"],
        "audio": row["audio"],
    }
    if len(letter) != 1 or letter not in LETTERS[: len(choices)]:
        reason = f"the prompt's {len(choices)} options do not go with the answer {row['reference']!r}"
        return question | {"choices": [], "answer": -1, "excluded": reason}
    return question | {"choices": choices, "answer": LETTERS.index(letter), "excluded": None}


def options_of(prompt: str) -> list[str]:
    """The options that a prompt lists behind `A.`, `B.` and so on (or `A)`, `(A)`, `A:`).

    Of all ways to read marks from A on, those count in which no further mark of a letter stands where it might be meant
    instead ("A. Hepatitis B. B. Hepatitis C." has two); the longest, at the beginnings of lines before elsewhere, and
    the last of such. None where there is no such way.
    """
    best: list[str] = []
    for pattern in (_AT_LINES, _ANYWHERE):
        marks = list(pattern.finditer(prompt))
        for first, mark in reversed(list(enumerate(marks))):
            options = _options_from(prompt, marks[first:]) if mark[1] == "A" else []
            best = options if len(options) > len(best) else best
    return best


def _options_from(prompt: str, marks: list[re.Match]) -> list[str]:
    """The options behind A, B, C, … where the first of `marks` is A's; none where they can be read in two ways."""
    chain = marks[:1]
    for mark in marks[1:]:
        if len(chain) < len(LETTERS) and mark[1] == LETTERS[len(chain)]:
            chain.append(mark)
        elif mark[1] in LETTERS[: len(chain)]:
            return []  # a letter that has been there
    ends = [*(mark.start() for mark in chain[1:]), len(prompt)]
    options = [prompt[mark.end() : end].strip(" \n\t,;") for mark, end in zip(chain, ends, strict=True)]
    return options if len(options) > 1 and all(options) else []


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
