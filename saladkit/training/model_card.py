"""The model card of a checkpoint: its README.md, made from the run's plan, so the same line gives the same card."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from saladkit.formats.checkpoint import STAGES
from saladkit.formats.gap_table import spans_of
from saladkit.model.configuration import SaladConfig
from saladkit.settings.distill import LEARNED

_WHAT_STAGES_DO = {"distill": "distillation", "align": "targeted alignment"}

WHAT = """A text LLM that also takes speech as input, and writes text: a speech encoder and an adapter make vectors of
speech, which the language model reads beside tokens. Made with [SALAD](https://arxiv.org/abs/2510.13632):
the original text LLM, which reads the transcript, teaches the model that hears the speech."""

ASK = """```python
from saladkit import SaladForCausalLM, SaladProcessor

folder = "."  # this folder
model, processor = SaladForCausalLM.from_pretrained(folder), SaladProcessor.from_pretrained(folder)
inputs = processor(text="<|audio|> The answer is", audio="question.wav")
ids = model.generate(**inputs, max_new_tokens=64)
print(processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
```"""

LIMITS = """- It continues text as its text LLM does. Unless that model was instruction-tuned, do not expect it to chat.
- It was trained to understand speech as its text LLM understands text, only on the speech listed {where}. It may
  understand other voices, languages, noise and subjects much worse.
- This card has no benchmark results. `saladkit eval` scores the checkpoint on the same questions as text and as speech,
  and `saladkit gap` measures its misalignment and its forgetting.
- It may repeat whatever is wrong or harmful in what its text LLM says."""


@dataclass(frozen=True)
class SourceFigures:
    """One source of a training: its path as it was given, its rows, and how often rows of it were read."""

    name: str
    is_speech: bool
    weight: float
    rows: int
    rows_read: int


def model_card(plan: dict, config: SaladConfig, sources: list[SourceFigures], last: dict[str, float] | None) -> str:
    """Return the card as Markdown with a YAML head.

    Args:
        plan: the artefact's: tool, verb, settings, inputs.
        config: the trained model's.
        last: the last logged losses (nats); None for the checkpoint from before the decay.
    """
    text_llm = config.text_config.name_or_path or ""
    what = WHAT
    if last is None:
        what += "\n\nThis is the checkpoint from before the learning rate fell, where `saladkit align` starts."
    only_trained = plan["settings"]["save"] == "trained"
    sections = [
        head(text_llm),
        title(text_llm),
        what,
        "## How it was made",
        table(_how_it_was_made(plan, config, text_llm)),
        _sources_table(sources),
        _losses(last) if last else None,
        "## How to ask it",
        needs(config.text_model if only_trained else None),
        ASK,
        "## Limits",
        LIMITS.format(where="above"),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def title(text_llm: str) -> str:
    """Return the title of a card."""
    return f"# {code(Path(text_llm).name)}, speech-adapted"


def needs(text_model: dict[str, str] | None) -> str:
    """Say what has to be there to load the checkpoint: the package and, where it names one, the text LLM."""
    package = "Needs the package `saladkit`."
    if text_model is None:
        return package
    return f"{package} This folder has only the trained weights; the rest is read from {code(text_model['name'])}."


def table(rows: Mapping[str, str | None]) -> str:
    """Return a table of two columns, without the rows that have no value."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items() if value)])


def _how_it_was_made(plan: dict, config: SaladConfig, text_llm: str) -> dict[str, str | None]:
    """Return the rows of the table of settings; a row without a value is left out."""
    verb, settings = plan["verb"], plan["settings"]
    encoder, adapter = config.speech_encoder, config.adapter_config
    lora = config.lora and f"encoder, adapter, and LoRA of rank {config.lora['rank']} in the text LLM"
    started = plan["inputs"].get("checkpoint")
    rows_a_step = settings["processes"] * settings["per_device_train_batch_size"]
    rows_a_step *= settings["gradient_accumulation_steps"]
    read = f"windows of {settings['window']} positions" if settings["window"] else "rows"
    lexical = f"weight {settings['lexical_weight']:g}, and alone for {settings['lexical_steps']} steps"
    return {
        "stage": f"{STAGES[verb]}: {_WHAT_STAGES_DO[verb]} (`saladkit {verb}`)",
        "text LLM": code(text_llm),
        "started from": code(started["path"]) if started else None,
        "speech encoder": f"{code(encoder)}, {config.frames_per_vector} frames a vector",
        "adapter": f"{adapter.num_hidden_layers} causal layers of width {adapter.hidden_size}; vectors of"
        f" {'one learned length' if config.adapter_length == LEARNED else 'free length'}",
        "modality tokens": "before speech, and before text that follows it" if config.modality_tokens else None,
        "trained": lora or "encoder, adapter and text LLM",
        "teacher": ", ".join(
            code(entry["path"]) for role, entry in plan["inputs"].items() if role.startswith("teacher")
        ),
        "loss": f"{settings['alpha']:g} · {settings['divergence']} at temperature {settings['temperature']:g}"
        f" + {1 - settings['alpha']:g} · NLL, on text tokens; replay by {settings['replay_loss']}"
        + (f"; rollouts by {settings['rollout_loss']}" if "rollout_loss" in settings else ""),
        "spans": spans_of(settings),
        "lexical warm-up": lexical if settings["lexical_weight"] else None,
        "steps": f"{settings['max_steps']} of {rows_a_step} {read}",
        "peak learning rates": f"{settings['adapter_learning_rate']:g} encoder and adapter, "
        f"{settings['learning_rate']:g} {'LoRA' if lora else 'text LLM'}",
        "seed": str(settings["seed"]),
        "made with": plan["tool"],
    }


def _sources_table(sources: list[SourceFigures]) -> str:
    rows = [
        f"| {code(source.name)} | {'speech' if source.is_speech else 'text'} | {source.weight:g} | {source.rows} "
        f"| {source.rows_read} |"
        for source in sources
    ]
    return "\n".join(["| source | | weight | rows | read |", "|---|---|---|---|---|", *rows])


def code(text: str) -> str:
    """Return a name as inline code that Markdown takes literally, in tables too."""
    text = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", r"\|")


def licence_of(model: str) -> str | None:
    """Return the licence in the head of a local model's card; None where there is none."""
    card = Path(model) / "README.md"
    head = re.match(r"---\n(.*?)\n---", card.read_text(errors="replace"), re.DOTALL) if card.is_file() else None
    found = re.search(r"^license:\s*([\w.-]+)\s*$", head[1], re.MULTILINE) if head else None
    return found and found[1]


def head(text_llm: str) -> str:
    """Return the YAML head; the Hub refuses a card whose `base_model` is the path of a folder."""
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
    return f"Losses in the last log entry (step {last['step']}, nats): {named}. `metrics.jsonl` has all entries."
