"""Prompts: sequences that the model continues, made of parts of text and speech."""

from dataclasses import replace

import numpy as np
import torch

from saladkit.rows.batched_sequences import with_speech
from saladkit.rows.sequences import SPEECH_FOLLOWS, TEXT_FOLLOWS, Sequence, SequenceLayout, SpeechSpan

NONE = np.zeros(0, dtype=np.int64)  # a prompt has no targets

Part = list[int] | SpeechSpan  # text input as token ids, or speech input


def join_parts(prefix: list[int], parts: list[Part], layout: SequenceLayout | None) -> Sequence:
    """Join parts into one prompt, with modality tokens between text and speech if the model has them.

    Args:
        prefix: special tokens at the beginning of a text, such as BOS; left out if the first part brings them itself.
        layout: may be None if all parts are text.
    """
    if prefix and parts and not isinstance(parts[0], SpeechSpan) and parts[0][: len(prefix)] == prefix:
        prefix = []
    ids, mask = list(prefix), [False] * len(prefix)
    spans = [part for part in parts if isinstance(part, SpeechSpan)]
    for part in parts:
        is_speech = isinstance(part, SpeechSpan)
        tokens = [0] * part.vectors if isinstance(part, SpeechSpan) else part
        if layout is not None and layout.modality_tokens and tokens and is_speech != (mask[-1:] == [True]):
            ids.append(SPEECH_FOLLOWS if is_speech else TEXT_FOLLOWS)
            mask.append(False)
        ids += tokens
        mask += [is_speech] * len(tokens)
    prompt = Sequence(np.array(ids, dtype=np.int64), np.array(mask, dtype=bool), spans, NONE, NONE)
    return close_speech(prompt, layout) if ids else prompt


def close_speech(prompt: Sequence, layout: SequenceLayout | None) -> Sequence:
    """Append the token TEXT_FOLLOWS if the prompt ends with speech and the model has modality tokens."""
    if layout is None or not layout.modality_tokens or not prompt.speech_mask[-1]:
        return prompt
    ids, mask = np.append(prompt.input_ids, TEXT_FOLLOWS), np.append(prompt.speech_mask, False)
    return replace(prompt, input_ids=ids, speech_mask=mask)


def common_beginning(prompts: list[Sequence]) -> int:
    """Return the length of the common beginning of all prompts; a speech span is shared as a whole or not at all.

    At least one position of each prompt is not shared, because a continuation is predicted from it. Two speech spans
    count as equal if they are one object; so the caller must reuse the span of a recording.
    """
    first, *others = prompts
    shared = min(len(prompt) for prompt in prompts) - 1
    for prompt in others:
        same = (prompt.input_ids[:shared] == first.input_ids[:shared]) & (
            prompt.speech_mask[:shared] == first.speech_mask[:shared]
        )
        shared = int(np.argmin(same)) if not same.all() else shared
    places = np.flatnonzero(first.speech_mask)
    begin = 0
    for number, span in enumerate(first.spans):
        ends = begin + span.vectors
        is_shared = all(len(prompt.spans) > number and prompt.spans[number] is span for prompt in prompts)
        if places[begin] < shared and (not is_shared or places[ends - 1] >= shared):
            return int(places[begin])
        begin = ends
    return shared


def split_prompt(prompt: Sequence, at: int) -> tuple[Sequence, Sequence]:
    """Split a prompt before position `at`, which must not lie inside a speech span."""
    speech = int(prompt.speech_mask[:at].sum())
    ends = np.cumsum([span.vectors for span in prompt.spans])
    spans = int(np.searchsorted(ends, speech, side="right"))
    ids, mask = prompt.input_ids, prompt.speech_mask
    return (
        Sequence(ids[:at], mask[:at], prompt.spans[:spans], NONE, NONE),
        Sequence(ids[at:], mask[at:], prompt.spans[spans:], NONE, NONE),
    )


def pad_at_front(prompts: list[Sequence]) -> dict[str, torch.Tensor]:
    """Collate prompts as arguments of SaladForCausalLM.forward, padded at the front so that all end in one column."""
    length = max(len(prompt) for prompt in prompts)
    batch = {
        name: torch.zeros(len(prompts), length, dtype=kind)
        for name, kind in (("input_ids", torch.int64), ("speech_mask", torch.bool), ("attention_mask", torch.int64))
    }
    for row, prompt in enumerate(prompts):
        batch["input_ids"][row, length - len(prompt) :] = torch.from_numpy(prompt.input_ids)
        batch["speech_mask"][row, length - len(prompt) :] = torch.from_numpy(prompt.speech_mask)
        batch["attention_mask"][row, length - len(prompt) :] = 1
    batch["position_ids"] = (batch["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    return with_speech(batch, prompts)
