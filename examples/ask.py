"""Ask a speech-adapted checkpoint something aloud, and print its answer.

python examples/ask.py runs/desk/stage1 question.wav
python examples/ask.py runs/desk/stage1 question.wav --text "The answer is"
"""

import json
import sys
from pathlib import Path

import click

from saladkit.errors import SaladError


@click.command()
@click.argument("checkpoint")
@click.argument("audio", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--text", default="", help="What is read after the recording; `<|audio|>` in it is where it is heard.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=64, show_default=True, help="Longest answer.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where it runs.",
)
def main(checkpoint: str, audio: Path, text: str, max_new_tokens: int, device: str) -> None:
    """Let CHECKPOINT hear AUDIO and print what it writes next, as one line of JSON."""
    try:
        print(json.dumps({"answer": ask(checkpoint, audio, text, max_new_tokens=max_new_tokens, device=device)}))
    except SaladError as error:
        print(f"error: {error.problem}\n  fix: {error.fix}", file=sys.stderr)
        sys.exit(2)


def ask(checkpoint: str, audio: Path, text: str = "", *, max_new_tokens: int = 64, device: str = "auto") -> str:
    """What the checkpoint writes after it has heard the recording, the likeliest token each time.

    Raises:
        SaladError: no checkpoint, or no recording.
    """
    from saladkit.machine import resolve_device
    from saladkit.model.loading import load_processor, load_salad_model

    device = resolve_device(device)
    processor = load_processor(checkpoint)
    inputs = processor(text=text, audio=str(audio)).to(device)
    model = load_salad_model(checkpoint, dtype="float32", device=device).eval()
    ids = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    return processor.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()


if __name__ == "__main__":
    main()
