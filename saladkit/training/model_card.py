"""The model card of a checkpoint: its README.md, made of the run's own plan, the same for the same line."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from saladkit.model.configuration import SaladConfig

STAGES = {"distill": "Stage I: distillation", "align": "Stage II: targeted alignment"}

ASK = """```python
from saladkit import SaladForCausalLM, SaladProcessor

folder = "."  # this folder
model, processor = SaladForCausalLM.from_pretrained(folder), SaladProcessor.from_pretrained(folder)
inputs = processor(text="<|audio|> The answer is", audio="question.wav")
ids = model.generate(**inputs, max_new_tokens=64)
print(processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
```"""

LIMITS = """- It goes on with a text, as the text LLM does: where that was no assistant, this is none.
- It was made to understand speech as its text LLM understands text, on the speech listed above and no other. Voices,
  languages, noise and subjects that are not there may be understood much worse.
- Nothing was measured here. `saladkit eval` scores it on the same questions read and heard, and `saladkit gap` measures
  its misalignment and what it has forgotten.
- What the text LLM says that is wrong or harmful, it may say too."""


@dataclass(frozen=True)
class SourceFigures:
    """One source of a training: its path as it was given, how much of it there is, and how much was read."""

    name: str
    heard: bool
    weight: float
    rows: int
    rows_read: int


def model_card(plan: dict, config: SaladConfig, sources: list[SourceFigures], last: dict[str, float] | None) -> str:
    """The card as Markdown with a YAML head.

    Args:
        plan: of the artefact: tool, verb, settings, inputs.
        config: of the model that was trained.
        last: the last logged losses (nats); None for the state before the decay.
    """
    settings, text_llm = plan["settings"], config.text_config.name_or_path
    encoder, adapter = config.speech_encoder, config.adapter_config
    lora = config.lora and f"encoder, adapter, and LoRA of rank {config.lora['rank']} in the text LLM"
    started = plan["inputs"].get("checkpoint")
    rows_a_step = settings["processes"] * settings["per_device_train_batch_size"]
    rows_a_step *= settings["gradient_accumulation_steps"]
    made = {
        "stage": f"{STAGES[plan['verb']]} (`saladkit {plan['verb']}`)",
        "text LLM": code(text_llm),
        "started from": code(started["path"]) if started else None,
        "speech encoder": f"{code(encoder)}, {config.frames_per_vector} frames a vector",
        "adapter": f"{adapter.num_hidden_layers} causal layers of width {adapter.hidden_size}",
        "modality tokens": "before speech, and before text that follows it" if config.modality_tokens else None,
        "trained": lora or "encoder, adapter and text LLM",
        "teacher": code(plan["inputs"]["teacher"]["path"]),
        "loss": f"{settings['alpha']:g} · {settings['divergence']} at temperature {settings['temperature']:g}"
        f" + {1 - settings['alpha']:g} · NLL, on text tokens; replay by {settings['replay_loss']}",
        "lexical warm-up": f"weight {settings['lexical_weight']:g}, and alone for {settings['lexical_steps']} steps",
        "steps": f"{settings['max_steps']} of {rows_a_step} rows",
        "peak learning rates": f"{settings['adapter_learning_rate']:g} encoder and adapter, "
        f"{settings['learning_rate']:g} {'LoRA' if lora else 'text LLM'}",
        "seed": str(settings["seed"]),
        "made with": plan["tool"],
    }
    if not settings["lexical_weight"]:
        del made["lexical warm-up"]
    title = f"# {code(Path(text_llm).name)}, speech-adapted"
    what = (
        "A text LLM that also hears: speech encoder, adapter and language model in one causal sequence; text out.\n"
        "Made by [SALAD](https://arxiv.org/abs/2510.13632): the untouched text LLM, which reads the text of what is\n"
        "spoken, is distilled into the model that hears it."
    )
    if last is None:
        what += "\n\nThis is the state before the learning rate fell: where `saladkit align` goes on from."
    needs = "Needs the package `saladkit`."
    if config.text_model and settings["save"] == "trained":
        needs += f" Only what was trained stands here; the rest is read from {code(config.text_model['name'])}."
    table = ["| source | | weight | rows | read |", "|---|---|---|---|---|"]
    table += [
        f"| {code(source.name)} | {'speech' if source.heard else 'text'} | {source.weight:g} | {source.rows} "
        f"| {source.rows_read} |"
        for source in sources
    ]
    sections = [
        _head(text_llm),
        title,
        what,
        "## How it was made",
        "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in made.items() if value)]),
        "\n".join(table),
        _losses(last) if last else None,
        "## How to ask it",
        needs,
        ASK,
        "## Limits",
        LIMITS,
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def code(text: str) -> str:
    """Whatever a user called something, as inline code that Markdown takes literally, in tables too."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", r"\|")


def licence_of(model: str) -> str | None:
    """The licence in the head of a local model's own card; None where there is none to read."""
    card = Path(model) / "README.md"
    head = re.match(r"---\n(.*?)\n---", card.read_text(errors="replace"), re.DOTALL) if card.is_file() else None
    found = re.search(r"^license:\s*([\w.-]+)\s*$", head[1], re.MULTILINE) if head else None
    return found and found[1]


def _head(text_llm: str) -> str:
    """YAML. `base_model` takes names on the Hub alone: with the path of a folder the Hub refuses the card."""
    on_the_hub = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", text_llm) and not Path(text_llm).exists()
    licence = licence_of(text_llm)
    return "\n".join(
        [
            "---",
            *([f"base_model: {json.dumps(text_llm)}"] if on_the_hub else []),
            "library_name: transformers",
            *([f"license: {licence}"] if licence else []),
            "pipeline_tag: audio-text-to-text",
            "tags:",
            *(f"- {tag}" for tag in ("saladkit", "speech", "knowledge-distillation")),
            "---",
        ]
    )


def _losses(last: dict[str, float]) -> str:
    parts = ("loss", "distillation", "nll", "lexical")
    named = ", ".join(f"{name} {last[name]:.4g}" for name in parts if name in last)
    return f"Losses logged last (step {last['step']}, nats): {named}. `metrics.jsonl` has all of them."
