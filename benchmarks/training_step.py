"""Compare the positions/s of a whole training step: our rows and sparse teacher, against padded rows and full logits.

A step is forward, loss, backward and AdamW of one micro-batch, in full training and with LoRA. Our side packs rows as
`distill` does. The other side pads rows of similar length, computes all logits, and compares them by
torch's kl_div with the teacher's dense logits, which it is given. The other side runs four rows at a time, because in
one batch of all rows a long row would cause much padding.
"""

import argparse
from functools import partial

import torch
from torch.nn import functional

from saladkit.model.lora import LoraShape
from saladkit.rows.training_rows import TrainingExample
from saladkit.settings.training import LoraSettings
from side_by_side import Target, arguments, emit, is_h200, run_pairs
from training_batches import Batch, half_precision, make_batch, speech_model, train_on
from training_rows import examples_of, schedule

PADDED_ROWS = 4
FULL, LORA = 26_000, 36_000  # positions/s on one H200 at the 3B shape


def main() -> None:
    """Print one line for full training and one for LoRA."""
    parser = arguments(__doc__.splitlines()[0], shape="small")
    parser.add_argument("--positions", type=int, default=4096, help="about how many places a step has")
    parser.add_argument("--lora-rank", type=int, default=16)
    parser.add_argument("--attention", default="sdpa", choices=["sdpa", "flash_attention_2", "flex_attention"])
    parser.add_argument("--torch-compile", action="store_true")
    parser.add_argument("--batching", default="auto", choices=["auto", "packed", "padded"], help="as in `distill`")
    options = parser.parse_args()
    for mode, least in (("full", FULL), ("LoRA", LORA)):
        measure(mode, least, options)


def measure(mode: str, least: int, options: argparse.Namespace) -> None:
    """Measure one way of training; the model is freed before the next one is made."""
    model, vocabulary = speech_model(options.shape, device=options.device, attention=options.attention)
    if mode == "LoRA":
        model.add_lora(LoraShape.of(LoraSettings(lora_rank=options.lora_rank)), {"name": "random", "digest": ""})
    examples = rows_of(options.positions, vocabulary)
    examples.sort(key=lambda example: len(example.sequence))
    padded = [
        make_batch(examples[at : at + PADDED_ROWS], packed=False, model=model, device=options.device)
        for at in range(0, len(examples), PADDED_ROWS)
    ]
    gifts = [torch.randn(len(batch.requests[0]), vocabulary, device=options.device) for batch in padded]
    packed = options.batching != "padded"
    if packed:
        ours = [make_batch(examples, packed=True, model=model, device=options.device)]
    else:
        ours = padded
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.0)
    run = torch.compile(model, dynamic=True) if options.torch_compile else model
    found = run_pairs(
        lambda: train_on(run, optimizer, ours, options.dtype),
        partial(step_on_full_logits, run, optimizer, padded, gifts, options.dtype),
        options.pairs,
        options.device,
    )
    places = sum(batch.places for batch in ours)
    emit(
        f"training step: {mode}",
        ours=places / found.ours,
        theirs=places / found.theirs,
        unit="positions/s",
        ratio=found.speedup,
        target=Target("ours", ">=", least, holds=is_h200(options.device) and options.shape == "3b"),
        device=options.device,
        shape=options.shape,
        dtype=options.dtype,
        pairs=found.pairs,
        rows=len(examples),
        places=places,
        batching="packed" if packed else "padded",
        padded_places=sum(batch.room for batch in padded),
        text_positions=sum(len(dense) for dense in gifts),
        attention=options.attention,
        torch_compile=options.torch_compile,
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        **({"lora_rank": options.lora_rank} if mode == "LoRA" else {}),
    )


def rows_of(positions: int, vocabulary: int) -> list[TrainingExample]:
    """Return rows that together have about `positions` places."""
    examples = []
    for example in examples_of(schedule(8 * max(1, positions // 128), vocabulary, 8)):
        if sum(len(e.sequence) for e in examples) + len(example.sequence) <= positions:
            examples.append(example)
    return examples


def step_on_full_logits(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: list[Batch],
    gifts: list[torch.Tensor],
    dtype: str,
) -> None:
    """Compute the logits at every place, and compare those at text positions with the teacher's."""
    positions = sum(len(dense) for dense in gifts)
    for batch, dense in zip(batches, gifts, strict=True):
        read = {name: values for name, values in batch.model.items() if name != "logits_at"}
        with half_precision(batch.model["input_ids"].device.type, dtype):
            logits = model(**read).logits.flatten(0, 1)[batch.model["logits_at"]]
        student, teacher = functional.log_softmax(logits.float(), dim=-1), functional.softmax(dense, dim=-1)
        (functional.kl_div(student, teacher, reduction="sum") / positions).backward()
    optimizer.step()
    optimizer.zero_grad()


if __name__ == "__main__":
    main()
