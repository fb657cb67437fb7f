"""A world in which speech is unclear and text is not: what is heard is written down as a name, then as its kind.

There are eight names of two kinds. A row's text is a name and its kind, twice. Heard, its first word is the name in
60 % of the rows, and else one of the four names of the other kind; its second word is the kind in 75 %. So behind a
name that the listener has guessed from the first word, the kind is better guessed from the second. The text LLM reads
the name and the kind; where a wrong name has been written, it still gives 90 % to the kind that it has read, and 10 %
to the kind of the written name.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

from saladkit.formats.samples import COLUMNS

NAMES = ("anna", "boris", "clara", "david", "erik", "fiona", "gerd", "hanna")
KINDS = ("warm", "cold")
END, UNKNOWN = ".", "?"
VOCABULARY = {token: place for place, token in enumerate((*NAMES, *KINDS, END, UNKNOWN))}
FOLLOWS_PROMPT = 0.9
RATE, SECONDS = 16_000, 0.16  # of a word
OF_TEN, OF_FOUR = 6, 3  # how often the first and the second word sound as what they are


def kind(name: int) -> int:
    """Return the kind of a name."""
    return name // 4


def heard_as() -> list[tuple[int, int, int]]:
    """Return name, sound of the first word and sound of the second, each as often as it happens: 320 in all."""
    found = []
    for name in range(len(NAMES)):
        others = [other for other in range(len(NAMES)) if kind(other) != kind(name)]
        first = [name] * OF_TEN + others
        second = [kind(name)] * OF_FOUR + [1 - kind(name)]
        found += [(name, *sounds) for sounds in product(first, second)]
    return found


def write_sounds(folder: Path) -> None:
    """Write a recording for each first and second word; two more words follow, which sound alike everywhere."""
    folder.mkdir()
    times = np.arange(round(RATE * SECONDS)) / RATE
    tones = [0.3 * np.sin(2 * np.pi * pitch * times) for pitch in np.geomspace(250, 6500, len(NAMES) + len(KINDS) + 1)]
    for first, second in product(range(len(NAMES)), range(len(KINDS))):
        words = [tones[first], tones[len(NAMES) + second], tones[-1], tones[-1]]
        soundfile.write(folder / f"{first}-{second}.wav", np.concatenate(words), RATE)


def write_rows(path: Path, rows: list[tuple[int, int, int]], sounds: Path) -> None:
    """Write samples of rows as `heard_as` returns them."""
    made = []
    for place, (name, first, second) in enumerate(rows):
        said = [NAMES[name], KINDS[kind(name)]] * 2
        words = [{"word": w, "start": i * SECONDS, "end": (i + 1) * SECONDS} for i, w in enumerate(said)]
        audio = {"path": str(sounds / f"{first}-{second}.wav"), "bytes": None}
        made.append({"id": f"row{place:03d}", "text": " ".join(said), "audio": audio, "words": words})
    columns = ("id", "text", "audio", "words")
    pq.write_table(pa.Table.from_pylist(made, pa.schema([(name, COLUMNS[name]) for name in columns])), path)


def train_text_llm(folder: Path, steps: int) -> float:
    """Train a text LLM of width 32 on all prompts and pasts; return its mean KL from what it should say."""
    torch.manual_seed(0)
    backend = Tokenizer(models.WordLevel(VOCABULARY, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token=UNKNOWN, eos_token=END, pad_token=END)
    tokenizer.save_pretrained(folder)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "max_position_embeddings": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "tie_word_embeddings": True}
    end = VOCABULARY[END]
    model = MistralForCausalLM(
        MistralConfig(
            vocab_size=len(VOCABULARY), **shape, **heads, bos_token_id=None, eos_token_id=end, pad_token_id=end
        )
    )
    written = list(product(range(len(NAMES)), range(len(VOCABULARY)), range(len(VOCABULARY))))
    ids = torch.tensor([[name, len(NAMES) + kind(name), *past] for name, *past in written])
    wanted = torch.stack([torch.stack([said(name, past[:count]) for count in range(3)]) for name, *past in written])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for _ in range(steps):
        chosen = torch.randint(len(ids), (128,))
        log_probs = torch.log_softmax(model(input_ids=ids[chosen]).logits[:, 1:], dim=-1)
        (-(wanted[chosen] * log_probs).sum(dim=-1).mean()).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    with torch.no_grad():
        log_probs = torch.log_softmax(model(input_ids=ids).logits[:, 1:], dim=-1)
    return float(torch.nn.functional.kl_div(log_probs, wanted, reduction="none").sum(dim=-1).mean())


def said(name: int, past: list[int]) -> torch.Tensor:
    """Return what the text LLM should say behind a name and its kind, and what was written then, float [V]."""
    found = torch.zeros(len(VOCABULARY))
    if not past:
        found[name] = 1.0
    elif len(past) == 2:
        found[VOCABULARY[END]] = 1.0
    else:
        follows = FOLLOWS_PROMPT if past[0] < len(NAMES) else 1.0
        found[len(NAMES) + kind(name)] += follows
        if past[0] < len(NAMES):
            found[len(NAMES) + kind(past[0])] += 1 - follows
    return found
