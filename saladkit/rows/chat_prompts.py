"""Prompts of conversations, which the assistant answers: laid out by the chat template, with speech in their turns."""

from collections.abc import Sequence

from saladkit.errors import SaladError
from saladkit.formats.messages import Turn
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.prompt_sequences import Part
from saladkit.rows.sequences import SpeechSpan
from saladkit.rows.tokens import ids_after_text

SPEECH = "\ue002"  # stands for a speech span in a content; this character is in no text


def chat_prompt(
    template: ChatTemplate, turns: Sequence[Turn], spans: Sequence[SpeechSpan], where: str, *, stripped: bool = False
) -> list[Part]:
    """Return the parts of a prompt: the turns with their speech, and the beginning of the assistant's answer.

    As in training, text before speech does not end with a space, which belongs to the word after it.

    Args:
        turns: their contents have SPEECH in the place of each span.
        spans: the speech, in order.
        where: the row, for errors.
        stripped: whether to leave out white space at the end.

    Raises:
        SaladError: the template refuses the turns or leaves out what they say, or a content has a special token.
    """
    template.check_contents(turns, where)
    text = template.render(turns, where, generation_prompt=True)
    first, *others = (text.rstrip() if stripped else text).split(SPEECH)
    if len(others) != len(spans):
        raise SaladError(
            f"{where}: the chat template of {template.name} leaves out or repeats speech",
            "Give the recordings in turns of the user.",
        )
    tokenizer = template.tokenizer
    parts: list[Part] = [tokenizer(first.rstrip(" ") if spans else first, add_special_tokens=False)["input_ids"]]
    for number, (span, text) in enumerate(zip(spans, others, strict=True), start=1):
        parts += [span, ids_after_text(tokenizer, text.rstrip(" ") if number < len(spans) else text)]
    return [part for part in parts if isinstance(part, SpeechSpan) or part]
