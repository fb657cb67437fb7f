"""Measure the gap of every row of a source, block by block: an interrupted run repeats at most one block."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.batches import batches_by_length
from saladkit.errors import SaladError
from saladkit.formats.files import written_aside
from saladkit.formats.gap_table import BY_DISTANCE, SUMMED, read_items, with_gaps, write_items
from saladkit.formats.samples import iterate_rows
from saladkit.model.salad import SaladForCausalLM
from saladkit.progress import progress
from saladkit.rows.sequences import Sequence, SequenceLayout
from saladkit.rows.training_rows import TrainingSource
from saladkit.scoring.divergence import ItemSums, add_divergences, probe_sequences
from saladkit.settings.gap import GapSettings
from saladkit.sources.samples import read_samples
from saladkit.speech.audio.decoding import decode_row
from saladkit.speech.normalizing.spoken_form import spoken_form
from saladkit.speech.transcribers.error_rates import Errors, compared_characters, transcript_errors
from saladkit.speech.transcribers.transcriber import Transcriber
from saladkit.teacher.signals import TeacherSignal

ROWS_PER_BLOCK = 512
UNMEASURED = "no text token follows speech in any draw"


@dataclass(frozen=True)
class GapMeasurement:
    """Everything that the gap of a row is measured with.

    Attributes:
        checkpoint: name of the student, for errors.
        about: rows by id, with `synthetic`, and with `domain`, `speaker`, `cer` where the samples have them.
        region_of: region by id; empty where no regions are given.
        ratios: duration ratio by id.
        transcriber: speech recognizer that measures `cer`; None to take `cer` from the samples.
    """

    student: SaladForCausalLM
    teacher: TeacherSignal
    layout: SequenceLayout
    settings: GapSettings
    checkpoint: str
    about: dict[str, dict]
    region_of: dict[str, int]
    ratios: dict[str, float]
    transcriber: Transcriber | None

    def of_source(self, source: TrainingSource, folder: Path, number: int) -> tuple[list[dict], list[dict]]:
        """Return the items of a source, and the rows that could not be measured, with `id`, `source` and `reason`.

        Args:
            folder: where finished blocks are kept until the gap table is complete.
            number: index of the source, for the names of its blocks.
        """
        recordings = None
        if self.transcriber is not None:
            needed, names, limit = ["id", "text", "audio"], self.settings.names, self.settings.limit
            recordings = read_samples(
                source.name, needed=needed, lacking=["audio"], optional=[], names=names, limit=limit
            )
        items: list[dict] = []
        skipped = [{"id": id_, "source": source.name, "reason": reason} for id_, reason in source.left_out]
        for begin in range(0, len(source), ROWS_PER_BLOCK):
            rows = range(begin, min(begin + ROWS_PER_BLOCK, len(source)))
            block = folder / f"items-{number}-{rows.start}-{rows.stop}.parquet"
            if not block.exists():
                with written_aside(block) as aside:
                    write_items(aside, self._block(source, rows, recordings))
            measured = read_items(block)
            items += measured
            found = {item["id"] for item in measured}
            unmeasured = [source.ids[row] for row in rows if source.ids[row] not in found]
            skipped += [{"id": id_, "source": source.name, "reason": UNMEASURED} for id_ in unmeasured]
        return items, skipped

    def _block(self, source: TrainingSource, rows: range, recordings: pa.Table | None) -> list[dict]:
        settings = self.settings
        probes = [
            (row, sequence)
            for row in rows
            for sequence in probe_sequences(
                source, row, self.layout, settings, settings.interleavings, settings.seed, settings.context
            )
        ]
        sums = self._sums(source, probes)
        errors = self._error_rates(recordings, [source.ids[row] for row in sorted(sums)], source.name)
        return [self._item(self.about[source.ids[row]], sums[row], errors) for row in sorted(sums)]

    def _sums(self, source: TrainingSource, probes: list[tuple[int, Sequence]]) -> dict[int, ItemSums]:
        sums: dict[int, ItemSums] = {}
        batches = batches_by_length([len(sequence) for _, sequence in probes], items=self.settings.batch_size)
        for batch in progress(batches, what="gap", unit="batch"):
            add_divergences(self.student, self.teacher, source, [probes[index] for index in batch], self.layout, sums)
        return sums

    def _item(self, row: dict, sums: ItemSums, errors: dict[str, Errors | None]) -> dict:
        figures = with_gaps({name: getattr(sums, name) / sums.tokens for name in SUMMED})
        if not np.all(np.isfinite(list(figures.values()))):
            raise SaladError(
                f"{self.checkpoint} or the teacher gives row '{row['id']}' probabilities that are not finite",
                "Try --dtype float32. If that does not help, a checkpoint is damaged: give another one.",
            )
        id_ = row["id"]
        found, cer = errors.get(id_), row.get("cer")
        if id_ in errors:
            cer = None if found is None else found.rate
        return {
            "id": id_,
            "region": self.region_of.get(id_),
            "domain": row.get("domain"),
            "speaker": row.get("speaker"),
            "tokens": sums.tokens,
            **figures,
            "tokens_behind": sums.behind["tokens"].astype(int).tolist(),
            **{f"{name}_behind": sums.behind[name].tolist() for name in BY_DISTANCE},
            "cer": cer if cer is not None and np.isfinite(cer) else None,
            # The rate that `synth` has stored is of the text as written or as spoken, which are about equally long.
            "cer_characters": compared_characters(row["text"]) if found is None else found.characters,
            "synthetic": row["synthetic"],
            "duration_ratio": self.ratios.get(id_),
        }

    def _error_rates(self, recordings: pa.Table | None, ids: list[str], source: str) -> dict[str, Errors | None]:
        """Return the errors of each recording's transcript; nothing without a recognizer."""
        if recordings is None or self.transcriber is None:
            return {}
        table = recordings.filter(pc.is_in(recordings.column("id"), pa.array(ids)))
        found = {}
        for row in progress(iterate_rows(table), total=table.num_rows, what="transcribe"):
            (written,) = self.transcriber.transcribe([decode_row(row, source)])
            found[row["id"]] = transcript_errors([row["text"], spoken_form(row["text"], "en").text], written, "en")
        return found
