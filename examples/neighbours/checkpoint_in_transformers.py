"""A checkpoint in transformers: what needs the package saladkit, and what does not.

python examples/neighbours/checkpoint_in_transformers.py text stage1 "The capital of France is"
python examples/neighbours/checkpoint_in_transformers.py speech stage1 question.wav "The answer is"
python examples/neighbours/checkpoint_in_transformers.py files stage1

Without saladkit, transformers loads the text LLM of a checkpoint and its tokenizer, but not the model that hears: its
class is in this package, and no code is stored in a checkpoint, so `trust_remote_code` is never needed and would not
help. One import registers the class; AutoModelForCausalLM, AutoProcessor, `generate` and the pipelines
"text-generation" and "any-to-any" then take a checkpoint as any other model. `--save trained` checkpoints hold no text
LLM: load the one that they name.
"""

import json
import sys
from pathlib import Path

from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, pipeline

NOT_FOR_THE_HUB = ("training", "working", "logs")  # folders of a run


def text_llm(folder: str) -> PreTrainedModel:
    """Load the text LLM of a checkpoint by transformers alone; it reports the weights of the speech side as unused."""
    described = json.loads((Path(folder) / "config.json").read_text())["text_config"]
    config = AutoConfig.for_model(**described)
    return AutoModelForCausalLM.from_pretrained(folder, config=config, key_mapping={r"^language_model\.": ""})


def continue_text(folder: str, text: str) -> str:
    """Write on from a text, by transformers alone."""
    write = pipeline("text-generation", model=text_llm(folder), tokenizer=AutoTokenizer.from_pretrained(folder))
    return write(text, max_new_tokens=32, do_sample=False, return_full_text=False)[0]["generated_text"]


def answer(folder: str, recording: str, text: str = "") -> str:
    """Write on from a recording and a text, by transformers' pipeline, after one import."""
    import saladkit.model  # noqa: F401  # registers the classes

    listen = pipeline("any-to-any", model=folder)
    settings = {"max_new_tokens": 32, "do_sample": False}
    found = listen(text=f"<|audio|> {text}", audio=recording, generate_kwargs=settings, return_full_text=False)
    return found[0]["generated_text"]


def files(folder: str) -> str:
    """Return the line that uploads a checkpoint, after what it would send: `push_to_hub` dry."""
    chosen = [path for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    sent = [path for path in chosen if path.relative_to(folder).parts[0] not in NOT_FOR_THE_HUB]
    for path in sent:
        print(f"{path.stat().st_size / 1e6:10.2f} MB  {path.relative_to(folder)}", file=sys.stderr)
    left = " ".join(f"--exclude '{name}/*'" for name in NOT_FOR_THE_HUB)
    return f"hf upload OWNER/NAME {folder} . {left}"


if __name__ == "__main__":
    print({"text": continue_text, "speech": answer, "files": files}[sys.argv[1]](*sys.argv[2:]))
