"""Rows of SpeechMMLU (XiaomiMiMo/SpeechMMLU) as our questions: the recording says question and options.

Each subject is a configuration of its own. `question_audio` is a path within the data set, whose recordings are packed
into `audio.tar.gz`.
"""

from saladkit.sources.benchmarks.answers import excluded
from saladkit.sources.benchmarks.listed_options import LETTERS, options_of

SUBJECTS = (
    *("anatomy", "clinical_knowledge", "college_biology", "college_medicine", "computer_security", "econometrics"),
    *("global_facts", "high_school_biology", "high_school_geography", "high_school_government_and_politics"),
    *("high_school_macroeconomics", "high_school_microeconomics", "high_school_psychology", "high_school_us_history"),
    *(
        "high_school_world_history",
        "human_aging",
        "human_sexuality",
        "international_law",
        "jurisprudence",
        "management",
    ),
    *("marketing", "miscellaneous", "moral_disputes", "nutrition", "philosophy", "prehistory", "professional_law"),
    *("professional_psychology", "public_relations", "security_studies", "sociology", "us_foreign_policy", "virology"),
    "world_religions",
)


def speech_mmlu(row: dict) -> dict:
    """Convert a row; `answer` is the place of the right option, from 0, or its letter."""
    choices, written = options_of(row["question_text"]), str(row["answer"]).strip()
    question = {
        "id": str(row["id"]),
        "text": row["question_text"],
        "letters": True,
        "domain": row["subject"],
        "speaker": row.get("voice_id"),
    }
    places = dict(zip(LETTERS, range(len(choices)), strict=False)) | {str(n): n for n in range(len(choices))}
    if written not in places:
        return question | excluded(f"the prompt's {len(choices)} options do not go with the answer {written!r}")
    return question | {"choices": choices, "answer": places[written]}
