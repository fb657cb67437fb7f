"""Leave out the texts of a pool that may not be chosen: all filters, one after another."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.machine import resolve_device
from saladkit.progress import say
from saladkit.selection.evaluation_overlap import leave_out_near, leave_out_same_words, read_wordings
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import BAD_SPEECH, EXCLUDED, LeftOut, leave_out_unfit
from saladkit.selection.texts import Texts
from saladkit.settings.select import SelectSettings
from saladkit.sources.samples import read_samples


def leave_out(left_out: LeftOut, texts: Texts, known: KnownPool, settings: SelectSettings, *, embed: bool) -> None:
    """Leave out texts of `exclude`, texts of regions with bad speech, and texts that the filters refuse.

    Args:
        embed: whether to apply `decontaminate_cosine`, which embeds the questions and takes time.

    Raises:
        SaladError: samples cannot be read, a question is empty, or the embedder of the regions has changed.
    """
    for source in settings.exclude:
        taken = read_samples(source, needed=["id"], optional=[]).column("id")
        left_out.leave(np.flatnonzero(pc.is_in(pa.array(left_out.ids), value_set=taken.combine_chunks())), EXCLUDED)
    if not settings.probing:
        left_out.leave(np.flatnonzero(np.isin(known.region, known.bad_speech)), BAD_SPEECH)
    leave_out_unfit(left_out, texts, settings)
    wordings = read_wordings(settings.decontaminate)
    if not wordings:
        return
    too_short = leave_out_same_words(left_out, texts, wordings, settings.ngram)
    if too_short:
        say(f"select: {too_short} questions are too short to be looked for word for word")
    if embed and settings.decontaminate_cosine is not None:
        distances, nearest = known.nearest_of([text for _, text in wordings], resolve_device(settings.device))
        ids = [id_ for id_, _ in wordings]
        leave_out_near(left_out, distances, nearest, ids, settings.decontaminate_cosine)
