"""The model card of a mean of checkpoints."""

from saladkit.model.configuration import SaladConfig
from saladkit.training.model_card import ASK, LIMITS, WHAT, code, head, needs, table, title

MEAN = """The weights of this model are the weighted mean of those of the checkpoints below. It was not trained itself:
how each checkpoint was trained is in its own card."""
JOINED = "LoRA of all together, so that its product is the weighted mean of theirs; its rank is the sum of their ranks"


def average_card(plan: dict, config: SaladConfig, weights: tuple[float, ...]) -> str:
    """Return the card as Markdown with a YAML head.

    Args:
        plan: the artefact's: tool, inputs.
        config: that of the mean.
        weights: one of each checkpoint.
    """
    text_llm = config.text_config.name_or_path or ""
    names = [plan["inputs"][f"checkpoint {index}"]["path"] for index in range(len(weights))]
    of_each = [f"| {code(name)} | {weight:g} |" for name, weight in zip(names, weights, strict=True)]
    made = {
        "made by": "`saladkit average`",
        "text LLM": code(text_llm),
        "LoRA": JOINED if config.lora else None,
        "made with": plan["tool"],
    }
    sections = [
        head(text_llm),
        title(text_llm),
        WHAT,
        MEAN,
        "## How it was made",
        "\n".join(["| checkpoint | weight |", "|---|---|", *of_each]),
        table(made),
        "## How to ask it",
        needs(config.text_model),
        ASK,
        "## Limits",
        LIMITS.format(where="in the cards of its checkpoints"),
    ]
    return "\n\n".join(sections) + "\n"
