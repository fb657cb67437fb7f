"""Turn rows of public benchmarks into questions with our columns.

A question has `text`, which may be spoken; `lead` and `trail`, which are read before and after the text; `cue`, which
is read last where the options are not listed; `choices`; and `answer`, the index of the right choice. Where the
benchmark has them, it also has `domain`, `audio` and `letters` (true if the text lists the options itself, behind
letters). Text prompts are those of lm-evaluation-harness; it has none for `MMSU` and VoiceBench.
"""

import re
from pathlib import Path

LETTERS = "ABCDEFGHIJ"
_MARK = r"\(?([A-J])[.):]\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_ANYWHERE = re.compile(rf"(?:^|(?<=\s)|(?<=[.?!:;,])){_MARK}")


def story_cloze(row: dict) -> dict:
    """Return a question of StoryCloze, from the Hub or its CSV files: which of two sentences is the fifth."""
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
    """Return a question of Rowan/hellaswag: which of four sentences continues the text."""
    return {
        "id": f"{row['source_id']}/{row['ind']}",
        "text": _plain(f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"),
        "choices": [_plain(ending) for ending in row["endings"]],
        "answer": int(row["label"]),
        "domain": row["activity_label"],
    }


def _plain(text: str) -> str:
    """Return the text without the marks that WikiHow's headings left behind."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def arc(row: dict) -> dict:
    """Return a question of allenai/ai2_arc, on school science."""
    return {"text": row["question"], "lead": "Question: ", "cue": "\nAnswer:"} | _listed(row)


def openbookqa(row: dict) -> dict:
    """Return a question of allenai/openbookqa: how a sentence on elementary science ends."""
    return {"text": row["question_stem"]} | _listed(row)


def _listed(row: dict) -> dict:
    labels = list(row["choices"]["label"])
    return {"id": row["id"], "choices": list(row["choices"]["text"]), "answer": labels.index(row["answerKey"].strip())}


def piqa(row: dict) -> dict:
    """Return a question of PIQA: which of two ways reaches a goal. Its id is the row number."""
    return {
        "id": str(row["row"]),
        "text": row["goal"],
        "lead": "Question: ",
        "cue": "\nAnswer:",
        "choices": [row["sol1"], row["sol2"]],
        "answer": int(row["label"]),
    }


def voicebench(row: dict) -> dict:
    """Return a multiple-choice question of hlt-lab/voicebench, whose recording holds the question and its options.

    Where the options cannot be told apart, `excluded` says why; the row is counted and not asked.
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
    """Return the options that a prompt lists behind `A.`, `B.` and so on (or `A)`, `(A)`, `A:`); [] if unclear.

    A list of options starts at a mark of A. It is unclear if a letter is marked twice ("A. Hepatitis B. B. Hepatitis
    C." marks B twice). Of the clear lists the longest is taken, one at the beginnings of lines before others, and the
    last of equals.
    """
    best: list[str] = []
    for pattern in (_AT_LINES, _ANYWHERE):
        marks = list(pattern.finditer(prompt))
        for first, mark in reversed(list(enumerate(marks))):
            options = _options_from(prompt, marks[first:]) if mark[1] == "A" else []
            best = options if len(options) > len(best) else best
    return best


def _options_from(prompt: str, marks: list[re.Match]) -> list[str]:
    """Return the options behind A, B, C, …, the first of `marks` being A's; [] if they can be read in two ways."""
    chain = marks[:1]
    for mark in marks[1:]:
        if len(chain) < len(LETTERS) and mark[1] == LETTERS[len(chain)]:
            chain.append(mark)
        elif mark[1] in LETTERS[: len(chain)]:
            return []  # a letter that was marked before
    ends = [*(mark.start() for mark in chain[1:]), len(prompt)]
    options = [prompt[mark.end() : end].strip(" \n\t,;") for mark, end in zip(chain, ends, strict=True)]
    return options if len(options) > 1 and all(options) else []


def mmsu(row: dict) -> dict:
    """Return a question of ddwang2000/MMSU about a recording without a text; question and options are read as text."""
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
    """Return the index of the option that an answer names, by its letter or in its words."""
    options = [row[f"choice_{letter}"] for letter in "abcd"]
    return options.index(answer) if answer in options else LETTERS.index(answer.strip().upper()[:1])
