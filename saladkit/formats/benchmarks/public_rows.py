"""Rows of public benchmarks as our questions.

A question has `text`, what is asked and may be heard; `lead` and `trail`, which are read before and after it; `cue`,
which is read last where the options are not listed; `choices`, `answer`
(the index of the right one) and, where the benchmark has them, `domain`, `audio` and `letters` (the question lists the
options itself, behind letters). Prompts in text are lm-evaluation-harness's, but for `MMSU` and VoiceBench, which it
does not have.
"""

import re

from saladkit.errors import SaladError

LETTERS = "ABCDEFGHIJ"
_OPTION = re.compile(r"(?:^|(?<=\s)|(?<=[.?!:;,]))\(?([A-J])[.):]\s*")


def story_cloze(row: dict) -> dict:
    """LSDSem/story_cloze: four sentences, and which of two is the fifth."""
    sentences = [row[f"input_sentence_{number}"] for number in (1, 2, 3, 4)]
    return {
        "id": row["story_id"],
        "text": " ".join(sentences),
        "choices": [row["sentence_quiz1"], row["sentence_quiz2"]],
        "answer": int(row["answer_right_ending"]) - 1,
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

    Raises:
        SaladError: options that cannot be found in the prompt.
    """
    choices = options_of(row["prompt"])
    letter = row["reference"].strip().upper()
    if letter not in LETTERS[: len(choices)]:
        raise SaladError(
            f"the options of a prompt of VoiceBench could not be told apart: {row['prompt'][:200]!r} ({letter!r})",
            "Give the questions as a file with `choices` and `answer`.",
        )
    return {
        "id": str(row.get("question_id") or row["row"]),
        "text": row["prompt"],
        "choices": choices,
        "answer": LETTERS.index(letter),
        "letters": True,
        "domain": row["split"],
        "audio": row["audio"],
    }


def options_of(prompt: str) -> list[str]:
    """The options that a prompt lists behind `A.`, `B.` and so on (or `A)`, `(A)`, `A:`); none where it lists none."""
    marks = list(_OPTION.finditer(prompt))
    first = next((place for place in reversed(range(len(marks))) if marks[place][1] == "A"), None)
    if first is None:
        return []
    marks = marks[first:]
    count = next((n for n, mark in enumerate(marks) if mark[1] != LETTERS[n]), len(marks))
    ends = [mark.start() for mark in marks[1:count]] + [len(prompt)]
    return [prompt[mark.end() : end].strip(" \n,;") for mark, end in zip(marks[:count], ends, strict=True)]


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
        "audio": row.get("audio") or {"bytes": None, "path": row["audio_path"]},
    }


def _named(row: dict, answer: str) -> int:
    """Which option an answer names: by its letter, or in its words."""
    options = [row[f"choice_{letter}"] for letter in "abcd"]
    return options.index(answer) if answer in options else LETTERS.index(answer.strip().upper()[:1])
