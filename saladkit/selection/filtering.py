"""Leave out the texts of a pool that may not be chosen: all filters, one after another."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from saladkit.selection.evaluation_filter import EvaluationFilter
from saladkit.selection.known_pool import KnownPool
from saladkit.selection.left_out import BAD_SPEECH, EXCLUDED, LeftOut, leave_out_unfit
from saladkit.selection.texts import Texts
from saladkit.settings.select import SelectSettings
from saladkit.sources.samples import read_samples


def leave_out(
    left_out: LeftOut,
    texts: Texts,
    known: KnownPool,
    evaluation: EvaluationFilter | None,
    settings: SelectSettings,
    *,
    embed: bool,
) -> dict[str, int]:
    """Leave out texts of `exclude`, texts of regions with bad speech, and texts that the filters refuse.

    Args:
        evaluation: the questions of `decontaminate`; None without any.
        embed: whether to apply `decontaminate_cosine`, which embeds the questions and takes time.

    Returns:
        Figures of `evaluation`.

    Raises:
        SaladError: samples cannot be read, or the embedder of the regions has changed.
    """
    for source in settings.exclude:
        taken = read_samples(source, needed=["id"], optional=[]).column("id")
        left_out.leave(np.flatnonzero(pc.is_in(pa.array(left_out.ids), value_set=taken.combine_chunks())), EXCLUDED)
    if not settings.probing:
        left_out.leave(np.flatnonzero(np.isin(known.region, list(known.bad_speech))), BAD_SPEECH)
    leave_out_unfit(left_out, texts, settings)
    return {} if evaluation is None else evaluation.leave_out(left_out, known, embed=embed)
