"""One row of every public benchmark in the shape in which it is published, and the question that it becomes."""

AUDIO = {"bytes": b"RIFF", "path": "1.wav"}
ARC = {"text": ["dry palms", "wet palms", "palms with oil", "palms with lotion"], "label": ["1", "2", "3", "4"]}
FRILLED = ["Deep sea animals", "fish", "Long Sea Fish", "Far Sea Animals"]
CLOSING = "What is the answer to the above multiple choice question? Select one of the following: A, B, C, or D."
ARC_ROW = {
    "id": "Mercury_7175875",
    "question": "Which skin surface will produce the most heat?",
    "choices": ARC,
    "answerKey": "1",
}
MMSU_ROW = {
    "id": "intonation_3",
    "task_name": "intonation_perception",
    "audio": AUDIO,
    "question": "How does the voice end?",
    "choice_a": "Rising",
    "choice_b": "Falling",
    "choice_c": "flat",
    "choice_d": "broken",
}
ROWS = {
    "storycloze": {
        "story_id": "138d5bfb",
        **{
            f"input_sentence_{n}": text
            for n, text in enumerate(["Rick grew up.", "He had no luck.", "A, b.", "He left."], 1)
        },
        "sentence_quiz1": "He is happy now.",
        "sentence_quiz2": "He joined a gang.",
        "answer_right_ending": 1,
    },
    "hellaswag": {
        "ind": 24,
        "activity_label": "Roof shingle removal",
        "ctx_a": "A man is sitting on a roof. [header] How to [title] Look.",
        "ctx_b": "he",
        "ctx": "A man is sitting on a roof. he",
        "endings": ["is using wrap.", "is ripping level tiles off.", "[step] is holding a cube.", "starts  pulling."],
        "source_id": "activitynet~v_-JhWjGDPHMY",
        "split": "val",
        "split_type": "indomain",
        "label": "3",
    },
    "arc_challenge": ARC_ROW,
    "arc_easy": ARC_ROW,
    "piqa": {"goal": "To boil eggs,", "sol1": "freeze them.", "sol2": "put them in hot water.", "label": 1},
    "openbookqa": {
        "id": "8-376",
        "question_stem": "Frilled sharks live far beneath the surface, which is why they are known as",
        "choices": {"text": FRILLED, "label": ["A", "B", "C", "D"]},
        "answerKey": "A",
    },
    "voicebench_openbookqa": {
        "audio": AUDIO,
        "prompt": "\n".join(
            ["Frilled sharks are known as", *(f"{a}. {b}" for a, b in zip("ABCD", FRILLED, strict=True)), CLOSING]
        ),
        "reference": "A",
    },
    "voicebench_mmsu": {
        "audio": AUDIO,
        "prompt": f"Plan A. is old. What is due?\nA) a fee\nB) nothing (U.S. law)\nC) 3 a. m.\nD) a writ\n{CLOSING}",
        "reference": "D",
        "question_id": 912,
        "cot_content": "",
        "category": "law",
        "src": "ori_mmlu-professional_law",
    },
    "voicebench_bbh": {
        "audio": AUDIO,
        "prompt": "Sima lies. Jim says Sima tells the truth. Does Jim tell the truth?",
        "reference": "no",
        "id": "bbh_web_of_lies_218",
    },
    "voicebench_sd_qa": {"audio": AUDIO, "prompt": "who wrote the book of job", "reference": "Moses"},
    "mmsu": MMSU_ROW | {"answer_gt": "falling.", "category": "Perception", "sub-category": "Paralinguistics"},
    "mmsu_lettered": MMSU_ROW | {"answer": "B", "category": "Perception", "sub_category": "Paralinguistics"},
    "speech_mmlu": {
        "id": "anatomy_12",
        "subject": "anatomy",
        "question_text": "Which is the longest?\nOption A: tibia\nOption B: femur\nOption C: ulna\nOption D: atlas",
        "question_audio": "audio/anatomy/anatomy_12.mp3",
        "voice_id": "english_prompt_007",
        "answer": 1,
    },
    "big_bench_audio": {"category": "formal_fallacies", "official_answer": "invalid", "audio": AUDIO, "id": 3},
    "spoken_swag": {
        "speaker": "af_bella",
        "prompt_text": "A man sits on a roof. He",
        "chosen_text": "starts pulling up shingles.",
        "rejected_text": "is using wrap to wrap skis.",
        "prompt": AUDIO,
        "chosen": AUDIO,
        "rejected": AUDIO,
        "auto_bleu2": 0.1,
    },
}
CHOICES = {
    "storycloze": ["He is happy now.", "He joined a gang."],
    "hellaswag": ["is using wrap.", "is ripping level tiles off.", " is holding a cube.", "starts pulling."],
    "arc_challenge": ARC["text"],
    "arc_easy": ARC["text"],
    "piqa": ["freeze them.", "put them in hot water."],
    "openbookqa": FRILLED,
    "voicebench_openbookqa": FRILLED,
    "voicebench_mmsu": ["a fee", "nothing (U.S. law)", "3 a. m.", "a writ"],
    "voicebench_bbh": ["Yes", "No"],
    "voicebench_sd_qa": None,
    "mmsu": ["Rising", "Falling", "flat", "broken"],
    "mmsu_lettered": ["Rising", "Falling", "flat", "broken"],
    "speech_mmlu": ["tibia", "femur", "ulna", "atlas"],
    "big_bench_audio": ["valid", "invalid"],
    "spoken_swag": ["starts pulling up shingles.", "is using wrap to wrap skis."],
}
RIGHT = {"hellaswag": 3, "piqa": 1, "voicebench_mmsu": 3, "voicebench_bbh": 1, "voicebench_sd_qa": None}
RIGHT |= {"mmsu": 1, "mmsu_lettered": 1, "speech_mmlu": 1, "big_bench_audio": 1}
