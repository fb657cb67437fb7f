"""Measure the exposure gap on all rollouts of an artefact, block by block as `gap_items.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from transformers import PreTrainedTokenizerBase

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.formats.files import written_aside
from saladkit.formats.gap_table import EXPOSURE
from saladkit.formats.rollouts import read_rollouts
from saladkit.formats.tables import read_table
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import progress
from saladkit.rows.rollout_rows import check_rows, heard_rows
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.usable_speech import UsableSpeech
from saladkit.scoring.exposure import Continuations, continuations, measure
from saladkit.teacher.signals import TeacherSignal

ROLLOUTS_PER_BLOCK = 512


@dataclass(frozen=True)
class ExposureMeasurement:
    """Everything that the exposure gap is measured with.

    Attributes:
        checkpoint: name of the student, for errors.
        cache: the teacher cache; None if the text LLM runs.
    """

    student: SaladForCausalLM
    teacher: TeacherSignal
    cache: TeacherCache | None
    layout: SequenceLayout
    batch_size: int
    checkpoint: str

    def laid_out(
        self, path: str, speech: Sequence[UsableSpeech], tokenizer: PreTrainedTokenizerBase
    ) -> list[Continuations]:
        """Return the two continuations of each prompt of the rollouts that has a true text behind it.

        Args:
            path: the rollouts.
            speech: the samples from which the prompts were taken.
            tokenizer: the student's.

        Raises:
            SaladError: there are no rollouts, a prompt is of no row of the samples, the cache lacks a text, or nothing
                follows any prompt.
        """
        stored = list(read_rollouts(path))
        check_rows(stored, path)
        heard = heard_rows(speech, {row["source_id"] for row in stored}, tokenizer)
        laid = [continuations(row, heard.get(row["source_id"]), path) for row in stored]
        pairs = [pair for pair in laid if pair is not None]
        if not pairs:
            raise SaladError(f"{path}: no prompt has a true text behind it", "Make rollouts of shorter --prompt-words.")
        self._check_cached(pairs, path)
        return pairs

    def measured(self, pairs: list[Continuations], folder: Path) -> list[dict]:
        """Return rows of `formats.gap_table.EXPOSURE`.

        Args:
            folder: where finished blocks are kept until the gap table is complete.

        Raises:
            SaladError: a figure is not finite.
        """
        found: list[dict] = []
        for begin in range(0, len(pairs), ROLLOUTS_PER_BLOCK):
            block = folder / f"exposure-{begin}.parquet"
            if not block.exists():
                rows = self._block(pairs[begin : begin + ROLLOUTS_PER_BLOCK])
                with written_aside(block) as aside:
                    pq.write_table(pa.Table.from_pylist(rows, EXPOSURE), aside)
            found += read_table(block, EXPOSURE).to_pylist()
        return found

    def _block(self, pairs: list[Continuations]) -> list[dict]:
        lengths = [len(pair.own.text.token_ids) for pair in pairs]
        found: dict[int, dict] = {}
        batches = batches_by_length(lengths, items=max(1, self.batch_size // 2))  # each is two sequences
        for batch in progress(batches, what="exposure", unit="batch"):
            rows = measure(self.student, self.teacher, [pairs[place] for place in batch], self.layout)
            found |= zip(batch, rows, strict=True)
        for row in found.values():
            if not np.isfinite([row["own_kl"], row["text_kl"], *row["log_ratios"]]).all():
                raise SaladError(
                    f"{self.checkpoint} or the teacher gives rollout '{row['id']}' probabilities that are not finite",
                    "Try --dtype float32. If that does not help, a checkpoint is damaged: give another one.",
                )
        return [found[place] for place in range(len(pairs))]

    def _check_cached(self, pairs: list[Continuations], path: str) -> None:
        if self.cache is None:
            return
        for pair in pairs:
            if not all(self.cache.has(tokens) for tokens in pair.read_by_teacher()):
                raise SaladError(
                    f"{self.cache.name} lacks the tokens of rollout '{pair.row['id']}' of {path}, or those of its row",
                    "Run `saladkit cache-teacher` on the samples and the rollouts together, or give the text LLM.",
                )
