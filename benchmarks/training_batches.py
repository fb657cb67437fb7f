"""Make batches for training, and run the step that is timed: forward, loss, backward, optimizer."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from saladkit.batches import place_on_lines
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.batched_sequences import pack_sequences
from saladkit.rows.training_rows import TrainingExample
from saladkit.settings.distill import AdapterSettings
from saladkit.teacher.distributions import SampledDistributions
from saladkit.teacher.head import LossRequest
from saladkit.teacher.signals import doubled_at
from shapes import configuration

DISTINCT = 12
SMALL_ADAPTER = AdapterSettings(
    adapter_layers=1, adapter_width=32, adapter_mlp_width=64, adapter_heads=2, adapter_kv_heads=1
)


@dataclass(frozen=True)
class Batch:
    """Arguments of the model, the loss at its head, and the rows in their order."""

    model: dict[str, torch.Tensor]
    requests: list[LossRequest]
    rows: list[TrainingExample]

    @property
    def places(self) -> int:
        """The number of places that hold a token or a speech vector."""
        return sum(len(row.sequence) for row in self.rows)

    @property
    def room(self) -> int:
        """The number of places, padding included."""
        return self.model["input_ids"].numel()


def speech_model(
    shape: str, *, device: str, layers: int | None = None, attention: str = "sdpa"
) -> tuple[SaladForCausalLM, int]:
    """Make a speech-adapted model with random weights in float32, and return it with the size of its vocabulary.

    True shapes have the true adapter, small shapes a small one.
    """
    text = configuration(shape, layers)
    small = shape in ("small", "tiny")
    adapter = adapter_configuration(SMALL_ADAPTER if small else AdapterSettings())
    text._attn_implementation = adapter._attn_implementation = attention
    torch.manual_seed(0)
    with torch.device(device):
        model = SaladForCausalLM(SaladConfig(text_config=text, adapter_config=adapter))
    return model.train(), text.vocab_size


def make_batch(examples: list[TrainingExample], *, packed: bool, model: SaladForCausalLM, device: str) -> Batch:
    """Make a batch, packed as `distill` packs or padded; a row's teacher depends only on the row's own tokens."""
    lengths = [len(example.sequence) for example in examples]
    config = model.language_model.config
    lines = place_on_lines(lengths, doubled_at(config)) if packed else [[row] for row in range(len(examples))]
    collated = pack_sequences([[examples[row].sequence for row in line] for line in lines])
    examples = [examples[row] for line in lines for row in line]
    labels = torch.cat([torch.from_numpy(e.labels()) for e in examples])
    vocabulary = config.vocab_size
    shifts = torch.arange(DISTINCT) * (vocabulary // DISTINCT)
    ids = (labels[:, None] + shifts) % vocabulary
    weights = torch.softmax(-torch.arange(DISTINCT) / 2.0, dim=0).expand(len(labels), -1).contiguous()
    teacher = SampledDistributions(ids.to(device), weights.to(device))
    return Batch(
        {name: values.to(device) for name, values in collated.items()},
        [LossRequest(teacher, labels.to(device))],
        examples,
    )


def half_precision(device: str, dtype: str) -> AbstractContextManager:
    """Return the context of a step: bfloat16 by autocast, with weights in float32, as `distill --bf16` does."""
    return torch.autocast(device, dtype=torch.bfloat16) if dtype == "bfloat16" else nullcontext()


def train_on(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, batches: list[Batch], dtype: str = "float32"
) -> float:
    """Run one optimizer step, and return the loss as the mean over text positions."""
    positions = sum(len(part) for batch in batches for part in batch.requests)
    losses = []
    for batch in batches:
        with half_precision(batch.model["input_ids"].device.type, dtype):
            loss = model(**batch.model, requests=batch.requests).loss / positions
        loss.backward()
        losses.append(loss.detach())
    optimizer.step()
    optimizer.zero_grad()
    return torch.stack(losses).sum().item()
