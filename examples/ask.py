"""Give a recording to a speech-adapted checkpoint as speech input, and print what the checkpoint writes next.

python examples/ask.py runs/desk/stage1 question.wav
python examples/ask.py runs/desk/stage1 question.wav --text "The answer is"
python examples/ask.py runs/instruct question.wav --chat --system-prompt "Answer in one sentence."
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from saladkit.errors import SaladError


@click.command()
@click.argument("checkpoint")
@click.argument("audio", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--text", default="", help="Text after the recording; or a text with `<|audio|>` in the place of the recording."
)
@click.option("--chat", is_flag=True, help="Give recording and text as a user's turn, by the chat template.")
@click.option("--system-prompt", help="System prompt, with --chat.")
@click.option(
    "--max-new-tokens", type=click.IntRange(min=1), default=64, show_default=True, help="Most tokens of the answer."
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Device that the model runs on.",
)
def main(checkpoint: str, audio: Path, text: str, **how: Any) -> None:
    """Give AUDIO to CHECKPOINT as speech input, and print what it writes next as one line of JSON."""
    try:
        print(json.dumps({"answer": ask(checkpoint, audio, text, **how)}))
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


def ask(
    checkpoint: str,
    audio: Path,
    text: str = "",
    *,
    chat: bool = False,
    system_prompt: str | None = None,
    max_new_tokens: int = 64,
    device: str = "auto",
) -> str:
    """Return what the checkpoint writes after the recording and the text, by greedy decoding.

    Args:
        chat: whether recording and text are a turn of a user, after `system_prompt`, laid out by the chat template.

    Raises:
        SaladError: the checkpoint cannot be loaded or has no chat template, there is a system prompt without `chat`, or
            the recording cannot be decoded.
    """
    from saladkit.machine import resolve_device
    from saladkit.model.loading import load_processor, load_salad_model

    if system_prompt and not chat:
        raise SaladError("--system-prompt without a chat template has no place", "Add --chat, or leave it out.")
    device = resolve_device(device)
    processor = load_processor(checkpoint)
    if chat:
        turns = turns_of(audio, text, system_prompt)
        how = {"add_generation_prompt": True, "tokenize": True, "return_dict": True}
        inputs = processor.apply_chat_template(turns, **how).to(device)
    else:
        inputs = processor(text=text, audio=str(audio)).to(device)
    model = load_salad_model(checkpoint, dtype="float32", device=device).eval()
    ids = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    return processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()


def turns_of(audio: Path, text: str, system_prompt: str | None) -> list[dict]:
    """Return the conversation in which a user says the recording and the text."""
    from saladkit.model.processor import AUDIO_MARK

    before, _, after = text.rpartition(AUDIO_MARK)
    parts = [{"type": "text", "text": before}, {"type": "audio", "path": str(audio)}, {"type": "text", "text": after}]
    said = [part for part in parts if part["type"] == "audio" or part["text"]]
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": said}]


if __name__ == "__main__":
    main()
