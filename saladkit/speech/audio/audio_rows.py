"""The one rule for rows whose audio cannot be used, which every command that reads audio keeps through `AudioRows`.

Such rows are left out and listed with the reason. If they are more than half of a source, nothing is made; with
`--strict`, the first of them is an error.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from saladkit.errors import SaladError
from saladkit.formats.artefact import BAD_AUDIO
from saladkit.formats.samples import iterate_rows
from saladkit.progress import progress, say
from saladkit.speech.audio.decoding import decode_and_mend, seconds_of_row

_SHOWN = 3  # ids in a note


@dataclass
class AudioRows:
    """What a command has found out about the audio of one source.

    Attributes:
        source: where the rows were read.
        strict: whether a row whose audio cannot be used is an error.
        bad: those rows by id, each with the reason and the fix.
        scaled: ids of rows stored as floats with 16-bit values, which were scaled.
        one_channel: ids of rows whose channels cancel each other, of which the loudest was taken.
    """

    source: str
    strict: bool = False
    bad: dict[str, tuple[str, str]] = field(default_factory=dict)
    scaled: list[str] = field(default_factory=list)
    one_channel: list[str] = field(default_factory=list)

    def decode(self, row: dict) -> tuple[np.ndarray, int] | None:
        """Return the samples, float32 [n], and the rate of a row in Hz; None if its audio cannot be used.

        Raises:
            SaladError: it cannot be used, and the rule is strict.
        """
        try:
            decoded = decode_and_mend(row, self.source)
        except SaladError as error:
            self.leave_out(row["id"], error)
            return None
        self.scaled += [row["id"]] if decoded.scaled else []
        self.one_channel += [row["id"]] if decoded.one_channel else []
        return decoded.samples, decoded.sample_rate

    def check_further(self, id_: str, recording: dict) -> None:
        """Leave out the row `id_` if a further recording of it, given with an id of its own, cannot be used."""
        try:
            decode_and_mend(recording, self.source)
        except SaladError as error:
            self.leave_out(id_, error)

    def seconds(self, row: dict) -> float | None:
        """Return the length of a row's audio in s; otherwise as `decode`."""
        try:
            return seconds_of_row(row, self.source)
        except SaladError as error:
            self.leave_out(row["id"], error)
            return None

    def leave_out(self, id_: str, error: SaladError) -> None:
        """List a row that cannot be used for the reason of `error`; raise the error if the rule is strict."""
        if self.strict:
            raise error
        self.bad.setdefault(id_, (error.problem, error.fix))

    def check(self, total: int) -> None:
        """Check that at most half of the `total` rows of the source were left out.

        Raises:
            SaladError: more were; with the reason and the fix of the first.
        """
        if 2 * len(self.bad) > total:
            reason, fix = next(iter(self.bad.values()))
            of = f"{len(self.bad)} of the {total} rows of {self.source}, more than half, cannot be used"
            raise SaladError(reason if total == 1 else f"{reason}; {of}", fix)

    def usable(self, table: pa.Table) -> pa.Table:
        """Return the rows of `table` that were not left out."""
        if not self.bad:
            return table
        return table.filter(pa.array([id_ not in self.bad for id_ in table.column("id").to_pylist()], pa.bool_()))

    def sift(self, table: pa.Table) -> pa.Table:
        """Decode the audio of every row of `table`, which has `id` and `audio`, and return the rows that can be used.

        Raises:
            SaladError: as `decode` and `check`.
        """
        rows = iterate_rows(table.select(["id", "audio"]), batch_rows=1)
        for row in progress(rows, total=table.num_rows, what="decode", unit="recording"):
            self.decode(row)
        self.check(table.num_rows)
        return self.usable(table)

    def listed(self) -> list[dict]:
        """Return the rows that were left out, as a manifest lists them."""
        return [{"id": id_, "source": self.source, "reason": reason} for id_, (reason, _) in self.bad.items()]

    def record(self) -> dict:
        """Return what was found, for `restore`, if anything; a run that is resumed does not decode its rows again."""
        found = {"bad": self.bad, "scaled": self.scaled, "one_channel": self.one_channel}
        return {name: value for name, value in found.items() if value}

    def restore(self, record: dict) -> None:
        """Add what an earlier run recorded."""
        self.bad |= {id_: (reason, fix) for id_, (reason, fix) in record.get("bad", {}).items()}
        self.scaled += record.get("scaled", [])
        self.one_channel += record.get("one_channel", [])


def check_usable(found: Iterable[tuple[AudioRows, int]], discard: Callable[[], object]) -> None:
    """Check every source, given with its number of rows; call `discard` before the error.

    What was made is discarded, since a run that is resumed would not decode mended rows again.

    Raises:
        SaladError: as `AudioRows.check`.
    """
    try:
        for audio, total in found:
            audio.check(total)
    except SaladError:
        discard()
        raise


def audio_counts(found: Iterable[AudioRows | None]) -> dict[str, int]:
    """Return how many rows were left out, scaled, or heard on one channel; what did not occur is left out.

    Prints a note for each, with the ids of the first rows, and the reason and the fix of the first that was left out.
    """
    counts, sources = {}, [one for one in found if one is not None]
    for name, what in (
        (BAD_AUDIO, "left out: their audio cannot be used (see `skipped` in the manifest)"),
        ("audio_scaled", "stored as floats with 16-bit values, and scaled to [-1, 1]"),
        ("audio_of_one_channel", "heard on their loudest channel: their channels cancel each other"),
    ):
        ids = [id_ for one in sources for id_ in _ids(one, name)]
        if ids:
            counts[name] = len(ids)
            shown = ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
            say(f"rows {what}: {len(ids)} ({shown})")
        if name == BAD_AUDIO and ids:
            reason, fix = next(next(iter(one.bad.values())) for one in sources if one.bad)
            say(f"  such as {reason}\n  fix: {fix}")
    return counts


def _ids(found: AudioRows, name: str) -> list[str]:
    return {BAD_AUDIO: list(found.bad), "audio_scaled": found.scaled, "audio_of_one_channel": found.one_channel}[name]
