"""Rows of SpokenSwag (slprl/SpokenSwag) as our questions: the beginning is heard, and one of two endings goes on."""


def spoken_swag(row: dict) -> dict:
    """Convert a row. Every other row has its right ending first, so that no place of the options is the better."""
    endings = [row["chosen_text"], row["rejected_text"]]
    answer = row["row"] % 2
    return {
        "id": str(row["row"]),
        "text": row["prompt_text"],
        "choices": endings[::-1] if answer else endings,
        "answer": answer,
        "speaker": row["speaker"],
    }
